//! H.264 and H.265 alike: parameter sets, wherever they come from.

use bytes::Bytes;
use weir_media::Codec;
use weir_media::codec::nal::LengthSize;
use weir_media::codec::{self, h264, h265};

/// A configuration record taken apart.
pub(super) struct Parsed {
    /// The record with 4 byte lengths.
    pub(super) canonical: Bytes,
    /// How long lengths are on the wire.
    pub(super) length_size: LengthSize,
    /// The parameter sets in it.
    pub(super) units: Vec<Bytes>,
}

pub(super) fn parse(codec: Codec, record: &Bytes) -> Result<Parsed, codec::Error> {
    if codec == Codec::H265 {
        let parsed = h265::DecoderConfig::parse(record)?;
        let canonical = h265::DecoderConfig::canonical(record)?;
        let units = parsed.units.into_iter().map(|(_, unit)| unit).filter(|unit| is_one(codec, unit)).collect();
        return Ok(Parsed { canonical, length_size: parsed.length_size, units });
    }
    let parsed = h264::DecoderConfig::parse(record)?;
    let canonical = h264::DecoderConfig::canonical(record)?;
    let units = parsed.sps.into_iter().chain(parsed.pps).collect();
    Ok(Parsed { canonical, length_size: parsed.length_size, units })
}

/// Whether a NAL unit is a parameter set; never for a codec of which we know none.
pub(super) fn is_one(codec: Codec, unit: &[u8]) -> bool {
    match codec {
        Codec::H264 => matches!(h264::nal_type_of(unit), Some(h264::nal_type::SPS | h264::nal_type::PPS)),
        Codec::H265 => {
            use h265::nal_type::{PPS, SPS, VPS};
            matches!(h265::nal_type_of(unit), Some(VPS | SPS | PPS))
        }
        _ => false,
    }
}

/// A configuration record built from units; `None` unless every kind of parameter set is among them.
pub(super) fn config<'a>(codec: Codec, units: impl IntoIterator<Item = &'a [u8]>) -> Option<Bytes> {
    match codec {
        Codec::H264 => h264::DecoderConfig::from_units(units),
        Codec::H265 => h265::DecoderConfig::from_units(units),
        _ => None,
    }
}
