//! The decoder configuration record, `hvcC` (ISO/IEC 14496-15, 8.3.3).

use bytes::{Bytes, BytesMut};

use super::{Sps, nal_type};
use crate::VideoInfo;
use crate::codec::Error;
use crate::codec::nal::LengthSize;

const RECORD: &str = "H.265 configuration (hvcC)";

/// Bytes before the arrays of parameter sets.
const FIXED: usize = 23;

/// Arrays of parameter sets that are read: there are five kinds of unit that belong here.
const MAX_ARRAYS: u8 = 16;

/// What an `hvcC` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// How long the lengths before NAL units are.
    pub length_size: LengthSize,
    /// All parameter sets and SEI units with their NAL unit type, in order.
    pub units: Vec<(u8, Bytes)>,
}

impl DecoderConfig {
    /// Reads an `hvcC`. Version 0, which early writers used, is accepted.
    pub fn parse(record: &Bytes) -> Result<Self, Error> {
        let truncated = Error::Truncated { record: RECORD };
        let fixed = record.get(..FIXED).ok_or_else(|| truncated.clone())?;
        let (Some(&version), Some(&length), Some(&arrays)) = (fixed.first(), fixed.get(21), fixed.get(22)) else {
            return Err(truncated);
        };
        if version > 1 {
            return Err(Error::Invalid { record: RECORD, field: "version", value: version.into() });
        }
        let mut rest = record.slice(FIXED..);
        let mut units = Vec::new();
        for _ in 0..arrays.min(MAX_ARRAYS) {
            let &[kind, high, low, ..] = rest.as_ref() else { return Err(truncated) };
            rest = rest.slice(3..);
            for _ in 0..u16::from_be_bytes([high, low]) {
                let &[high, low, ..] = rest.as_ref() else { return Err(truncated) };
                let end = 2 + usize::from(u16::from_be_bytes([high, low]));
                if end > rest.len() {
                    return Err(truncated);
                }
                units.push((kind & 0x3F, rest.split_to(end).slice(2..)));
            }
        }
        Ok(Self { length_size: LengthSize::from_minus_one(length), units })
    }

    /// The record with 4 byte lengths, for frames in canonical form. The same bytes when it says so already.
    pub fn canonical(record: &Bytes) -> Result<Bytes, Error> {
        let parsed = Self::parse(record)?;
        if parsed.length_size == LengthSize::Four {
            return Ok(record.clone());
        }
        let mut out = BytesMut::from(record.as_ref());
        if let Some(length) = out.get_mut(21) {
            *length |= 3;
        }
        Ok(out.freeze())
    }

    /// What the first sequence parameter set tells; nothing when it cannot be read.
    pub fn video_info(&self) -> VideoInfo {
        let sps = self.units.iter().find(|(kind, _)| *kind == nal_type::SPS);
        sps.and_then(|(_, unit)| Sps::parse(unit).ok()).map(|sps| sps.video_info()).unwrap_or_default()
    }
}
