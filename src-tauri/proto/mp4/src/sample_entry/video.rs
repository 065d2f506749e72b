//! Video: ISO/IEC 14496-15 (avc1, hvc1), AV1 in ISOBMFF (av01), VP Codec ISO Media File Format Binding (vp08, vp09).

use weir_media::{Codec, Track};

use super::config;
use crate::Error;
use crate::boxes::Boxes;

pub(super) fn write(boxes: &mut Boxes, track: &Track) -> Result<(), Error> {
    let (entry, record): (&[u8; 4], &[u8; 4]) = match track.codec {
        Codec::H264 => (b"avc1", b"avcC"),
        Codec::H265 => (b"hvc1", b"hvcC"),
        Codec::Av1 => (b"av01", b"av1C"),
        Codec::Vp9 => (b"vp09", b"vpcC"),
        Codec::Vp8 => (b"vp08", b"vpcC"),
        codec => return Err(Error::NothingToWrite(vec![codec])),
    };
    let config = config(track)?;
    let (width, height) = size(track);
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
            Codec::Vp8 | Codec::Vp9 => boxes.put_full(record, 1, 0, |boxes| boxes.bytes(vp_record(config))),
            _ => boxes.put(record, |boxes| boxes.bytes(config)),
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

/// Picture size as the track's configuration tells it; 0 where it does not.
pub(crate) fn size(track: &Track) -> (u16, u16) {
    let side = |side: Option<u32>| side.and_then(|side| u16::try_from(side).ok()).unwrap_or(0);
    track.video.as_ref().map_or((0, 0), |video| (side(video.width), side(video.height)))
}
