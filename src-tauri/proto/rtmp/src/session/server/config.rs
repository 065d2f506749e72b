//! What all sessions of a listener have in common.

use super::Timeouts;

/// Settings of a server session; share one between all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Chunk size of what we send, bytes. Larger costs less and lets a large frame hold up audio behind it.
    pub chunk_size: u32,
    /// How many bytes we send before we want an acknowledgement.
    pub window_ack_size: u32,
    /// How many unacknowledged bytes the client may send.
    pub peer_bandwidth: u32,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Default for Config {
    fn default() -> Self {
        Self { chunk_size: 4096, window_ack_size: 2_500_000, peer_bandwidth: 2_500_000, timeouts: Timeouts::SERVER }
    }
}
