//! The handshake between caller and listener ("Handshake"), version 5.

pub(crate) mod cookie;
mod extension;
mod latency;
mod message;
mod peer;
mod reject;
mod stream_id;

pub use extension::KeyAnswer;
pub(crate) use extension::{Ability, Extensions};
pub(crate) use latency::negotiate;
pub use latency::{Latency, MAX_LATENCY};
pub(crate) use message::{Handshake, Kind, wire_address};
pub use peer::{Flags, Version};
pub use reject::Reject;
pub use stream_id::{Access, Mode, StreamId, StreamIdError};

/// Why a handshake cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than its fixed part.
    #[error("the handshake has {0} bytes, at least 48 are needed")]
    TooShort(usize),
    /// An extension that does not end, or that is too short for its type.
    #[error("handshake extension {0} is broken")]
    BrokenExtension(u16),
    /// A key message that cannot be used.
    #[error(transparent)]
    Key(#[from] crate::crypto::Error),
}
