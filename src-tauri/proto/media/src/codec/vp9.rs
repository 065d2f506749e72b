//! VP9 and VP8 (VP9 Bitstream Specification; VP Codec ISO Media File Format Binding; RFC 6386).

use bytes::Bytes;

use super::Error;
use super::bits::BitReader;
use crate::{Color, VideoInfo};

const RECORD: &str = "VP9 configuration (vpcC)";
const HEADER: &str = "VP9 frame header";

/// What a `vpcC` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// Ten times the level; 0 is unknown.
    pub level: u8,
    /// Bits a sample.
    pub bit_depth: u8,
    /// Its colours, as far as they are declared.
    pub color: Color,
}

impl DecoderConfig {
    /// Bytes of the record without codec initialisation data, of which VP8 and VP9 have none.
    const LEN: usize = 8;

    /// Reads the record in its canonical form.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, record);
        let (profile, level, bit_depth) = (reader.small(8)?, reader.small(8)?, reader.small(4)?);
        reader.skip(3)?;
        let full_range = reader.flag()?;
        let (primaries, transfer, matrix) = (reader.small(8)?, reader.small(8)?, reader.small(8)?);
        Ok(Self { profile, level, bit_depth, color: Color { primaries, transfer, matrix, full_range } })
    }

    /// A record for a stream that has none: the profile of its first frame, unknown level, 4:2:0 and no colours.
    pub fn usual(first: Option<&[u8]>) -> Bytes {
        // VP9, 6.2: two bits of marker, then the profile, its low bit first. A VP8 key frame begins with a zero.
        let profile = match first.and_then(<[u8]>::first) {
            Some(head) if head >> 6 == 2 => head >> 5 & 1 | head >> 3 & 2,
            _ => 0,
        };
        let bit_depth = if profile < 2 { 8 } else { 10 };
        const UNSPECIFIED: u8 = 2;
        let depth_and_sampling = bit_depth << 4 | 1 << 1;
        Bytes::copy_from_slice(&[profile, 0, depth_and_sampling, UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, 0, 0])
    }

    /// The record alone: some writers put the version and flags of the MP4 box before it.
    pub fn canonical(record: &Bytes) -> Bytes {
        const BOX_VERSION: usize = 4;
        match record.len() {
            len if len >= BOX_VERSION + Self::LEN && record.starts_with(&[1, 0, 0, 0]) => record.slice(BOX_VERSION..),
            _ => record.clone(),
        }
    }

    /// As people want to read it; dimensions stand in the key frames only.
    pub fn video_info(&self) -> VideoInfo {
        VideoInfo {
            profile: Some(format!("Profile {}", self.profile)),
            level: (self.level > 0).then(|| format!("{}.{}", self.level / 10, self.level % 10)),
            bit_depth: Some(self.bit_depth).filter(|depth| *depth > 0),
            hdr: self.color.is_hdr(),
            color: self.color.declared(),
            ..VideoInfo::default()
        }
    }
}

/// Width and height of a VP9 key frame (VP9, 6.2); an error when it is none.
pub fn key_frame_size(frame: &[u8]) -> Result<(u32, u32), Error> {
    let invalid = |field, value: u32| Error::Invalid { record: HEADER, field, value: value.into() };
    let mut reader = BitReader::new(HEADER, frame);
    let marker = reader.bits(2)?;
    if marker != 2 {
        return Err(invalid("the frame marker", marker));
    }
    let profile = reader.bits(1)? | reader.bits(1)? << 1;
    if profile == 3 {
        reader.skip(1)?;
    }
    let (shown_again, inter) = (reader.flag()?, reader.flag()?);
    if shown_again || inter {
        return Err(invalid("the frame type", 1));
    }
    reader.skip(2)?;
    let sync = reader.bits(24)?;
    if sync != 0x49_83_42 {
        return Err(invalid("the sync code", sync));
    }
    if profile >= 2 {
        reader.skip(1)?;
    }
    const RGB: u32 = 7;
    let odd = profile & 1 == 1;
    if reader.bits(3)? == RGB {
        reader.skip(if odd { 1 } else { 0 })?;
    } else {
        reader.skip(if odd { 4 } else { 1 })?;
    }
    Ok((reader.bits(16)? + 1, reader.bits(16)? + 1))
}

/// Width and height of a VP8 key frame (RFC 6386, 9.1); `None` when it is none.
pub fn vp8_key_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    match frame {
        &[tag, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] if tag & 1 == 0 => {
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
            Some((side(w0, w1), side(h0, h1)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_the_box_version_before_it_is_the_same_record() {
        let plain = Bytes::from_static(&[0, 10, 0x82, 2, 2, 2, 0, 0]);
        let boxed = Bytes::from([&[1, 0, 0, 0], &plain[..]].concat());
        assert_eq!(DecoderConfig::canonical(&boxed), plain);
        assert_eq!(DecoderConfig::canonical(&plain), plain);
        let info = DecoderConfig::parse(&plain).unwrap().video_info();
        assert_eq!(
            (info.profile.as_deref(), info.level.as_deref(), info.bit_depth),
            (Some("Profile 0"), Some("1.0"), Some(8))
        );
    }

    #[test]
    fn a_stream_without_a_record_gets_one_that_says_what_its_frame_does() {
        for (first, profile, depth) in
            [(None, 0, 8), (Some(&[0x82][..]), 0, 8), (Some(&[0x92]), 2, 10), (Some(&[0x10]), 0, 8)]
        {
            let config = DecoderConfig::parse(&DecoderConfig::usual(first)).unwrap();
            assert_eq!((config.profile, config.bit_depth), (profile, depth), "{first:?}");
        }
    }

    #[test]
    fn a_vp8_key_frame_tells_its_size() {
        let frame = [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x40];
        assert_eq!(vp8_key_frame_size(&frame), Some((320, 180)));
        assert_eq!(vp8_key_frame_size(&[0x11, 0, 0, 0x9D, 0x01, 0x2A, 0, 0, 0, 0]), None);
    }
}
