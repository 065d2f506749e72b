//! What all sessions of a listener have in common.

use super::Timeouts;
use crate::chunk;

/// Settings of a server session; share one between all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Chunk size of what we send, bytes. Larger costs less and lets a large frame hold up audio behind it.
    pub chunk_size: u32,
    /// How many bytes we send before we want an acknowledgement.
    pub window_ack_size: u32,
    /// How many unacknowledged bytes the client may send.
    pub peer_bandwidth: u32,
    /// How much a client may ask for.
    pub limits: Limits,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Refuses every `connect` with this sentence: for a port that takes another protocol.
    pub refuses: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            chunk_size: 4096,
            window_ack_size: 2_500_000,
            peer_bandwidth: 2_500_000,
            limits: Limits::DEFAULT,
            timeouts: Timeouts::SERVER,
            refuses: None,
        }
    }
}

/// How much a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest audio, video, data or aggregate message, bytes; protects memory.
    pub message: usize,
    /// Most bytes between the handshake and `connect`; a stranger must not keep us busy.
    pub before_connect: u64,
    /// Most chunk streams; protects memory and look-up time.
    pub chunk_streams: usize,
    /// Deepest nesting of values in commands and data messages; protects the stack, also of whoever reads the stream.
    pub amf_depth: usize,
}

impl Limits {
    /// What suits every known client.
    pub const DEFAULT: Self = Self {
        message: chunk::MAX_MESSAGE_LEN,
        before_connect: 64 * 1024,
        chunk_streams: chunk::Limits::CONNECTED.chunk_streams,
        amf_depth: weir_amf0::Limits::COMMAND.depth,
    };

    /// `limits` where they are stricter.
    pub(super) fn within(self, limits: chunk::Limits) -> chunk::Limits {
        chunk::Limits { media: limits.media.min(self.message), chunk_streams: self.chunk_streams, ..limits }
    }
}
