//! Four-character codes, the names codecs have in Enhanced RTMP and in MP4.

use std::fmt;

/// A four-character code as it stands on the wire, e.g. `avc1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// The code as the big-endian number that `onMetaData` carries (Enhanced RTMP v2, "onMetaData").
    pub const fn as_u32(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    /// The inverse of [`FourCc::as_u32`].
    pub const fn from_u32(value: u32) -> Self {
        Self(value.to_be_bytes())
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}
