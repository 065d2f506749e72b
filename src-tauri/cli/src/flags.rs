//! The flags, and one line for whatever is wrong with them.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory as _, Parser, ValueEnum};
use weir_engine::auth;
use weir_engine::hook::{Concurrency, StdioFormat};
use weir_engine::log;
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp::{ChunkSize, ReconnectUrl};
use weir_engine::protocol::srt::{KeyLength, LatencyMillis};
use weir_media::Secret;

use crate::arguments;
use crate::exit::Exit;
use crate::values::{self, GivenHook, Relay};

/// Weir without a window: takes streams over RTMP, plays, records and sends them on.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(name = "weir", bin_name = "weir serve", version, disable_version_flag = true, args_override_self = false)]
pub(crate) struct Flags {
    /// Address for RTMP: `:1935` (every interface), `localhost:1935`, `192.168.1.5:1935` [default: :1935]
    #[arg(long, value_name = "ADDR", env = "WEIR_LISTEN", value_parser = values::address)]
    pub(crate) listen: Option<ListenAddress>,
    /// Address for SRT over UDP, such as `:10080` [default: off]
    #[arg(long, value_name = "ADDR", env = "WEIR_SRT_LISTEN", value_parser = values::address)]
    pub(crate) srt_listen: Option<ListenAddress>,
    /// SRT latency in milliseconds, 20 to 8000: how long a lost packet may take to come again [default: 120]
    #[arg(long, value_name = "MS", env = "WEIR_SRT_LATENCY", value_parser = values::latency)]
    pub(crate) srt_latency: Option<LatencyMillis>,
    /// One SRT passphrase for all streams, 10 to 79 bytes; better kept in WEIR_SRT_PASSPHRASE, since other users of this
    /// computer can read a program's arguments [default: no encryption]
    #[arg(long, value_name = "TEXT", env = "WEIR_SRT_PASSPHRASE", hide_env_values = true,
        value_parser = values::passphrase)]
    pub(crate) srt_passphrase: Option<Secret<String>>,
    /// File with an SRT passphrase for each stream, JSON: {"live/show": "passphrase"}; read again when it changes
    #[arg(long, value_name = "FILE", env = "WEIR_SRT_PASSPHRASE_FILE", value_parser = values::file)]
    pub(crate) srt_passphrase_file: Option<PathBuf>,
    /// Bytes of the SRT encryption key that callers must use: 16, 24 or 32 [default: the caller's]
    #[arg(long, value_name = "BYTES", env = "WEIR_SRT_PBKEYLEN", value_parser = values::key_length)]
    pub(crate) srt_pbkeylen: Option<KeyLength>,
    /// Address for RTMPS, such as `:1936`; needs --tls-cert and --tls-key [default: off]
    #[arg(long, value_name = "ADDR", env = "WEIR_TLS_LISTEN", value_parser = values::address)]
    pub(crate) tls_listen: Option<ListenAddress>,
    /// Certificate for RTMPS in PEM form, the server's own first
    #[arg(long, value_name = "FILE", env = "WEIR_TLS_CERT", value_parser = values::file)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key in PEM form, not encrypted
    #[arg(long, value_name = "FILE", env = "WEIR_TLS_KEY", value_parser = values::file)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Who may publish and watch: none (everybody), token, file or callback [default: none]
    #[arg(long, value_name = "MODE", env = "WEIR_AUTH_MODE", value_parser = values::auth_mode)]
    pub(crate) auth_mode: Option<auth::Mode>,
    /// Token for a stream, app/name=token, for publishing and watching; may be given several times; better kept in
    /// WEIR_AUTH_TOKEN, since other users of this computer can read a program's arguments
    #[arg(long, value_name = "STREAM=TOKEN", env = "WEIR_AUTH_TOKEN", hide_env_values = true,
        value_parser = values::auth_token)]
    pub(crate) auth_token: Vec<auth::Given>,
    /// File with a token for each stream, JSON: {"live/show": "token"}; read again when it changes
    #[arg(long, value_name = "FILE", env = "WEIR_AUTH_FILE", value_parser = values::file)]
    pub(crate) auth_file: Option<PathBuf>,
    /// Address that is asked who may publish and watch; 2xx lets them; one with a password or a query is better kept in
    /// WEIR_AUTH_CALLBACK, since other users of this computer can read a program's arguments
    #[arg(long, value_name = "URL", env = "WEIR_AUTH_CALLBACK", hide_env_values = true,
        value_parser = values::auth_callback)]
    pub(crate) auth_callback: Option<String>,
    /// How long it may take: 5s, 500ms or seconds [default: 5s]
    #[arg(long, value_name = "TIME", env = "WEIR_AUTH_CALLBACK_TIMEOUT", value_parser = values::positive_duration)]
    pub(crate) auth_callback_timeout: Option<std::time::Duration>,
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
    /// Server to send streams on to: rtmp://host/app/key, rtmps:// or srt://host:port?streamid=key; may be given several times;
    /// one with a key is better kept in WEIR_RELAY_TO, since other users of this computer can read a program's arguments
    #[arg(long, value_name = "URL", env = "WEIR_RELAY_TO", hide_env_values = true,
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
    /// Program to run at an event, event=path; may be given several times
    #[arg(long, value_name = "EVENT=PATH", env = "WEIR_HOOK_SCRIPT",
        value_parser = values::hook_script)]
    pub(crate) hook_script: Vec<GivenHook>,
    /// Address to send an event to as JSON, event=url; may be given several times; one with a key is better kept in
    /// WEIR_HOOK_WEBHOOK, since other users of this computer can read a program's arguments
    #[arg(long, value_name = "EVENT=URL", env = "WEIR_HOOK_WEBHOOK", hide_env_values = true,
        value_parser = values::hook_webhook)]
    pub(crate) hook_webhook: Vec<GivenHook>,
    /// Write each event to standard error [default: off]
    #[arg(long, value_name = "FORMAT", env = "WEIR_HOOK_STDIO_FORMAT", value_parser = values::stdio_format)]
    pub(crate) hook_stdio_format: Option<StdioFormat>,
    /// How long a hook may take: 30s, 1m or seconds [default: 30s]
    #[arg(long, value_name = "TIME", env = "WEIR_HOOK_TIMEOUT", value_parser = values::positive_duration)]
    pub(crate) hook_timeout: Option<std::time::Duration>,
    /// How many calls of one hook run at the same time, 1 to 256 [default: 10]
    #[arg(long, value_name = "NUMBER", env = "WEIR_HOOK_CONCURRENCY", value_parser = values::concurrency)]
    pub(crate) hook_concurrency: Option<Concurrency>,
    /// Address for numbers: /metrics, /debug/vars and /debug/pprof/profile, such as 127.0.0.1:9090 [default: off]
    #[arg(long, value_name = "ADDR", env = "WEIR_METRICS_ADDR", value_parser = values::address)]
    pub(crate) metrics_addr: Option<ListenAddress>,
    /// How much is told on standard error and in the log file [default: info]
    #[arg(long, value_name = "LEVEL", env = "WEIR_LOG_LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// How it is written there [default: text]
    #[arg(long, value_name = "FORMAT", env = "WEIR_LOG_FORMAT", value_parser = values::log_format)]
    pub(crate) log_format: Option<log::Format>,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Flags of the command line that hold secrets.
    #[arg(skip)]
    exposed: Vec<&'static str>,
}

impl Flags {
    /// What to do about secrets on the command line, if there are any.
    pub(crate) fn warning(&self) -> Option<String> {
        let variables: Vec<String> = self.exposed.iter().map(|flag| variable(flag)).collect();
        (!variables.is_empty()).then(|| {
            format!(
                "the command line holds secrets, and other users of this computer can read it: give {} as {} in the \
                 environment instead",
                self.exposed.join(" and "),
                variables.join(" and ")
            )
        })
    }

    fn exposed(&self, given: &[OsString]) -> Vec<&'static str> {
        let callback = self.auth_callback.as_deref();
        let secret = [
            ("--srt-passphrase", self.srt_passphrase.is_some()),
            ("--auth-token", !self.auth_token.is_empty()),
            ("--auth-callback", callback.is_some_and(|url| auth::split_callback(url).1.is_some())),
            ("--relay-to", self.relay_to.iter().any(Relay::is_secret)),
            ("--hook-webhook", self.hook_webhook.iter().any(GivenHook::is_secret)),
        ];
        secret.into_iter().filter(|(flag, secret)| *secret && is_given(flag, given)).map(|(flag, _)| flag).collect()
    }
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

impl From<LogLevel> for log::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

/// Reads the flags of a command line, the program's name first.
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Flags, Exit> {
    let mut line = line.into_iter();
    let program = line.next().unwrap_or_else(|| OsString::from("weir"));
    let given = arguments::normalize(line, &long_names())?;
    let all = std::iter::once(program).chain(of_environment(&given)).chain(given.iter().cloned());
    let flags = Flags::try_parse_from(all).map_err(|error| explain(&error, &given))?;
    Ok(Flags { exposed: flags.exposed(&given), ..flags })
}

/// Flags that may be given several times. Their variable holds them all, with spaces between; on the command line a space
/// belongs to the value.
const LISTS: [&str; 4] = ["auth-token", "relay-to", "hook-script", "hook-webhook"];

/// The flags that a variable with several values stands for, unless the command line says otherwise.
fn of_environment(given: &[OsString]) -> Vec<OsString> {
    let absent = LISTS.iter().map(|name| format!("--{name}")).filter(|flag| !is_given(flag, given));
    let values = absent.filter_map(|flag| std::env::var(variable(&flag)).ok().map(|values| (flag, values)));
    let split = |(flag, values): (String, String)| -> Vec<OsString> {
        values.split_whitespace().map(|value| format!("{flag}={value}").into()).collect()
    };
    values.flat_map(split).collect()
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
    if is_given(flag, given) { flag.to_owned() } else { variable(flag) }
}

fn is_given(flag: &str, given: &[OsString]) -> bool {
    given
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|text| text == flag || text.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
}

fn variable(flag: &str) -> String {
    format!("WEIR_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase())
}
