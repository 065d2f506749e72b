//! One line for whatever is wrong with a command line: what is wrong, and what to do.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::arguments::{SERVE, is_given, variable};
use crate::exit::Exit;
use crate::{commands, config, recording};

/// What a command line that cannot be read leads to; `given` is that line without the program's name.
pub(crate) fn explain(error: &clap::Error, given: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp => return Exit::Answer(error.to_string()),
        ErrorKind::DisplayVersion => return commands::version(),
        _ => {}
    }
    let word = given.first().and_then(|word| word.to_str()).unwrap_or_default();
    Exit::Misused(match word {
        SERVE => flag(error, given),
        "config" => config::USAGE.to_owned(),
        "recording" => recording::USAGE.to_owned(),
        _ => match text(error, ContextKind::InvalidSubcommand) {
            Some(command) if command == word => {
                format!("there is no command {command:?}; start it with: weir serve, or see weir --help")
            }
            Some(command) => format!("there is no command {command:?}; see weir --help"),
            None => "this command line cannot be understood; see weir --help".to_owned(),
        },
    })
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    }
}

/// What is wrong with a flag of `weir serve`.
fn flag(error: &clap::Error, given: &[OsString]) -> String {
    // Clap writes `--listen <ADDR>`.
    let flag = text(error, ContextKind::InvalidArg).and_then(|flag| flag.split([' ', '=', '[']).next());
    let flag = flag.unwrap_or_default();
    let place = place(flag, given);
    let unknown = as_written(flag, given);
    let help = "see weir serve --help";
    match error.kind() {
        ErrorKind::UnknownArgument if !flag.starts_with('-') => {
            format!("{flag:?} belongs to no flag; {help}")
        }
        ErrorKind::UnknownArgument => match text(error, ContextKind::SuggestedArg) {
            Some(meant) => format!("there is no flag {unknown}; did you mean {meant}?"),
            None => format!("there is no flag {unknown}; {help}"),
        },
        ErrorKind::ValueValidation => match error.source() {
            Some(source) => format!("{place}: {source}"),
            None => format!("{place} has a wrong value; {help}"),
        },
        ErrorKind::InvalidValue => match text(error, ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
            Some(value) => format!("{place}: {value:?} is none of debug, info, warn and error"),
            None => format!("{place} needs a value; {help}"),
        },
        ErrorKind::ArgumentConflict => format!("{flag} is given twice; once is enough"),
        ErrorKind::InvalidUtf8 => format!("a value is no text in UTF-8; {help}"),
        _ => format!("this command line cannot be understood; {help}"),
    }
}

/// The unknown flag as it was written: of `-name` clap sees the first letter alone. A value behind `=` may be a secret.
fn as_written<'a>(flag: &'a str, given: &'a [OsString]) -> &'a str {
    let one_dash = |text: &&str| text.starts_with(flag) && flag.len() == 2 && !flag.starts_with("--");
    let whole = given.iter().filter_map(|argument| argument.to_str()).find(one_dash);
    whole.and_then(|text| text.split('=').next()).unwrap_or(flag)
}

/// The flag, or the environment variable that stands in for it.
fn place(flag: &str, given: &[OsString]) -> String {
    if is_given(flag, given) { flag.to_owned() } else { variable(flag) }
}
