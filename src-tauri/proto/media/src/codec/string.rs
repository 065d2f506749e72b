//! What a codec is called in a MIME type and in WebCodecs (RFC 6381; each codec's own binding): what a browser is asked whether it
//! can decode.

use bytes::Bytes;

use super::{Codec, aac, av1, vp9};
use crate::Track;

/// VP9 of a track whose level is not known: profile 0, level 1, 8 bits, which every decoder of VP9 takes.
const ANY_VP9: &str = "vp09.00.10.08";

/// The codec string of a track, e.g. `avc1.64001F`. `None` when its configuration has not come, cannot be read, or the codec has
/// no such name.
pub fn codec_string(track: &Track) -> Option<String> {
    let config = track.config.as_ref();
    match track.codec {
        Codec::H264 => h264(config?),
        Codec::H265 => h265(config?),
        Codec::Av1 => av1(config?),
        Codec::Vp9 => Some(config.and_then(vp9).unwrap_or_else(|| ANY_VP9.to_owned())),
        Codec::Vp8 => Some("vp8".to_owned()),
        Codec::Aac => aac(config?),
        Codec::Mp3 => Some("mp4a.6B".to_owned()),
        Codec::Opus => Some("opus".to_owned()),
        Codec::Flac => Some("flac".to_owned()),
        Codec::Ac3 => Some("ac-3".to_owned()),
        Codec::Eac3 => Some("ec-3".to_owned()),
        _ => None,
    }
}

/// Profile, constraints and level as they stand in the record (RFC 6381, 3.3).
fn h264(record: &Bytes) -> Option<String> {
    let [_, profile, constraints, level, ..] = record.as_ref() else { return None };
    Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
}

/// ISO/IEC 14496-15, annex E.3: profile, compatibility flags with their bits reversed, tier and level, constraints without the
/// zeros at their end.
fn h265(record: &Bytes) -> Option<String> {
    let [_, head, c0, c1, c2, c3, constraints @ ..] = record.as_ref() else { return None };
    let (constraints, rest) = constraints.split_first_chunk::<6>()?;
    let level = rest.first()?;
    let space = match head >> 6 {
        0 => "",
        1 => "A",
        2 => "B",
        _ => "C",
    };
    let compatibility = u32::from_be_bytes([*c0, *c1, *c2, *c3]).reverse_bits();
    let tier = if head & 0x20 == 0 { 'L' } else { 'H' };
    let mut text = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", head & 0x1F);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}

/// AV1 in ISOBMFF, section 5.
fn av1(record: &Bytes) -> Option<String> {
    let config = av1::DecoderConfig::parse(record).ok()?;
    let tier = if config.high_tier { 'H' } else { 'M' };
    Some(format!("av01.{}.{:02}{tier}.{:02}", config.profile, config.level_index, config.bit_depth))
}

/// VP Codec ISO Media File Format Binding, "Codecs Parameter String".
fn vp9(record: &Bytes) -> Option<String> {
    let config = vp9::DecoderConfig::parse(record).ok().filter(|config| config.level > 0 && config.bit_depth >= 8)?;
    Some(format!("vp09.{:02}.{:02}.{:02}", config.profile, config.level, config.bit_depth))
}

/// `mp4a.40.` and the audio object type that a decoder must know.
fn aac(record: &Bytes) -> Option<String> {
    let config = aac::AudioSpecificConfig::parse(record).ok()?;
    let object_type = match (config.ps, config.sbr) {
        (true, _) => 29,
        (_, true) => 5,
        _ => config.object_type,
    };
    Some(format!("mp4a.40.{object_type}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrackId;

    #[test]
    fn each_codec_has_the_name_that_browsers_know() {
        let hevc = [&[1, 1, 0x60, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 93][..], &[0; 10]].concat();
        for (codec, config, name) in [
            (Codec::H264, &[1, 0x64, 0, 0x1F, 0xFF, 0xE1][..], Some("avc1.64001F")),
            (Codec::H264, &[1], None),
            (Codec::H265, &hevc, Some("hvc1.1.6.L93.B0")),
            (Codec::Av1, &[0x81, 0x08, 0x4C, 0], Some("av01.0.08M.10")),
            (Codec::Vp9, &[2, 31, 0xA2, 2, 2, 2, 0, 0], Some("vp09.02.31.10")),
            (Codec::Vp9, &[0, 0, 0x82, 2, 2, 2, 0, 0], Some("vp09.00.10.08")),
            (Codec::Aac, &[0x12, 0x10], Some("mp4a.40.2")),
            (Codec::Ac3, &[], Some("ac-3")),
            (Codec::H266, &[0; 20], None),
        ] {
            let track = Track { config: Some(Bytes::copy_from_slice(config)), ..Track::new(TrackId::VIDEO, codec) };
            assert_eq!(codec_string(&track).as_deref(), name, "{codec} {config:?}");
        }
        assert_eq!(codec_string(&Track::new(TrackId::VIDEO, Codec::H264)), None);
    }
}
