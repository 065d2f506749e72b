//! What can be set about the desktop program.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::desktop::Config;

/// The settings of the desktop program. `weir serve` keeps them and does nothing with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Desktop {
    /// Start with the session.
    pub start_at_login: bool,
    /// Leave the window away when started with the session.
    pub start_hidden: bool,
    /// Go on without the window when it is closed.
    pub keep_running: bool,
    /// Keep the computer awake while a stream is live.
    pub keep_awake: bool,
    /// Tell by notification that a stream began, was lost, or is back.
    pub notify_streams: bool,
    /// Tell by notification of what needs attention.
    pub notify_trouble: bool,
}

/// Settings of the desktop program to change. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesktopPatch {
    /// Start with the session.
    pub start_at_login: Option<bool>,
    /// Leave the window away when started with the session.
    pub start_hidden: Option<bool>,
    /// Go on without the window when it is closed.
    pub keep_running: Option<bool>,
    /// Keep the computer awake while a stream is live.
    pub keep_awake: Option<bool>,
    /// Tell by notification that a stream began, was lost, or is back.
    pub notify_streams: Option<bool>,
    /// Tell by notification of what needs attention.
    pub notify_trouble: Option<bool>,
}

impl From<Config> for Desktop {
    fn from(config: Config) -> Self {
        let Config { start_at_login, start_hidden, keep_running, keep_awake, notify_streams, notify_trouble } = config;
        Self { start_at_login, start_hidden, keep_running, keep_awake, notify_streams, notify_trouble }
    }
}

impl DesktopPatch {
    /// Lays what is given over `config`.
    pub(crate) fn merge(&self, config: &mut Config) {
        let pairs = [
            (&mut config.start_at_login, self.start_at_login),
            (&mut config.start_hidden, self.start_hidden),
            (&mut config.keep_running, self.keep_running),
            (&mut config.keep_awake, self.keep_awake),
            (&mut config.notify_streams, self.notify_streams),
            (&mut config.notify_trouble, self.notify_trouble),
        ];
        for (field, given) in pairs {
            if let Some(given) = given {
                *field = given;
            }
        }
    }
}
