//! The commands, and which of them a command line means.

use std::env;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::arguments::{self, SERVE, is_given, variable};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::{config, explain, recording};

/// All commands, with what each is for.
const OVERVIEW: &str = "\
Commands:
  weir serve [FLAGS]              Take streams, play, record and send them on, until a signal ends it
  weir config check FILE          Check a settings file: line and column of its first mistake
  weir config --print-default     Print a settings file with every setting and what it means
  weir recording repair FILE...   Make recordings whole that were cut off
  weir version                    Print the version
  weir help [COMMAND]             Print this, or the help of a command

Without a command, weir does what weir serve does and takes its flags: weir --listen :1935
Every flag is explained by: weir serve --help";

/// Weir without a window: takes streams over RTMP and SRT, plays, records and sends them on.
#[derive(Debug, Parser)]
#[command(name = "weir", version, disable_version_flag = true, after_help = OVERVIEW)]
#[command(
    override_usage = "weir [COMMAND]",
    help_template = "{about-with-newline}\n{usage-heading} {usage}{after-help}"
)]
struct Line {
    #[command(subcommand)]
    command: Command,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// What a command line asks for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take streams, play, record and send them on, until a signal ends it; each flag stands over its variable in the
    /// environment, and that over the settings file
    Serve(Box<Flags>),
    /// Check a settings file, or print a complete one
    Config(config::Asked),
    /// Repair recordings
    Recording {
        #[command(subcommand)]
        asked: recording::Asked,
    },
    /// Print the version
    Version,
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let mut line = line.into_iter();
    let program = line.next().unwrap_or_else(|| OsString::from("weir"));
    let command = without_empty_variables(Line::command());
    let given = arguments::normalize(line, &long_names(command.clone()));
    let (word, rest) = given.split_at(given.len().min(1));
    let of_environment = if word.iter().any(|word| word == SERVE) { of_environment(&given) } else { Vec::new() };
    let all = std::iter::once(program).chain(word.iter().cloned()).chain(of_environment).chain(rest.iter().cloned());
    let matches = command.try_get_matches_from(all).map_err(|error| explain::explain(&error, &given))?;
    let line = Line::from_arg_matches(&matches).map_err(|error| explain::explain(&error, &given))?;
    Ok(match line.command {
        Command::Serve(flags) => Command::Serve(Box::new(flags.knowing(&given))),
        other => other,
    })
}

/// What the version is told as.
pub(crate) fn version() -> Exit {
    Exit::Answer(format!("weir {}", env!("CARGO_PKG_VERSION")))
}

/// Flags that may be given several times. Their variable holds them all, with spaces between; on the command line a space
/// belongs to the value.
const LISTS: [&str; 4] = ["auth-token", "relay-to", "hook-script", "hook-webhook"];

/// The flags that a variable with several values stands for, unless the command line says otherwise.
fn of_environment(given: &[OsString]) -> Vec<OsString> {
    let absent = LISTS.iter().map(|name| format!("--{name}")).filter(|flag| !is_given(flag, given));
    let values = absent.filter_map(|flag| env::var(variable(&flag)).ok().map(|values| (flag, values)));
    let split = |(flag, values): (String, String)| -> Vec<OsString> {
        values.split_whitespace().map(|value| format!("{flag}={value}").into()).collect()
    };
    values.flat_map(split).collect()
}

/// A variable without a value is no variable: files that set them all are easier to keep with the unused ones left empty.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_subcommand(SERVE, |serve| {
        serve.mut_args(|flag| {
            let is_list = flag.get_long().is_some_and(|name| LISTS.contains(&name));
            let is_empty = flag.get_env().and_then(env::var_os).is_some_and(|value| match value.to_str() {
                Some(text) if is_list => text.trim().is_empty(),
                _ => value.is_empty(),
            });
            if is_empty { flag.env(Resettable::Reset) } else { flag }
        })
    })
}

fn long_names(mut command: clap::Command) -> Vec<String> {
    command.build();
    let mut commands = vec![&command];
    let mut names: Vec<String> = Vec::new();
    while let Some(command) = commands.pop() {
        names.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
        commands.extend(command.get_subcommands());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_has_every_command() {
        let mut line = Line::command();
        line.build();
        line.clone().debug_assert();
        let named = |text: &str| OVERVIEW.contains(&format!("  weir {text}"));
        for command in line.get_subcommands() {
            assert!(named(command.get_name()), "{}", command.get_name());
            for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
                let line = format!("{} {}", command.get_name(), below.get_name());
                assert!(command.get_name() == "help" || named(&line), "{line}");
            }
        }
    }
}
