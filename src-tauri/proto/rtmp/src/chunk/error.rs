//! Which rule of the chunk stream a peer broke.

use super::MAX_MESSAGE_LEN;

/// Why bytes are no chunk stream, or one that asks for too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first chunk of a chunk stream leaves out what only an earlier one could supply.
    #[error("chunk stream {csid} begins with a type {fmt} header, which repeats fields that were never sent")]
    NothingToRepeat {
        /// The chunk stream.
        csid: u32,
        /// The header type, 2 or 3.
        fmt: u8,
    },
    /// More chunk streams than a real peer uses.
    #[error("the peer uses more than {0} chunk streams")]
    TooManyChunkStreams(usize),
    /// A message longer than its kind may be at this point of the connection.
    #[error("a message of type {type_id} announces {length} bytes; at most {limit} are allowed here")]
    MessageTooLong {
        /// The message type.
        type_id: u8,
        /// What the header announces.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Too many bytes of messages that were begun and not finished.
    #[error("the peer began messages without finishing them; more than {0} bytes would have to be kept")]
    TooMuchUnfinished(usize),
    /// A chunk size no chunk can have.
    #[error("the peer sets its chunk size to {0}; it must be 1 to 2147483647")]
    BadChunkSize(u32),
    /// A Set Chunk Size or Abort message that lacks its number.
    #[error("a control message of type {type_id} has {length} bytes instead of 4")]
    ShortControl {
        /// The message type.
        type_id: u8,
        /// Its length.
        length: usize,
    },
    /// A message to be written that no chunk header can announce.
    #[error("a message of {0} bytes cannot be sent; RTMP allows {MAX_MESSAGE_LEN}")]
    Unwritable(usize),
}
