//! What can be set about who may publish and watch.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::callback::check_callback;
use crate::config::{Seconds, range};

/// Who may publish and who may watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How it is decided: `none`, `token`, `file` or `callback`. Default `none`: everybody who reaches a listener may
    /// publish and watch, which is right for this computer alone.
    pub mode: Mode,
    /// Whether watching needs no key although publishing does. Default false: a key for a stream is a key to see it.
    pub open_playback: bool,
    /// The file of mode `file`: JSON, `{"live/show": "token"}` for a token that publishes and plays, or
    /// `{"live/show": {"publish": "one", "play": "another"}}`. It is read again by itself when it changes. Default: none.
    #[serde(deserialize_with = "range::path")]
    pub file: Option<PathBuf>,
    /// The address of mode `callback`, `http://` or `https://`: it is sent what somebody wants to do, and an answer of 2xx
    /// lets them. One with a user name, a password or a query belongs into the window or the API, which keep it with the
    /// secrets and leave the host here. Default: none.
    #[serde(deserialize_with = "callback")]
    pub callback: Option<String>,
    /// How long the callback may take, in seconds, 0.1 or more; then the answer is no. Default 5: an encoder gives up after
    /// about ten.
    #[serde(deserialize_with = "range::some_time")]
    pub callback_timeout_seconds: Seconds,
    /// Wrong tries from one address, 1 or more, after which it is not listened to for a while. Default 10: more than a person
    /// with a wrong key makes before reading the message, far less than guessing needs.
    #[serde(deserialize_with = "range::some")]
    pub wrong_tries: u32,
    /// Time after which one of them is forgiven, in seconds; at 0 they are forgiven at once, and nobody is shut out. Default 6.
    pub wrong_try_seconds: Seconds,
}

fn callback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = Option::<String>::deserialize(deserializer)?;
    url.as_deref().map_or(Ok(()), check_callback).map_err(D::Error::custom)?;
    Ok(url)
}

/// How it is decided who may publish and watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everybody may.
    #[default]
    None,
    /// Whoever has a key that Weir made, or a token that the command line gave.
    Token,
    /// Whoever has a token of the file.
    File,
    /// Whoever another program says.
    Callback,
}

impl Mode {
    /// As it stands in settings and on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::File => "file",
            Self::Callback => "callback",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::None,
            open_playback: false,
            file: None,
            callback: None,
            callback_timeout_seconds: Seconds::new(5),
            wrong_tries: 10,
            wrong_try_seconds: Seconds::new(6),
        }
    }
}
