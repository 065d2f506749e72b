//! H.266 / VVC (ITU-T H.266): its configuration record, `vvcC` (ISO/IEC 14496-15, 11.2.4.2). Frames are carried, not looked into.

mod sps;

use super::Error;
use super::bits::BitReader;
use crate::VideoInfo;

const RECORD: &str = "H.266 configuration (vvcC)";

/// NAL unit types of which an array holds one, without a count: decoding capability and operating point information.
const SINGLE: [u8; 2] = [13, 12];

/// What a `vvcC` says of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// `general_profile_idc`.
    pub profile: u8,
    /// `general_level_idc`: sixteen times the level, three for each step in between.
    pub level: u8,
    /// Bits a sample.
    pub bit_depth: u8,
    /// Picture width in pixels, cropping applied where the record holds the parameter set that tells of it.
    pub width: u32,
    /// Picture height in pixels, likewise.
    pub height: u32,
    /// Frames a second on average; `None` where it is not said.
    pub frame_rate: Option<f64>,
}

impl DecoderConfig {
    /// Reads the record. One that says nothing of the stream is an error.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, record);
        // Reserved bits and the length of lengths.
        reader.skip(5 + 2)?;
        if !reader.flag()? {
            return Err(Error::Invalid { record: RECORD, field: "ptl_present_flag", value: 0 });
        }
        reader.skip(9)?;
        let sub_layers = reader.bits(3)?;
        reader.skip(2 + 2)?;
        let bit_depth = reader.small(3)? + 8;
        reader.skip(5)?;
        // VvcPTLRecord.
        reader.skip(2)?;
        let constraint_bytes = reader.bits(6)? as usize;
        let profile = reader.small(7)?;
        reader.skip(1)?;
        let level = reader.small(8)?;
        // The two flags before the constraints are counted among their bytes.
        reader.skip((8 * constraint_bytes).max(2))?;
        let mut told = 0;
        if sub_layers > 1 {
            for _ in 0..sub_layers - 1 {
                told += usize::from(reader.flag()?);
            }
            reader.skip(9 - sub_layers as usize)?;
        }
        reader.skip(8 * told)?;
        let sub_profiles = reader.bits(8)? as usize;
        reader.skip(32 * sub_profiles)?;
        let (padded_width, padded_height, rate) = (reader.bits(16)?, reader.bits(16)?, reader.bits(16)?);
        // The record counts whole coding blocks; what of them is seen is said in the parameter set.
        let (width, height) = seen_size(&mut reader).unwrap_or((padded_width, padded_height));
        let frame_rate = (rate > 0).then(|| f64::from(rate) / 256.0);
        Ok(Self { profile, level, bit_depth, width, height, frame_rate })
    }

    /// As people want to read it.
    pub fn video_info(&self) -> VideoInfo {
        let side = |side: u32| (side > 0).then_some(side);
        VideoInfo {
            width: side(self.width),
            height: side(self.height),
            frame_rate: self.frame_rate,
            profile: Some(self.profile_name()),
            level: (self.level > 0).then(|| format!("{}.{}", self.level / 16, self.level % 16 / 3)),
            bit_depth: Some(self.bit_depth),
            hdr: false,
            color: None,
        }
    }

    /// ITU-T H.266, annex A.3.
    fn profile_name(&self) -> String {
        match self.profile {
            1 => "Main 10".into(),
            17 => "Multilayer Main 10".into(),
            33 => "Main 10 4:4:4".into(),
            49 => "Multilayer Main 10 4:4:4".into(),
            65 => "Main 10 Still Picture".into(),
            97 => "Main 10 4:4:4 Still Picture".into(),
            other => format!("Profile {other}"),
        }
    }
}

/// The size by the first sequence parameter set of the record's arrays; `None` where there is none that can be read.
fn seen_size(reader: &mut BitReader<'_>) -> Option<(u32, u32)> {
    for _ in 0..reader.bits(8).ok()? {
        reader.skip(1 + 2).ok()?;
        let kind = reader.small(5).ok()?;
        let units = if SINGLE.contains(&kind) { 1 } else { reader.bits(16).ok()? };
        for _ in 0..units {
            let length = reader.bits(16).ok()? as usize;
            if kind == sps::NAL_TYPE {
                let unit: Vec<u8> = (0..length.min(sps::MAX_SPS)).map_while(|_| reader.small(8).ok()).collect();
                return sps::size(&unit).ok();
            }
            reader.skip(8 * length).ok()?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_profile_level_and_size_and_a_cut_one_is_refused() {
        // One sub-layer, 4:2:0, 10 bits; one byte of constraints; Main 10 at level 4.1; 1920x1080 at 25 frames.
        let record = [0xFF, 0x00, 0x11, 0x5F, 0x01, 0x02, 67, 0xC0, 0x00, 0x07, 0x80, 0x04, 0x38, 0x19, 0x00, 0x00];
        let info = DecoderConfig::parse(&record).unwrap().video_info();
        assert_eq!((info.width, info.height, info.bit_depth), (Some(1920), Some(1080), Some(10)));
        assert_eq!((info.profile.as_deref(), info.level.as_deref()), (Some("Main 10"), Some("4.1")));
        assert_eq!(info.frame_rate, Some(25.0));
        for end in 0..15 {
            assert!(DecoderConfig::parse(&record[..end]).is_err(), "cut to {end}");
        }
        assert!(DecoderConfig::parse(&[0xFE; 16]).is_err(), "it says nothing");
    }

    #[test]
    fn the_size_is_the_one_that_is_seen() {
        // FFmpeg 9.0.2 with libvvenc: 320x180 at 25 pictures a second, coded as 320x184.
        let record = include_bytes!("../../../../../../tests/vectors/media/ffmpeg-9.0-vvc-320x180.bin");
        let config = DecoderConfig::parse(record).unwrap();
        assert_eq!((config.width, config.height, config.bit_depth), (320, 180, 10));
        for end in 0..record.len() {
            // Cut inside the parameter set the record still tells the coded size, cut before it nothing.
            let cut = DecoderConfig::parse(&record[..end]).ok().map(|config| (config.width, config.height));
            assert!([None, Some((320, 184)), Some((320, 180))].contains(&cut), "{end}: {cut:?}");
        }
    }
}
