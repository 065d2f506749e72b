//! Video: ISO/IEC 14496-15 (avc1, hvc1), AV1 in ISOBMFF (av01), VP Codec ISO Media File Format Binding (vp08, vp09).

use weir_media::codec::vp9;
use weir_media::{Codec, Track};

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
    });
    Ok(())
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
