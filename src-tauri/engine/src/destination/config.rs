//! What can be set about a destination.

use serde::{Deserialize, Serialize};

use crate::streams::StreamPattern;

/// Another server that streams are sent on to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Identity: letters, digits, `-` and `_`. The stream key is kept under it.
    pub id: String,
    /// What people call it. Default: empty, which shows the host of the address.
    #[serde(default)]
    pub name: String,
    /// Address of the server, `rtmp://host[:port]/app`, without the stream key, which is kept with the secrets.
    pub url: String,
    /// Which streams are sent: a path such as `live/show`, all below an application (`live/*`), or all (`*`). Default `*`.
    #[serde(default)]
    pub streams: StreamPattern,
    /// Whether it is in use. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
}

const fn yes() -> bool {
    true
}
