//! How much a peer may ask a reader to keep, which grows with what the peer is known to be.

use super::{Error, MAX_MESSAGE_LEN};
use crate::message::kind;

/// Most chunk streams of one connection; protects memory and look-up time. Real peers use fewer than ten.
const MAX_CHUNK_STREAMS: usize = 64;

/// Longest control message (types 1 to 6); the longest real one has ten bytes.
const MAX_CONTROL_LEN: usize = 256;

/// Bounds on the messages a [`super::Reader`] puts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest command, in bytes.
    pub command: usize,
    /// Longest audio, video, data or aggregate message, in bytes.
    pub media: usize,
    /// Most bytes kept for messages that are not whole yet, over all chunk streams.
    pub unfinished: usize,
    /// Most chunk streams.
    pub chunk_streams: usize,
}

impl Limits {
    /// Until `connect` is accepted: a stranger costs less than 64 KiB, whatever he sends. A long `connect` (tokens in
    /// the address, codec lists) has about 4 KiB.
    pub const BEFORE_CONNECT: Self =
        Self { command: 16 * 1024, media: 16 * 1024, unfinished: 32 * 1024, chunk_streams: MAX_CHUNK_STREAMS };

    /// Once connected: enough for commands, and for players, who send little.
    pub const CONNECTED: Self =
        Self { command: 64 * 1024, media: 1024 * 1024, unfinished: 1024 * 1024, chunk_streams: MAX_CHUNK_STREAMS };

    /// Once publishing is asked for: any message the protocol can carry, and half of one beside it.
    pub const PUBLISHING: Self = Self {
        command: 64 * 1024,
        media: MAX_MESSAGE_LEN,
        unfinished: 24 * 1024 * 1024,
        chunk_streams: MAX_CHUNK_STREAMS,
    };

    pub(super) const fn check_length(&self, type_id: u8, length: usize) -> Result<(), Error> {
        let limit = match type_id {
            kind::SET_CHUNK_SIZE..=kind::SET_PEER_BANDWIDTH => MAX_CONTROL_LEN,
            kind::COMMAND | kind::COMMAND_AMF3 => self.command,
            _ => self.media,
        };
        if length > limit { Err(Error::MessageTooLong { type_id, length, limit }) } else { Ok(()) }
    }
}
