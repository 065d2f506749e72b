//! What stands in a PES packet: frames in the form their codec has in a byte stream.

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::codec::aac::{AudioSpecificConfig, SAMPLE_RATES};
use weir_media::codec::nal::{LengthPrefixed, LengthSize};
use weir_media::codec::{h264, h265};
use weir_media::{Codec, Frame, Track};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Bytes of an ADTS header without a checksum.
const ADTS_LEN: usize = 7;

/// The payload of a frame. `None` when it cannot be written: its track has no usable configuration.
pub(super) fn write(track: &Track, frame: &Frame, key: bool) -> Option<Bytes> {
    match track.codec {
        Codec::H264 | Codec::H265 => byte_stream(track, frame, key),
        Codec::Aac => adts(track, &frame.data),
        Codec::Opus => Some(opus(&frame.data)),
        _ => Some(frame.data.clone()),
    }
}

/// An access unit with start codes: a delimiter first, as players of transport streams expect, and before a key frame the
/// parameter sets, since a receiver may begin here.
fn byte_stream(track: &Track, frame: &Frame, key: bool) -> Option<Bytes> {
    let hevc = track.codec == Codec::H265;
    let config = track.config.as_ref()?;
    let units: Vec<&[u8]> = LengthPrefixed::new(&frame.data, LengthSize::Four).map_while(Result::ok).collect();
    let kind = |unit: &[u8]| if hevc { h265::nal_type_of(unit) } else { h264::nal_type_of(unit) };
    let delimiter: &[u8] = if hevc { &[0x46, 0x01, 0x50] } else { &[0x09, 0xF0] };
    let mut out = BytesMut::with_capacity(frame.data.len() + 128);
    let mut put = |unit: &[u8]| {
        out.put_slice(&START_CODE);
        out.put_slice(unit);
    };
    put(delimiter);
    let sps = if hevc { h265::nal_type::SPS } else { h264::nal_type::SPS };
    if key && !units.iter().any(|unit| kind(unit) == Some(sps)) {
        if hevc {
            let config = h265::DecoderConfig::parse(config).ok()?;
            config.units.iter().for_each(|(_, unit)| put(unit));
        } else {
            let config = h264::DecoderConfig::parse(config).ok()?;
            config.sps.iter().chain(&config.pps).for_each(|unit| put(unit));
        }
    }
    let is_delimiter = |unit: &[u8]| kind(unit) == Some(if hevc { 35 } else { 9 });
    units.into_iter().filter(|unit| !is_delimiter(unit)).for_each(&mut put);
    Some(out.freeze())
}

/// A raw AAC frame behind an ADTS header (ISO/IEC 14496-3, 1.A.2).
fn adts(track: &Track, data: &Bytes) -> Option<Bytes> {
    let config = track.config.as_ref()?;
    let parsed = AudioSpecificConfig::parse(config).ok()?;
    // The header tells of the core codec only; a decoder finds an extension (SBR, PS) by itself.
    let rate = SAMPLE_RATES.iter().position(|rate| *rate == parsed.core_rate)? as u8;
    let profile = match parsed.object_type {
        object @ 1..=4 => object - 1,
        _ => return None,
    };
    let channels = Some(parsed.channel_configuration).filter(|channels| *channels < 8)?;
    let len = u16::try_from(ADTS_LEN + data.len()).ok().filter(|len| *len < 1 << 13)?;
    let mut out = BytesMut::with_capacity(usize::from(len));
    out.put_slice(&[
        0xFF,
        0xF1,
        profile << 6 | rate << 2 | channels >> 2,
        (channels & 3) << 6 | (len >> 11) as u8,
        (len >> 3) as u8,
        (len << 5) as u8 | 0x1F,
        0xFC,
    ]);
    out.put_slice(data);
    Some(out.freeze())
}

/// An Opus packet behind its control header (ETSI TS 103 491, annex B.6).
fn opus(data: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 8);
    out.put_slice(&[0x7F, 0xE0]);
    let mut len = data.len();
    while len >= 0xFF {
        out.put_u8(0xFF);
        len -= 0xFF;
    }
    out.put_u8(len as u8);
    out.put_slice(data);
    out.freeze()
}
