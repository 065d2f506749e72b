//! The sequence parameter set (H.265, 7.3.2.2.1 and E.2.1).

use super::ref_pic_sets;
use crate::codec::bits::BitReader;
use crate::codec::color::read_signal_type;
use crate::codec::{Error, nal};
use crate::{Color, VideoInfo};

const RECORD: &str = "H.265 sequence parameter set";

/// Bytes of a sequence parameter set that are read: all we want lies well before, and hostile ones end here.
const MAX_SPS: usize = 4096;

/// Largest picture side that is believed: 8192 is the largest of level 6.2, with room.
const MAX_SIDE: u32 = 65_535;

/// What a sequence parameter set tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Sps {
    /// `general_profile_idc`.
    pub profile_idc: u8,
    /// The high tier.
    pub high_tier: bool,
    /// `general_level_idc`, thirty times the level.
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
    /// `sps_max_sub_layers_minus1` plus one.
    pub sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nested: bool,
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
        reader.skip(16 + 4)?;
        let sub_layers = reader.small(3)?;
        let temporal_id_nested = reader.flag()?;
        reader.skip(2)?;
        let high_tier = reader.flag()?;
        let profile_idc = reader.small(5)?;
        reader.skip(32 + 48)?;
        let level_idc = reader.small(8)?;
        skip_sub_layer_levels(&mut reader, sub_layers)?;
        reader.ue()?;
        let chroma_format = reader.ue_max("the chroma format", 3)?;
        if chroma_format == 3 {
            reader.flag()?;
        }
        let mut width = reader.ue_max("a width of", MAX_SIDE)?;
        let mut height = reader.ue_max("a height of", MAX_SIDE)?;
        if reader.flag()? {
            let mut side = || reader.ue();
            let (left, right, top, bottom) = (side()?, side()?, side()?, side()?);
            let (unit_x, unit_y) = match chroma_format {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            width = width.saturating_sub(left.saturating_add(right).saturating_mul(unit_x));
            height = height.saturating_sub(top.saturating_add(bottom).saturating_mul(unit_y));
        }
        // At most 8 by the limit, so 16 bits.
        let bit_depth = 8 + reader.ue_max("a bit depth above 8 by", 8)? as u8;
        let chroma_bit_depth = 8 + reader.ue_max("a chroma bit depth above 8 by", 8)? as u8;
        let mut sps = Self {
            profile_idc,
            high_tier,
            level_idc,
            width,
            height,
            chroma_format: chroma_format as u8,
            bit_depth,
            chroma_bit_depth,
            sub_layers: sub_layers + 1,
            temporal_id_nested,
            frame_rate: None,
            color: Color::UNSPECIFIED,
        };
        // Dimensions matter more than what the rest adds.
        let _ = sps.read_rest(&mut reader, sub_layers);
        Ok(sps)
    }

    fn read_rest(&mut self, reader: &mut BitReader<'_>, sub_layers: u8) -> Result<(), Error> {
        let picture_order_bits = reader.ue_max("picture order count bits above 4 by", 12)? + 4;
        let first = if reader.flag()? { 0 } else { sub_layers };
        for _ in first..=sub_layers {
            for _ in 0..3 {
                reader.ue()?;
            }
        }
        for _ in 0..6 {
            reader.ue()?;
        }
        if reader.flag()? && reader.flag()? {
            skip_scaling_lists(reader)?;
        }
        reader.skip(2)?;
        if reader.flag()? {
            reader.skip(8)?;
            reader.ue()?;
            reader.ue()?;
            reader.skip(1)?;
        }
        ref_pic_sets::skip(reader)?;
        if reader.flag()? {
            for _ in 0..reader.ue_max("long-term pictures numbering", 32)? {
                reader.skip(picture_order_bits as usize + 1)?;
            }
        }
        reader.skip(2)?;
        if reader.flag()? {
            self.read_vui(reader)?;
        }
        Ok(())
    }

    fn read_vui(&mut self, reader: &mut BitReader<'_>) -> Result<(), Error> {
        const EXTENDED_SAR: u8 = 255;
        if reader.flag()? && reader.small(8)? == EXTENDED_SAR {
            reader.skip(32)?;
        }
        if reader.flag()? {
            reader.skip(1)?;
        }
        if reader.flag()? {
            self.color = read_signal_type(reader)?;
        }
        if reader.flag()? {
            reader.ue()?;
            reader.ue()?;
        }
        reader.skip(3)?;
        if reader.flag()? {
            for _ in 0..4 {
                reader.ue()?;
            }
        }
        if reader.flag()? {
            let (tick, scale) = (reader.bits(32)?, reader.bits(32)?);
            if tick > 0 && scale > 0 {
                self.frame_rate = Some(f64::from(scale) / f64::from(tick));
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

    /// The profile's name (H.265, A.3).
    pub fn profile(&self) -> String {
        let name = match self.profile_idc {
            1 => "Main",
            2 => "Main 10",
            3 => "Main Still Picture",
            4 => "Range Extensions",
            9 => "Screen Content",
            other => return other.to_string(),
        };
        name.into()
    }

    /// The level's name (H.265, A.4), with "High" for the high tier.
    pub fn level(&self) -> String {
        let (whole, tenth) = (self.level_idc / 30, self.level_idc % 30 / 3);
        let level = if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") };
        if self.high_tier { format!("{level} High") } else { level }
    }
}

/// The levels of the lower temporal layers (H.265, 7.3.3).
fn skip_sub_layer_levels(reader: &mut BitReader<'_>, sub_layers: u8) -> Result<(), Error> {
    if sub_layers == 0 {
        return Ok(());
    }
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((reader.flag()?, reader.flag()?));
    }
    reader.skip(2 * (8 - usize::from(sub_layers)))?;
    for (profile, level) in present {
        reader.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Ok(())
}

fn skip_scaling_lists(reader: &mut BitReader<'_>) -> Result<(), Error> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !reader.flag()? {
                reader.ue()?;
                continue;
            }
            if size > 1 {
                reader.se()?;
            }
            for _ in 0..64.min(1u32 << (4 + (size << 1))) {
                reader.se()?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // ffmpeg 9, libx265, 10 bit, BT.2020 with PQ: testsrc2, 1920x1080, 30 frames a second.
    const X265_1080P30_PQ: &[u8] = &[
        0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x78,
        0xA0, 0x03, 0xC0, 0x80, 0x10, 0xE4, 0xD9, 0x65, 0x66, 0x92, 0x4C, 0xAF, 0x01, 0x6A, 0x12, 0x20, 0x12, 0x08,
        0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xF0, 0x40,
    ];

    #[test]
    fn dimensions_depth_rate_and_hdr_are_read() {
        let sps = Sps::parse(X265_1080P30_PQ).unwrap();
        assert_eq!((sps.width, sps.height, sps.bit_depth), (1920, 1080, 10));
        let color = Color { primaries: 9, transfer: 16, matrix: 9, full_range: false };
        assert_eq!((sps.color, sps.frame_rate), (color, Some(30.0)));
        let info = sps.video_info();
        assert_eq!((info.profile.as_deref(), info.level.as_deref(), info.hdr), (Some("Main 10"), Some("4"), true));
    }

    #[test]
    fn every_truncation_is_read_without_panic() {
        for end in 0..X265_1080P30_PQ.len() {
            let _ = Sps::parse(&X265_1080P30_PQ[..end]);
        }
    }
}
