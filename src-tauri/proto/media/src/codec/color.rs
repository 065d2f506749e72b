//! Colour in bit streams.

use super::Error;
use super::bits::BitReader;
use crate::color::Color;

/// `video_signal_type` of a VUI, after its flag (H.264, E.1.1; H.265, E.2.1).
pub(super) fn read_signal_type(reader: &mut BitReader<'_>) -> Result<Color, Error> {
    reader.skip(3)?;
    let mut color = Color { full_range: reader.flag()?, ..Color::UNSPECIFIED };
    if reader.flag()? {
        (color.primaries, color.transfer, color.matrix) = (reader.small(8)?, reader.small(8)?, reader.small(8)?);
    }
    Ok(color)
}
