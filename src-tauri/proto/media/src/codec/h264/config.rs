//! The decoder configuration record, `avcC` (ISO/IEC 14496-15, 5.3.3).

use bytes::{BufMut, Bytes, BytesMut};

use super::{Sps, nal_type, nal_type_of};
use crate::VideoInfo;
use crate::codec::Error;
use crate::codec::nal::{self, LengthSize};

const RECORD: &str = "H.264 configuration (avcC)";

/// What an `avcC` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// How long the lengths before NAL units are.
    pub length_size: LengthSize,
    /// Sequence parameter sets, as NAL units.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, as NAL units.
    pub pps: Vec<Bytes>,
}

impl DecoderConfig {
    /// Reads an `avcC`. What follows the picture parameter sets (the extension of the High profiles) is not looked at.
    pub fn parse(record: &Bytes) -> Result<Self, Error> {
        let truncated = Error::Truncated { record: RECORD };
        let &[version, _, _, _, length, sps_count, ..] = record.as_ref() else { return Err(truncated) };
        if version != 1 {
            return Err(Error::Invalid { record: RECORD, field: "version", value: version.into() });
        }
        let mut rest = record.slice(6..);
        let sps = take_sets(&mut rest, sps_count & 0x1F)?;
        let pps_count = *rest.first().ok_or(truncated)?;
        rest = rest.slice(1..);
        let pps = take_sets(&mut rest, pps_count)?;
        Ok(Self { length_size: LengthSize::from_minus_one(length), sps, pps })
    }

    /// The record with 4 byte lengths, for frames in canonical form. The same bytes when it says so already.
    pub fn canonical(record: &Bytes) -> Result<Bytes, Error> {
        let parsed = Self::parse(record)?;
        if parsed.length_size == LengthSize::Four {
            return Ok(record.clone());
        }
        let mut out = BytesMut::from(record.as_ref());
        if let Some(length) = out.get_mut(4) {
            *length |= 3;
        }
        Ok(out.freeze())
    }

    /// Builds the record from parameter sets found in an access unit, for encoders that send no configuration of their own.
    /// `None` unless both kinds are there.
    pub fn from_units<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Option<Bytes> {
        let mut sps: Vec<&[u8]> = Vec::new();
        let mut pps: Vec<&[u8]> = Vec::new();
        for unit in units {
            let (list, most) = match nal_type_of(unit) {
                Some(nal_type::SPS) => (&mut sps, 31),
                Some(nal_type::PPS) => (&mut pps, 255),
                _ => continue,
            };
            if list.len() < most && u16::try_from(unit.len()).is_ok() && !list.contains(&unit) {
                list.push(unit);
            }
        }
        let &[_, profile, compatibility, level, ..] = *sps.first()? else { return None };
        pps.first()?;
        let mut out = BytesMut::new();
        out.put_slice(&[1, profile, compatibility, level, 0xFF, 0xE0 | sps.len() as u8]);
        put_sets(&mut out, &sps);
        out.put_u8(pps.len() as u8);
        put_sets(&mut out, &pps);
        put_extension(&mut out, profile, sps.first()?);
        Some(out.freeze())
    }

    /// Builds the record from parameter sets behind start codes, which some encoders send in its place.
    pub fn from_annex_b(data: &[u8]) -> Option<Bytes> {
        Self::from_units(nal::AnnexB::new(data))
    }

    /// What the first sequence parameter set tells; nothing when it cannot be read.
    pub fn video_info(&self) -> VideoInfo {
        self.sps.first().and_then(|sps| Sps::parse(sps).ok()).map(|sps| sps.video_info()).unwrap_or_default()
    }
}

fn take_sets(rest: &mut Bytes, count: u8) -> Result<Vec<Bytes>, Error> {
    let truncated = Error::Truncated { record: RECORD };
    let mut sets = Vec::new();
    for _ in 0..count {
        let &[high, low, ..] = rest.as_ref() else { return Err(truncated) };
        let end = 2 + usize::from(u16::from_be_bytes([high, low]));
        if end > rest.len() {
            return Err(truncated);
        }
        sets.push(rest.split_to(end).slice(2..));
    }
    Ok(sets)
}

fn put_sets(out: &mut BytesMut, sets: &[&[u8]]) {
    for set in sets {
        // `from_units` admits only what fits 16 bits.
        out.put_u16(set.len() as u16);
        out.put_slice(set);
    }
}

/// What the record adds for all but the oldest profiles: chroma format, bit depths, and no extension of a parameter set.
fn put_extension(out: &mut BytesMut, profile: u8, sps: &[u8]) {
    if matches!(profile, 66 | 77 | 88) {
        return;
    }
    if let Ok(sps) = Sps::parse(sps) {
        let depth = |bits: u8| 0xF8 | bits.saturating_sub(8);
        out.put_slice(&[0xFC | sps.chroma_format, depth(sps.bit_depth), depth(sps.chroma_bit_depth), 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x64, 0x00, 0x0A, 0xAC];
    const PPS: &[u8] = &[0x68, 0xEE];

    #[test]
    fn a_record_built_from_units_is_read_back() {
        let record = DecoderConfig::from_units([SPS, PPS, SPS]).unwrap();
        let parsed = DecoderConfig::parse(&record).unwrap();
        assert_eq!(parsed.sps, [SPS]);
        assert_eq!(parsed.pps, [PPS]);
        assert_eq!(parsed.length_size, LengthSize::Four);
        assert_eq!(DecoderConfig::from_units([SPS]), None);
        for end in 0..record.len() {
            assert!(DecoderConfig::parse(&record.slice(..end)).is_err(), "cut to {end}");
        }
    }

    #[test]
    fn shorter_lengths_are_rewritten_to_four() {
        let mut short = DecoderConfig::from_units([SPS, PPS]).unwrap().to_vec();
        short[4] = 0xFD;
        let record = Bytes::from(short);
        assert_eq!(DecoderConfig::parse(&record).unwrap().length_size, LengthSize::Two);
        let canonical = DecoderConfig::canonical(&record).unwrap();
        assert_eq!(DecoderConfig::parse(&canonical).unwrap().length_size, LengthSize::Four);
        assert_eq!(canonical[5..], record[5..]);
    }

    #[test]
    fn start_codes_in_place_of_the_record_are_understood() {
        let data = [&[0, 0, 0, 1], SPS, &[0, 0, 1], PPS].concat();
        assert_eq!(DecoderConfig::from_annex_b(&data), DecoderConfig::from_units([SPS, PPS]));
    }
}
