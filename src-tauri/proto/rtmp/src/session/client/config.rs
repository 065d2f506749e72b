//! How we introduce ourselves.

use super::Timeouts;
use crate::command::Capabilities;

/// Settings of a client session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Chunk size of what we send, bytes; OBS's 4096 is what platforms are tested with.
    pub chunk_size: u32,
    /// How many bytes we send before we want an acknowledgement.
    pub window_ack_size: u32,
    /// What we call ourselves; some servers look for `FMLE/`.
    pub flash_ver: String,
    /// What we announce of Enhanced RTMP. Empty announces nothing, as librtmp does.
    pub capabilities: Capabilities,
    /// How long things may take. A server that we publish to may be silent for ever: it is not pinged.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            chunk_size: 4096,
            window_ack_size: 2_500_000,
            flash_ver: "FMLE/3.0 (compatible; FMSc/1.0)".to_owned(),
            capabilities: Capabilities::weir(),
            timeouts: Timeouts::CLIENT,
        }
    }
}
