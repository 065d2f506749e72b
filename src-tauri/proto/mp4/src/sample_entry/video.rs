//! Video: ISO/IEC 14496-15 (avc1, hvc1), AV1 in ISOBMFF (av01), VP Codec ISO Media File Format Binding (vp08, vp09).

use weir_media::codec::vp9;
use weir_media::{Codec, Color, Track};

use super::config;
use crate::Error;
use crate::boxes::Boxes;

pub(super) fn write(boxes: &mut Boxes, track: &Track, first: Option<&[u8]>) -> Result<(), Error> {
    let (entry, record): (&[u8; 4], &[u8; 4]) = match track.codec {
        Codec::H264 => (b"avc1", b"avcC"),
        Codec::H265 => (b"hvc1", b"hvcC"),
        Codec::Av1 => (b"av01", b"av1C"),
        Codec::Vp9 => (b"vp09", b"vpcC"),
        Codec::Vp8 => (b"vp08", b"vpcC"),
        codec => return Err(Error::NothingToWrite(vec![codec])),
    };
    let config = match track.codec {
        // Some senders leave it out: frames alone are enough to decode.
        Codec::Vp8 | Codec::Vp9 => track.config.clone().unwrap_or_else(|| vp9::DecoderConfig::usual(first)),
        _ => config(track)?.clone(),
    };
    let (width, height) = size(track, first);
    boxes.put(entry, |boxes| {
        boxes.zeros(6);
        boxes.u16(1);
        boxes.zeros(16);
        boxes.u16(width);
        boxes.u16(height);
        // 72 dpi, as every file says.
        boxes.u32(0x0048_0000);
        boxes.u32(0x0048_0000);
        boxes.u32(0);
        boxes.u16(1);
        boxes.zeros(32);
        boxes.u16(24);
        boxes.u16(0xFFFF);
        match track.codec {
            Codec::Vp8 | Codec::Vp9 => boxes.put_full(record, 1, 0, |boxes| boxes.bytes(vp_record(&config))),
            _ => boxes.put(record, |boxes| boxes.bytes(&config)),
        }
        write_colors(boxes, track);
    });
    Ok(())
}

/// `colr`, `mdcv` and `clli` (ISO/IEC 14496-12, 12.1.5 to 12.1.7): what the sender says of the colours counts before what the codec
/// does, but for the range, which only that says.
fn write_colors(boxes: &mut Boxes, track: &Track) {
    let told = track.color_info.unwrap_or_default();
    let coded = track.video.as_ref().and_then(|video| video.color);
    let full_range = coded.is_some_and(|color| color.full_range);
    // 0 is reserved in both tables: a record that nobody filled in.
    let is_known = |color: &Color| color.primaries > 0 && color.transfer > 0;
    if let Some(color) = told.color.or(coded).filter(is_known) {
        boxes.put(b"colr", |boxes| {
            boxes.bytes(b"nclx");
            [color.primaries, color.transfer, color.matrix].iter().for_each(|number| boxes.u16((*number).into()));
            boxes.u8(u8::from(full_range) << 7);
        });
    }
    if let Some(display) = told.mastering {
        boxes.put(b"mdcv", |boxes| {
            for [x, y] in [display.green, display.blue, display.red, display.white] {
                boxes.u16(x);
                boxes.u16(y);
            }
            boxes.u32(display.max_luminance);
            boxes.u32(display.min_luminance);
        });
    }
    if let Some(light) = told.light {
        boxes.put(b"clli", |boxes| {
            boxes.u16(light.max);
            boxes.u16(light.average);
        });
    }
}

/// The record without the version and flags that some senders leave in front of its eight bytes.
fn vp_record(config: &[u8]) -> &[u8] {
    match config.len() {
        12.. => config.get(4..).unwrap_or(config),
        _ => config,
    }
}

/// Picture size as the track's configuration tells it, or its first frame where only that does; 0 where neither does.
pub(crate) fn size(track: &Track, first: Option<&[u8]>) -> (u16, u16) {
    let video = track.video.as_ref();
    let told = video.and_then(|video| video.width.zip(video.height));
    let told = told.or_else(|| match track.codec {
        Codec::Vp9 => vp9::key_frame_size(first?).ok(),
        Codec::Vp8 => vp9::vp8_key_frame_size(first?),
        _ => None,
    });
    let side = |side: u32| u16::try_from(side).unwrap_or(0);
    told.map_or((0, 0), |(width, height)| (side(width), side(height)))
}
