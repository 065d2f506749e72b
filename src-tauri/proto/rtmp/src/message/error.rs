//! Which rule a message broke.

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A control message without the numbers it is made of.
    #[error("a control message of type {type_id} has only {length} bytes")]
    ShortControl {
        /// The message type.
        type_id: u8,
        /// Its length.
        length: usize,
    },
    /// An aggregate whose inner lengths do not add up.
    #[error("an aggregate message is cut: the part at byte {offset} does not fit into it")]
    BrokenAggregate {
        /// Where the part starts.
        offset: usize,
    },
}
