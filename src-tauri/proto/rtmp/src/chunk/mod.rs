//! The chunk stream (RTMP 1.0, section 5.3): messages cut into pieces, so that a large one does not hold up a small
//! one.

mod error;
mod header;
mod limits;
mod message;
mod reader;
mod stream;
mod writer;

pub use error::Error;
pub use limits::Limits;
pub use message::{Message, MessageHeader};
pub use reader::Reader;
pub use writer::{append_message, encode_message, encode_parts};

/// The chunk size both directions start with (section 5.4.1).
pub const DEFAULT_CHUNK_SIZE: u32 = 128;

/// The largest chunk size that means anything, since no message is longer (section 5.4.1).
pub const MAX_CHUNK_SIZE: u32 = 0xFF_FFFF;

/// The longest message a chunk header can announce.
pub const MAX_MESSAGE_LEN: usize = 0xFF_FFFF;

/// The 24-bit timestamp field that says "32 bits follow" (section 5.3.1.3).
const EXTENDED: u32 = 0xFF_FFFF;

/// Chunk stream ids we write on. Readers go by message type, so these are custom, not law.
pub mod csid {
    /// Protocol control messages; the only id the specification fixes.
    pub const CONTROL: u32 = 2;
    /// Commands of the connection.
    pub const COMMAND: u32 = 3;
    /// Audio.
    pub const AUDIO: u32 = 4;
    /// Commands and statuses of a message stream.
    pub const STATUS: u32 = 5;
    /// Video.
    pub const VIDEO: u32 = 6;
    /// Data messages.
    pub const DATA: u32 = 7;
}
