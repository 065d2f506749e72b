//! Parameter sets as they come in the stream, kept by their number, and the configuration record they make.

use bytes::Bytes;
use weir_media::Codec;
use weir_media::codec::bits::BitReader;
use weir_media::codec::{h264, h265};

/// Most sets that are kept: a bound on memory. H.264 allows 32 and 256, encoders use a handful.
const MAX_SETS: usize = 64;

/// The parameter sets in force.
#[derive(Debug, Default)]
pub(crate) struct ParameterSets {
    /// By kind and number, so that a set sent again replaces the one before.
    sets: Vec<((u8, u32), Bytes)>,
    changed: bool,
}

impl ParameterSets {
    /// Takes `unit` in if it is a parameter set. Returns whether it was one.
    pub(crate) fn take(&mut self, codec: Codec, unit: &[u8]) -> bool {
        let Some(key) = key(codec, unit) else { return false };
        let room = self.sets.len() < MAX_SETS;
        match self.sets.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) if *known == unit => return true,
            Some((_, known)) => *known = Bytes::copy_from_slice(unit),
            None if room => {
                self.sets.push((key, Bytes::copy_from_slice(unit)));
                self.sets.sort_by_key(|(key, _)| *key);
            }
            None => return true,
        }
        self.changed = true;
        true
    }

    /// The configuration record, when it changed since the last call and is complete.
    pub(crate) fn changed_record(&mut self, codec: Codec) -> Option<Bytes> {
        if !self.changed {
            return None;
        }
        let units = self.sets.iter().map(|(_, unit)| unit.as_ref());
        let record = match codec {
            Codec::H265 => h265::DecoderConfig::from_units(units),
            _ => h264::DecoderConfig::from_units(units),
        };
        self.changed = record.is_none();
        record
    }
}

/// Kind and number of a parameter set; `None` for any other unit.
fn key(codec: Codec, unit: &[u8]) -> Option<(u8, u32)> {
    let (kind, number_at, sets) = match codec {
        Codec::H265 => {
            let kind = h265::nal_type_of(unit)?;
            (kind, 2, [h265::nal_type::VPS, h265::nal_type::SPS, h265::nal_type::PPS])
        }
        _ => {
            let kind = h264::nal_type_of(unit)?;
            (kind, if kind == h264::nal_type::SPS { 4 } else { 1 }, [h264::nal_type::SPS, h264::nal_type::PPS, 0xFF])
        }
    };
    if !sets.contains(&kind) {
        return None;
    }
    // Numbers of H.265 video and sequence sets lie behind fields of varying length; encoders have one of each.
    let numbered = codec != Codec::H265 || kind == h265::nal_type::PPS;
    let number = if numbered { BitReader::new("parameter set", unit.get(number_at..)?).ue().ok()? } else { 0 };
    Some((kind, number))
}
