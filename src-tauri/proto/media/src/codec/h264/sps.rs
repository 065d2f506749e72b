//! The sequence parameter set (H.264, 7.3.2.1.1 and E.1.1).

use crate::codec::bits::BitReader;
use crate::codec::color::read_signal_type;
use crate::codec::{Error, nal};
use crate::{Color, VideoInfo};

const RECORD: &str = "H.264 sequence parameter set";

/// Bytes of a sequence parameter set that are read: all we want lies well before, and hostile ones end here.
const MAX_SPS: usize = 4096;

/// Largest picture side in macroblocks that is believed: 16 times the largest that level 6.2 can mean.
const MAX_MACROBLOCKS: u32 = 16_384;

/// What a sequence parameter set tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile_idc: u8,
    /// The byte of constraint flags.
    pub constraints: u8,
    /// `level_idc`, ten times the level.
    pub level_idc: u8,
    /// Width in pixels, cropping applied.
    pub width: u32,
    /// Height in pixels, cropping applied.
    pub height: u32,
    /// `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits a luma sample.
    pub bit_depth: u8,
    /// Bits a chroma sample.
    pub chroma_bit_depth: u8,
    /// Frames a second by the declared timing; `None` when not declared.
    pub frame_rate: Option<f64>,
    /// Its colours, as far as they are declared.
    pub color: Color,
}

impl Sps {
    /// Reads a sequence parameter set given as a NAL unit, header included.
    pub fn parse(unit: &[u8]) -> Result<Self, Error> {
        let payload = nal::unescape(unit, MAX_SPS);
        let mut reader = BitReader::new(RECORD, &payload);
        reader.skip(8)?;
        let profile_idc = reader.small(8)?;
        let constraints = reader.small(8)?;
        let level_idc = reader.small(8)?;
        reader.ue()?;
        let chroma = Chroma::read(&mut reader, profile_idc)?;
        reader.ue()?;
        skip_picture_order(&mut reader)?;
        reader.ue()?;
        reader.flag()?;
        let width_mbs = reader.ue_max("a width in macroblocks of", MAX_MACROBLOCKS)? + 1;
        let height_units = reader.ue_max("a height in map units of", MAX_MACROBLOCKS)? + 1;
        let frame_mbs_only = reader.flag()?;
        if !frame_mbs_only {
            reader.flag()?;
        }
        reader.flag()?;
        let field_factor = if frame_mbs_only { 1 } else { 2 };
        let (mut width, mut height) = (width_mbs * 16, height_units * 16 * field_factor);
        if reader.flag()? {
            let mut side = || reader.ue();
            let (left, right, top, bottom) = (side()?, side()?, side()?, side()?);
            let (unit_x, unit_y) = chroma.crop_unit();
            width = width.saturating_sub(left.saturating_add(right).saturating_mul(unit_x));
            height = height.saturating_sub(top.saturating_add(bottom).saturating_mul(unit_y * field_factor));
        }
        let mut sps = Self {
            profile_idc,
            constraints,
            level_idc,
            width,
            height,
            chroma_format: chroma.format,
            bit_depth: chroma.bit_depth,
            chroma_bit_depth: chroma.chroma_bit_depth,
            frame_rate: None,
            color: Color::UNSPECIFIED,
        };
        if reader.flag()? {
            // Encoders cut their VUI short now and then: dimensions matter more than what it adds.
            let _ = sps.read_vui(&mut reader);
        }
        Ok(sps)
    }

    fn read_vui(&mut self, reader: &mut BitReader<'_>) -> Result<(), Error> {
        const EXTENDED_SAR: u8 = 255;
        if reader.flag()? && reader.small(8)? == EXTENDED_SAR {
            reader.skip(32)?;
        }
        if reader.flag()? {
            reader.flag()?;
        }
        if reader.flag()? {
            self.color = read_signal_type(reader)?;
        }
        if reader.flag()? {
            reader.ue()?;
            reader.ue()?;
        }
        if reader.flag()? {
            let (tick, scale) = (reader.bits(32)?, reader.bits(32)?);
            if tick > 0 && scale > 0 {
                // A tick is a field, half a frame (E.2.1).
                self.frame_rate = Some(f64::from(scale) / (2.0 * f64::from(tick)));
            }
        }
        Ok(())
    }

    /// As people want to read it.
    pub fn video_info(&self) -> VideoInfo {
        VideoInfo {
            width: Some(self.width).filter(|width| *width > 0),
            height: Some(self.height).filter(|height| *height > 0),
            frame_rate: self.frame_rate,
            profile: Some(self.profile()),
            level: Some(self.level()),
            bit_depth: Some(self.bit_depth),
            hdr: self.color.is_hdr(),
            color: self.color.declared(),
        }
    }

    /// The profile's name (H.264, A.2).
    pub fn profile(&self) -> String {
        let constraint = |number: u8| self.constraints & (0x80 >> number) != 0;
        let name = match self.profile_idc {
            66 if constraint(1) => "Constrained Baseline",
            66 => "Baseline",
            77 => "Main",
            88 => "Extended",
            100 if constraint(4) && constraint(5) => "Constrained High",
            100 => "High",
            110 if constraint(3) => "High 10 Intra",
            110 => "High 10",
            122 if constraint(3) => "High 4:2:2 Intra",
            122 => "High 4:2:2",
            244 if constraint(3) => "High 4:4:4 Intra",
            244 => "High 4:4:4 Predictive",
            44 => "CAVLC 4:4:4 Intra",
            118 => "Multiview High",
            128 => "Stereo High",
            other => return other.to_string(),
        };
        name.into()
    }

    /// The level's name (H.264, A.3).
    pub fn level(&self) -> String {
        let below_high = matches!(self.profile_idc, 66 | 77 | 88);
        match self.level_idc {
            11 if below_high && self.constraints & 0x10 != 0 => "1b".into(),
            9 => "1b".into(),
            level if level % 10 == 0 => (level / 10).to_string(),
            level => format!("{}.{}", level / 10, level % 10),
        }
    }
}

struct Chroma {
    format: u8,
    bit_depth: u8,
    chroma_bit_depth: u8,
}

impl Chroma {
    fn read(reader: &mut BitReader<'_>, profile_idc: u8) -> Result<Self, Error> {
        let mut chroma = Self { format: 1, bit_depth: 8, chroma_bit_depth: 8 };
        if !matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            return Ok(chroma);
        }
        chroma.format = reader.ue_max("the chroma format", 3)? as u8;
        if chroma.format == 3 {
            reader.flag()?;
        }
        // At most 6 more by the limit, so all fit a byte.
        chroma.bit_depth = 8 + reader.ue_max("a bit depth above 8 by", 6)? as u8;
        chroma.chroma_bit_depth = 8 + reader.ue_max("a chroma bit depth above 8 by", 6)? as u8;
        reader.flag()?;
        if reader.flag()? {
            let lists = if chroma.format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if reader.flag()? {
                    skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(chroma)
    }

    /// `CropUnitX` and, for frames, `CropUnitY` (H.264, 7-19 to 7-22).
    const fn crop_unit(&self) -> (u32, u32) {
        match self.format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        }
    }
}

fn skip_scaling_list(reader: &mut BitReader<'_>, size: u32) -> Result<(), Error> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(reader.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

fn skip_picture_order(reader: &mut BitReader<'_>) -> Result<(), Error> {
    match reader.ue_max("the picture order count type", 2)? {
        0 => drop(reader.ue()?),
        1 => {
            reader.flag()?;
            reader.se()?;
            reader.se()?;
            for _ in 0..reader.ue_max("reference frames in a cycle of", 255)? {
                reader.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // ffmpeg 5.1, libx264 ultrafast with 8x8dct: testsrc2, 1920x1080, 30 frames a second.
    const X264_1080P30: &[u8] = &[
        0x67, 0x64, 0x00, 0x28, 0xAC, 0xB4, 0x03, 0xC0, 0x11, 0x3F, 0x2E, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20,
        0x00, 0x00, 0x07, 0x81, 0xE3, 0x06, 0x54,
    ];

    #[test]
    fn cropping_is_applied_and_timing_is_read() {
        let sps = Sps::parse(X264_1080P30).unwrap();
        assert_eq!((sps.width, sps.height), (1920, 1080));
        assert_eq!(sps.frame_rate, Some(30.0));
        let info = sps.video_info();
        assert_eq!(
            (info.profile.as_deref(), info.level.as_deref(), info.bit_depth),
            (Some("High"), Some("4"), Some(8))
        );
        assert!(!info.hdr);
    }

    #[test]
    fn every_truncation_is_read_without_panic() {
        for end in 0..X264_1080P30.len() {
            let _ = Sps::parse(&X264_1080P30[..end]);
        }
    }

    #[test]
    fn profiles_and_levels_have_the_names_people_know() {
        let base = Sps::parse(X264_1080P30).unwrap();
        for (profile_idc, constraints, level_idc, profile, level) in [
            (66, 0xC0, 30, "Constrained Baseline", "3"),
            (66, 0x10, 11, "Baseline", "1b"),
            (77, 0x00, 31, "Main", "3.1"),
            (110, 0x00, 51, "High 10", "5.1"),
            (99, 0x00, 42, "99", "4.2"),
        ] {
            let sps = Sps { profile_idc, constraints, level_idc, ..base.clone() };
            assert_eq!((sps.profile().as_str(), sps.level().as_str()), (profile, level));
        }
    }
}
