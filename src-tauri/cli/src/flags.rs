//! The flags of `weir serve`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use weir_engine::auth;
use weir_engine::hook::{Concurrency, StdioFormat};
use weir_engine::log;
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp::{ChunkSize, ReconnectUrl};
use weir_engine::protocol::srt::{KeyLength, LatencyMillis};
use weir_media::Secret;

use crate::arguments::{is_given, variable};
use crate::values::{self, GivenHook, Relay};

/// What `weir serve` can be told.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(version, disable_version_flag = true, args_override_self = false)]
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
    /// Private key of --tls-cert in PEM form, not encrypted
    #[arg(long, value_name = "FILE", env = "WEIR_TLS_KEY", value_parser = values::file)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Who may publish and watch: none (everybody), token, file or callback [default: what --auth-token, --auth-file or
    /// --auth-callback stands for, none without them]
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
    /// How long the answer of --auth-callback may take: 5s, 500ms or seconds [default: 5s]
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
    /// Names of the files that --segment-duration makes: %s stream, %d number (%03d), %T time, %Y %m %D %H %M %S, %% [default: %s_%T_seg%03d]
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
    /// Where SIGUSR1 sends clients that understand it: rtmp://host/app without a key, or relative to where each is: //host/app,
    /// /app or app [default: the same address]
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
    /// Write each event to standard error: json (one line), env (a line for each value) or off [default: off]
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
    /// How the lines of the log are written: text or json [default: text]
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

    /// The same, with what of it was `given` on the command line.
    pub(crate) fn knowing(self, given: &[OsString]) -> Self {
        Self { exposed: self.exposed(given), ..self }
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
