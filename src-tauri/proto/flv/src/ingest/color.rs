//! Colour metadata (Enhanced RTMP v2, "Metadata Frame").

use weir_amf0::Value;
use weir_media::{Color, ColorInfo, LightLevel, Mastering};

/// Steps of a chromaticity coordinate in 1, and of luminance in 1 cd/m² (SMPTE ST 2086).
const CHROMATICITY: f64 = 50_000.0;
const LUMINANCE: f64 = 10_000.0;

/// What a message of colour metadata tells; `None` where it tells nothing.
pub(super) fn read(data: &[u8]) -> Option<ColorInfo> {
    let mut values = weir_amf0::Decoder::new(data);
    let name = values.next()?.ok()?;
    let info = values.next()?.ok().filter(|_| name.as_str() == Some("colorInfo"))?;
    let info = ColorInfo {
        color: info.get("colorConfig").and_then(color),
        mastering: info.get("hdrMdcv").and_then(mastering),
        light: info.get("hdrCll").and_then(light),
    };
    (info != ColorInfo::default()).then_some(info)
}

/// A number that is not there is unspecified.
fn color(config: &Value) -> Option<Color> {
    let number = |name| scaled(config, name, 1.0).map(|number| number.min(255) as u8);
    let unspecified = Color::UNSPECIFIED;
    let color = Color {
        primaries: number("colorPrimaries").unwrap_or(unspecified.primaries),
        transfer: number("transferCharacteristics").unwrap_or(unspecified.transfer),
        matrix: number("matrixCoefficients").unwrap_or(unspecified.matrix),
        full_range: false,
    };
    color.declared()
}

fn mastering(display: &Value) -> Option<Mastering> {
    let place = |name| scaled(display, name, CHROMATICITY).and_then(|place| u16::try_from(place).ok());
    let point = |x, y| Some([place(x)?, place(y)?]);
    Some(Mastering {
        red: point("redX", "redY")?,
        green: point("greenX", "greenY")?,
        blue: point("blueX", "blueY")?,
        white: point("whitePointX", "whitePointY")?,
        max_luminance: scaled(display, "maxLuminance", LUMINANCE)?,
        min_luminance: scaled(display, "minLuminance", LUMINANCE)?,
    })
}

fn light(level: &Value) -> Option<LightLevel> {
    let number = |name| scaled(level, name, 1.0).map(|number| number.min(u16::MAX.into()) as u16);
    Some(LightLevel { max: number("maxCLL")?, average: number("maxFall")? })
}

fn scaled(object: &Value, name: &str, steps: f64) -> Option<u32> {
    let number = object.get(name)?.as_number()?;
    (number.is_finite() && number >= 0.0).then(|| (number * steps).round().min(u32::MAX.into()) as u32)
}
