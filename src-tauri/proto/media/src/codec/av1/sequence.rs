//! The sequence header (AV1, 5.5) and the walk over OBUs to it (5.3).

use crate::codec::Error;
use crate::codec::bits::BitReader;
use crate::{Color, VideoInfo};

const RECORD: &str = "AV1 sequence header";

/// OBUs that are looked at before giving up: the sequence header comes first or second.
const MAX_OBUS: usize = 8;

/// What a sequence header tells.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceHeader {
    /// `seq_profile`.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level_index: u8,
    /// Largest width in pixels.
    pub width: u32,
    /// Largest height in pixels.
    pub height: u32,
    /// Bits a sample.
    pub bit_depth: u8,
    /// Frames a second by the declared timing; `None` when not declared.
    pub frame_rate: Option<f64>,
    /// Its colours, as far as they are declared.
    pub color: Color,
}

impl SequenceHeader {
    /// The first sequence header among `obus`, which have size fields.
    pub fn find(obus: &[u8]) -> Option<Self> {
        const SEQUENCE_HEADER: u8 = 1;
        let mut rest = obus;
        for _ in 0..MAX_OBUS {
            let (&header, mut after) = rest.split_first()?;
            if header & 0x04 != 0 {
                after = after.get(1..)?;
            }
            let size = if header & 0x02 != 0 { take_leb128(&mut after)? } else { after.len() };
            let (payload, next) = after.split_at_checked(size)?;
            if header >> 3 & 0xF == SEQUENCE_HEADER {
                return Self::parse(payload).ok();
            }
            rest = next;
        }
        None
    }

    /// Reads a sequence header OBU without its OBU header.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, payload);
        let profile = reader.small(3)?;
        reader.skip(1)?;
        let reduced = reader.flag()?;
        let (mut frame_rate, mut level_index) = (None, 0);
        if reduced {
            level_index = reader.small(5)?;
        } else {
            let mut decoder_model_bits = None;
            if reader.flag()? {
                frame_rate = read_timing(&mut reader)?;
                if reader.flag()? {
                    decoder_model_bits = Some(reader.bits(5)? as usize + 1);
                    reader.skip(32 + 5 + 5)?;
                }
            }
            let initial_display_delay = reader.flag()?;
            for point in 0..=reader.bits(5)? {
                reader.skip(12)?;
                let level = reader.small(5)?;
                if point == 0 {
                    level_index = level;
                }
                if level > 7 {
                    reader.skip(1)?;
                }
                if let Some(bits) = decoder_model_bits
                    && reader.flag()?
                {
                    reader.skip(bits * 2 + 1)?;
                }
                if initial_display_delay && reader.flag()? {
                    reader.skip(4)?;
                }
            }
        }
        let (width_bits, height_bits) = (reader.bits(4)? + 1, reader.bits(4)? + 1);
        let (width, height) = (reader.bits(width_bits)? + 1, reader.bits(height_bits)? + 1);
        skip_tools(&mut reader, reduced)?;
        let (bit_depth, color) = read_color(&mut reader, profile)?;
        Ok(Self { profile, level_index, width, height, bit_depth, frame_rate, color })
    }

    /// As people want to read it.
    pub fn video_info(&self) -> VideoInfo {
        VideoInfo {
            width: Some(self.width),
            height: Some(self.height),
            frame_rate: self.frame_rate,
            profile: Some(profile_name(self.profile)),
            level: level_name(self.level_index),
            bit_depth: Some(self.bit_depth),
            hdr: self.color.is_hdr(),
            color: self.color.declared(),
        }
    }
}

pub(super) fn profile_name(profile: u8) -> String {
    match profile {
        0 => "Main".into(),
        1 => "High".into(),
        2 => "Professional".into(),
        other => other.to_string(),
    }
}

/// The level's name (AV1, A.3); 31 means "no limit".
pub(super) fn level_name(index: u8) -> Option<String> {
    (index < 24).then(|| format!("{}.{}", 2 + index / 4, index % 4))
}

/// `leb128()` (AV1, 4.10.5).
fn take_leb128(data: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for shift in 0..8 {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        if shift < 5 {
            value |= usize::from(byte & 0x7F).checked_shl(shift * 7)?;
        }
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// `timing_info()`: frames a second where pictures come at equal distance.
fn read_timing(reader: &mut BitReader<'_>) -> Result<Option<f64>, Error> {
    let (tick, scale) = (reader.bits(32)?, reader.bits(32)?);
    let equal = reader.flag()?;
    let ticks = if equal { f64::from(reader.uvlc()?) + 1.0 } else { 1.0 };
    Ok((equal && tick > 0 && scale > 0).then(|| f64::from(scale) / (f64::from(tick) * ticks)))
}

/// The coding tools between dimensions and colour.
fn skip_tools(reader: &mut BitReader<'_>, reduced: bool) -> Result<(), Error> {
    if !reduced && reader.flag()? {
        reader.skip(4 + 3)?;
    }
    reader.skip(3)?;
    if !reduced {
        reader.skip(4)?;
        let order_hint = reader.flag()?;
        if order_hint {
            reader.skip(2)?;
        }
        let force_screen_content = reader.flag()? || reader.flag()?;
        if force_screen_content && !reader.flag()? {
            reader.skip(1)?;
        }
        if order_hint {
            reader.skip(3)?;
        }
    }
    reader.skip(3)
}

/// `color_config()`: bits a sample and colours.
fn read_color(reader: &mut BitReader<'_>, profile: u8) -> Result<(u8, Color), Error> {
    /// BT.709, sRGB and identity: nothing else is said of those (5.5.2).
    const SRGB: [u8; 3] = [1, 13, 0];
    let high = reader.flag()?;
    let bit_depth = match (profile, high) {
        (_, false) => 8,
        (2, true) if reader.flag()? => 12,
        _ => 10,
    };
    let is_gray = profile != 1 && reader.flag()?;
    let mut color = Color::UNSPECIFIED;
    if reader.flag()? {
        (color.primaries, color.transfer, color.matrix) = (reader.small(8)?, reader.small(8)?, reader.small(8)?);
    }
    let is_srgb = !is_gray && [color.primaries, color.transfer, color.matrix] == SRGB;
    color.full_range = is_srgb || reader.flag()?;
    Ok((bit_depth, color))
}
