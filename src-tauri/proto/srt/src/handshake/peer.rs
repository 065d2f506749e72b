//! What a peer says of itself.

use std::fmt;

/// A version of SRT, `0x00MMmmpp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

impl Version {
    /// Whose behaviour ours is closest to.
    pub(crate) const OURS: Self = Self(0x0001_0503);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What a peer can do ("Handshake Extension Message Flags").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// It drops what comes too late.
    pub const TOO_LATE_DROP: Self = Self(0x08);
    /// It reports losses again and again.
    pub const PERIODIC_NAK: Self = Self(0x10);
    /// It marks what it sends again.
    pub const RETRANSMIT: Self = Self(0x20);
    /// It sends a file or a stream of bytes, not live media.
    pub const STREAM: Self = Self(0x40);
    /// What we send: time stamps both ways, encryption, dropping, periodic reports, marks. No filter.
    pub(crate) const OURS: Self = Self(0x3F);

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
