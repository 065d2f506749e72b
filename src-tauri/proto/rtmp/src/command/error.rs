//! Why a command cannot be read.

/// Why a message body is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body is no AMF.
    #[error("a command cannot be read: {0}")]
    Amf(#[from] weir_amf0::Error),
    /// The first value is no string.
    #[error("a command has no name")]
    NoName,
}
