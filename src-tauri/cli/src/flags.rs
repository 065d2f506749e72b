//! The flags, and one line for whatever is wrong with them.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory as _, Parser, ValueEnum};
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp::{ChunkSize, ReconnectUrl};

use crate::arguments;
use crate::exit::Exit;
use crate::values::{self, Relay};

/// Weir without a window: takes streams over RTMP, plays, records and sends them on.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "weir", bin_name = "weir serve", version, disable_version_flag = true, args_override_self = false)]
pub(crate) struct Flags {
    /// Address for RTMP: `:1935` (every interface), `localhost:1935`, `192.168.1.5:1935` [default: :1935]
    #[arg(long, value_name = "ADDR", env = "WEIR_LISTEN", value_parser = values::address)]
    pub(crate) listen: Option<ListenAddress>,
    /// Record every stream: true, 1, yes, false, 0 or no
    #[arg(long, value_name = "YES", env = "WEIR_RECORD_ALL", num_args = 0..=1, default_missing_value = "true",
        value_parser = values::switch)]
    pub(crate) record_all: Option<bool>,
    /// Folder for recordings [default: recordings]
    #[arg(long, value_name = "DIR", env = "WEIR_RECORD_DIR", value_parser = values::folder)]
    pub(crate) record_dir: Option<PathBuf>,
    /// Begin a new recording file after this long, at a key frame: 1h, 30m, 90s or seconds [default: one file]
    #[arg(long, value_name = "TIME", env = "WEIR_SEGMENT_DURATION", value_parser = values::duration)]
    pub(crate) segment_duration: Option<std::time::Duration>,
    /// Names of those files: %s stream, %d number (%03d), %T time, %Y %m %D %H %M %S, %% [default: %s_%T_seg%03d]
    #[arg(long, value_name = "PATTERN", env = "WEIR_SEGMENT_PATTERN", value_parser = values::pattern)]
    pub(crate) segment_pattern: Option<weir_engine::recording::Pattern>,
    /// RTMP chunk size to send with, 1 to 65536 bytes [default: 60000]
    #[arg(long, value_name = "BYTES", env = "WEIR_CHUNK_SIZE", value_parser = values::chunk_size)]
    pub(crate) chunk_size: Option<ChunkSize>,
    /// Server to send streams on to, rtmp://host/app/key; may be given several times
    #[arg(long, value_name = "URL", env = "WEIR_RELAY_TO", hide_env_values = true, value_delimiter = ' ',
        value_parser = values::relay)]
    pub(crate) relay_to: Vec<Relay>,
    /// Where SIGUSR1 sends clients that understand it, rtmp://host/app without a key [default: the same address]
    #[arg(long, value_name = "URL", env = "WEIR_RECONNECT_URL", hide_env_values = true,
        value_parser = values::reconnect)]
    pub(crate) reconnect_url: Option<ReconnectUrl>,
    /// Address for the page and the API, such as 127.0.0.1:8935 [default: off]
    #[arg(long, value_name = "ADDR", env = "WEIR_HTTP", value_parser = values::address)]
    pub(crate) http: Option<ListenAddress>,
    /// Settings file [default: config.toml in the system's place for settings]
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", value_parser = values::file)]
    pub(crate) config: Option<PathBuf>,
    /// Folder for everything Weir keeps, settings included [default: the system's place for data]
    #[arg(long, value_name = "DIR", env = "WEIR_DATA_DIR", value_parser = values::folder)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How much is told on standard error
    #[arg(long, value_name = "LEVEL", env = "WEIR_LOG_LEVEL", default_value = "info")]
    pub(crate) log_level: LogLevel,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Also each message.
    Debug,
    /// What begins and ends.
    Info,
    /// What is degraded.
    Warn,
    /// What somebody must act on.
    Error,
}

/// Reads the flags of a command line, the program's name first.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Flags, Exit> {
    let mut line = line.into_iter();
    let program = line.next().unwrap_or_else(|| OsString::from("weir"));
    let given = arguments::normalize(line, &long_names())?;
    let all = std::iter::once(program).chain(given.iter().cloned());
    Flags::try_parse_from(all).map_err(|error| explain(&error, &given))
}

fn long_names() -> Vec<String> {
    let mut command = Flags::command();
    command.build();
    command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
}

/// One line that says what is wrong and what to do.
fn explain(error: &clap::Error, given: &[OsString]) -> Exit {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    // Clap writes `--listen <ADDR>`.
    let flag = text(ContextKind::InvalidArg).and_then(|flag| flag.split([' ', '=', '[']).next()).unwrap_or_default();
    let place = place(flag, given);
    let unknown = as_written(flag, given);
    let help = "see weir --help";
    Exit::Misused(match error.kind() {
        ErrorKind::DisplayHelp => return Exit::Answer(error.to_string()),
        ErrorKind::DisplayVersion => return Exit::Answer(format!("weir {}", env!("CARGO_PKG_VERSION"))),
        ErrorKind::UnknownArgument if !flag.starts_with('-') => {
            format!("{flag:?} belongs to no flag; {help}")
        }
        ErrorKind::UnknownArgument => match text(ContextKind::SuggestedArg) {
            Some(meant) => format!("there is no flag {unknown}; did you mean {meant}?"),
            None => format!("there is no flag {unknown}; {help}"),
        },
        ErrorKind::ValueValidation => match error.source() {
            Some(source) => format!("{place}: {source}"),
            None => format!("{place} has a wrong value; {help}"),
        },
        ErrorKind::InvalidValue => match text(ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
            Some(value) => format!("{place}: {value:?} is none of debug, info, warn and error"),
            None => format!("{place} needs a value; {help}"),
        },
        ErrorKind::ArgumentConflict => format!("{flag} is given twice; once is enough"),
        ErrorKind::InvalidUtf8 => format!("a value is no text in UTF-8; {help}"),
        _ => format!("this command line cannot be understood; {help}"),
    })
}

/// The unknown flag as it was written: of `-name` clap sees the first letter alone. A value behind `=` may be a secret.
fn as_written<'a>(flag: &'a str, given: &'a [OsString]) -> &'a str {
    let one_dash = |text: &&str| text.starts_with(flag) && flag.len() == 2 && !flag.starts_with("--");
    let whole = given.iter().filter_map(|argument| argument.to_str()).find(one_dash);
    whole.and_then(|text| text.split('=').next()).unwrap_or(flag)
}

/// The flag, or the environment variable that stands in for it.
fn place(flag: &str, given: &[OsString]) -> String {
    let names = |argument: &OsString| {
        argument
            .to_str()
            .is_some_and(|text| text == flag || text.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
    };
    if given.iter().any(names) {
        return flag.to_owned();
    }
    format!("WEIR_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase())
}
