//! Requests to connect anew.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request to connect anew.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconnectCreate {
    /// Where to: `rtmp://host/app` without a stream key, or relative to the present address (`/app`). Left out or null for the
    /// same address.
    #[serde(default)]
    #[schema(example = "rtmp://backup.example.com/live")]
    pub url: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reconnect {
    /// How many clients are asked. Those that do not understand requests (OBS and FFmpeg among them) are told nothing and stay.
    pub asked: usize,
}
