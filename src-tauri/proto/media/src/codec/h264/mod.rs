//! H.264 / AVC (ITU-T H.264, ISO/IEC 14496-15).

mod access_unit;
mod config;
mod sps;

pub use access_unit::frame_kind;
pub use config::DecoderConfig;
pub use sps::Sps;

/// NAL unit types (H.264, table 7-1).
pub mod nal_type {
    /// A slice of a picture that is no instantaneous decoding refresh.
    pub const SLICE: u8 = 1;
    /// Slice data partition A, which holds the slice header.
    pub const PARTITION_A: u8 = 2;
    /// A slice of an instantaneous decoding refresh: decoding can begin here.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
}

/// The type of a NAL unit; `None` when it is empty.
pub fn nal_type_of(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header & 0x1F)
}
