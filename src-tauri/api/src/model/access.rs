//! Who may publish and watch.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::{Engine, auth};
use weir_media::Secret;

use super::Notice;
use super::secret::optional_secret;
use super::time::seconds;

/// How it is decided who may publish and watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// Everybody who reaches a listener may.
    None,
    /// Whoever has a stream key made here, or a token that the command line gave.
    Token,
    /// Whoever has a token of a file.
    File,
    /// Whoever another program says, which is asked over HTTP.
    Callback,
}

/// Who may publish and watch.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Access {
    /// How it is decided.
    pub mode: AccessMode,
    /// Whether watching needs no key although publishing does.
    pub open_playback: bool,
    /// Whether any listener that is up lets other devices in.
    pub open_to_network: bool,
    /// What the user should know or do, e.g. `open_without_keys`; null when all is well.
    pub notice: Option<Notice>,
    /// How many stream keys there are for publishing.
    pub publish_keys: usize,
    /// How many stream keys there are for watching.
    pub play_keys: usize,
    /// How many tokens the command line gave; they hold in mode `token`.
    pub given_tokens: usize,
    /// File of mode `file`, full path; null when none is set.
    pub file: Option<String>,
    /// How many of its tokens are in force.
    pub file_tokens: usize,
    /// Address of mode `callback`; null when none is set. Of one with a user name, a password or a query only the host is shown,
    /// and `•••` for the rest.
    pub callback: Option<String>,
    /// How long the callback may take, seconds.
    pub callback_timeout_seconds: f64,
    /// Wrong tries from one address after which it is not listened to for a while.
    pub wrong_tries: u32,
    /// Time after which one of them is forgiven, seconds.
    pub wrong_try_seconds: f64,
}

/// What can be changed about it. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessPatch {
    /// How it is decided.
    pub mode: Option<AccessMode>,
    /// Whether watching needs no key although publishing does.
    pub open_playback: Option<bool>,
    /// File of mode `file`, full path.
    pub file: Option<String>,
    /// Address of mode `callback`, `http://` or `https://`. As it is shown it stays as it is.
    #[schema(value_type = Option<String>, example = "http://127.0.0.1:8000/auth")]
    #[serde(default, deserialize_with = "optional_secret")]
    pub callback: Option<Secret<String>>,
    /// How long the callback may take, seconds, 0.1 to 60.
    #[schema(minimum = 0.1, maximum = 60)]
    pub callback_timeout_seconds: Option<f64>,
    /// Wrong tries from one address after which it is not listened to for a while, 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    pub wrong_tries: Option<u32>,
    /// Time after which one of them is forgiven, seconds, 1 to 3600.
    #[schema(minimum = 1, maximum = 3600)]
    pub wrong_try_seconds: Option<f64>,
}

impl Access {
    pub(crate) fn new(engine: &Engine) -> Self {
        let config = engine.config().auth;
        let gate = &engine.context().gate;
        let (keys, file) = (gate.keys(), gate.file());
        let count = |action| keys.iter().filter(|key| key.action == action).count();
        Self {
            mode: config.mode.into(),
            open_playback: config.open_playback,
            open_to_network: open_to_network(engine),
            notice: notice(engine, &config, &file),
            publish_keys: count(auth::Action::Publish),
            play_keys: count(auth::Action::Play),
            given_tokens: gate.given(),
            file: config.file.as_ref().map(|file| file.display().to_string()),
            file_tokens: file.tokens,
            callback: auth::shown_callback(&config, engine.secrets()),
            callback_timeout_seconds: seconds(config.callback_timeout_seconds.duration()),
            wrong_tries: config.wrong_tries,
            wrong_try_seconds: seconds(config.wrong_try_seconds.duration()),
        }
    }
}

/// What should be known about who may enter.
pub(crate) fn of_engine(engine: &Engine) -> Option<Notice> {
    notice(engine, &engine.config().auth, &engine.context().gate.file())
}

fn notice(engine: &Engine, config: &auth::Config, file: &auth::FileStatus) -> Option<Notice> {
    let notice = |code: &str, message: String, hint: &str| {
        Some(Notice { code: code.to_owned(), message, hint: hint.to_owned() })
    };
    match config.mode {
        auth::Mode::None if open_to_network(engine) => notice(
            "open_without_keys",
            "Every device that reaches this computer may publish and watch.".to_owned(),
            "Ask for keys, or let only this computer connect.",
        ),
        auth::Mode::Token if engine.context().gate.keys().is_empty() && engine.context().gate.given() == 0 => notice(
            "no_keys_yet",
            "Keys are asked for and there is none, so nobody can publish or watch.".to_owned(),
            "Make a stream key.",
        ),
        auth::Mode::File => file.trouble.as_ref().and_then(|trouble| {
            notice(
                "auth_file_unusable",
                format!("The file of tokens cannot be used: {trouble}."),
                "Correct the file; it is read again by itself.",
            )
        }),
        _ => None,
    }
}

fn open_to_network(engine: &Engine) -> bool {
    let listeners = engine.listeners();
    let mut bound = listeners.iter().flat_map(|listener| listener.state.bound());
    bound.any(|bound| !bound.ip().to_canonical().is_loopback())
}

impl From<auth::Mode> for AccessMode {
    fn from(mode: auth::Mode) -> Self {
        match mode {
            auth::Mode::None => Self::None,
            auth::Mode::Token => Self::Token,
            auth::Mode::File => Self::File,
            auth::Mode::Callback => Self::Callback,
        }
    }
}

impl From<AccessMode> for auth::Mode {
    fn from(mode: AccessMode) -> Self {
        match mode {
            AccessMode::None => Self::None,
            AccessMode::Token => Self::Token,
            AccessMode::File => Self::File,
            AccessMode::Callback => Self::Callback,
        }
    }
}
