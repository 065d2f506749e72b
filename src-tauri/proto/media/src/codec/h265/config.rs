//! The decoder configuration record, `hvcC` (ISO/IEC 14496-15, 8.3.3).

use bytes::{BufMut, Bytes, BytesMut};

use super::{Sps, nal_type, nal_type_of};
use crate::VideoInfo;
use crate::codec::Error;
use crate::codec::nal::{self, LengthSize};

const RECORD: &str = "H.265 configuration (hvcC)";

/// Bytes before the arrays of parameter sets.
const FIXED: usize = 23;

/// Arrays of parameter sets that are read: there are five kinds of unit that belong here.
const MAX_ARRAYS: u8 = 16;

/// Parameter sets of one kind that a record is built from: more than any encoder uses.
const MAX_SETS: usize = 64;

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

    /// Builds the record from parameter sets found in the stream, for protocols that send no configuration of their own.
    /// `None` unless all three kinds are there and the first sequence parameter set can be read.
    pub fn from_units<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Option<Bytes> {
        let mut arrays: [(u8, Vec<&[u8]>); 3] =
            [nal_type::VPS, nal_type::SPS, nal_type::PPS].map(|kind| (kind, Vec::new()));
        for unit in units {
            let array = arrays.iter_mut().find(|(kind, _)| nal_type_of(unit) == Some(*kind));
            if let Some((_, list)) = array
                && list.len() < MAX_SETS
                && u16::try_from(unit.len()).is_ok()
                && !list.contains(&unit)
            {
                list.push(unit);
            }
        }
        let [(_, vps), (_, sps_list), (_, pps)] = &arrays;
        let sps = *sps_list.first()?;
        if vps.is_empty() || pps.is_empty() {
            return None;
        }
        let parsed = Sps::parse(sps).ok()?;
        // NAL unit header, then 8 bits before `profile_tier_level`, whose general part has 12 bytes.
        let head = nal::unescape(sps, 32);
        let mut out = BytesMut::new();
        out.put_u8(1);
        out.put_slice(head.get(3..15)?);
        out.put_slice(&[0xF0, 0x00, 0xFC, 0xFC | parsed.chroma_format]);
        out.put_slice(&[0xF8 | (parsed.bit_depth - 8), 0xF8 | (parsed.chroma_bit_depth - 8), 0, 0]);
        out.put_u8(parsed.sub_layers << 3 | u8::from(parsed.temporal_id_nested) << 2 | 3);
        out.put_u8(3);
        for (kind, list) in &arrays {
            // All sets of the kind stand here and none in the stream.
            out.put_u8(0x80 | kind);
            out.put_u16(list.len() as u16);
            for unit in list {
                out.put_u16(unit.len() as u16);
                out.put_slice(unit);
            }
        }
        Some(out.freeze())
    }

    /// What the first sequence parameter set tells; nothing when it cannot be read.
    pub fn video_info(&self) -> VideoInfo {
        let sps = self.units.iter().find(|(kind, _)| *kind == nal_type::SPS);
        sps.and_then(|(_, unit)| Sps::parse(unit).ok()).map(|sps| sps.video_info()).unwrap_or_default()
    }
}
