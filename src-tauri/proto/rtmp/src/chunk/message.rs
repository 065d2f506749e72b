//! A message as chunks carry it.

use bytes::Bytes;

/// A whole message, put together from its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The chunk stream it came on. Peers choose it freely: go by `type_id`.
    pub csid: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// The message type, see [`crate::message::kind`].
    pub type_id: u8,
    /// The message stream it belongs to; 0 is the connection itself.
    pub stream_id: u32,
    /// The body.
    pub payload: Bytes,
}

/// All of a message to be written but its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHeader {
    /// The chunk stream to write on, 2 to 65,599; see [`crate::chunk::csid`].
    pub csid: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// The message type, see [`crate::message::kind`].
    pub type_id: u8,
    /// The message stream it belongs to; 0 is the connection itself.
    pub stream_id: u32,
}
