//! What can be set about the desktop program. The engine only keeps it: `weir serve` has no window.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The window and the desktop around it. Nothing of it matters to `weir serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether Weir starts with the session. Default false: nobody likes programs that do so unasked.
    pub start_at_login: bool,
    /// Whether the window stays away when Weir starts with the session. Default true: the tray icon is enough.
    pub start_hidden: bool,
    /// Whether closing the window leaves Weir running. Default true: a stream must not end because a window is in the way.
    pub keep_running: bool,
    /// Whether the computer is kept awake while a stream is live. Default true: a computer that dozes off ends the stream.
    pub keep_awake: bool,
    /// Whether a notification tells that a stream began, was lost, or is back. Default true.
    pub notify_streams: bool,
    /// Whether a notification tells of a destination, a recording or a listener that needs attention. Default true.
    pub notify_trouble: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start_at_login: false,
            start_hidden: true,
            keep_running: true,
            keep_awake: true,
            notify_streams: true,
            notify_trouble: true,
        }
    }
}
