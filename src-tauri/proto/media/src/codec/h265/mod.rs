//! H.265 / HEVC (ITU-T H.265, ISO/IEC 14496-15).

mod access_unit;
mod config;
mod ref_pic_sets;
mod sps;

pub use access_unit::frame_kind;
pub use config::DecoderConfig;
pub use sps::Sps;

/// NAL unit types (H.265, table 7-1).
pub mod nal_type {
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
}

/// The type of a NAL unit; `None` when it is empty.
pub fn nal_type_of(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header >> 1 & 0x3F)
}
