//! Audio: ISO/IEC 14496-14 (mp4a), Opus in ISOBMFF, FLAC in ISOBMFF, ETSI TS 102 366 annex F (ac-3, ec-3).

use bytes::Bytes;
use weir_media::{Codec, Track};

use super::{config, dolby};
use crate::Error;
use crate::boxes::Boxes;

/// `objectTypeIndication` (ISO/IEC 14496-1, table 5).
const MPEG4_AUDIO: u8 = 0x40;
const MPEG1_AUDIO: u8 = 0x6B;
/// Length of a FLAC STREAMINFO block.
const STREAMINFO: usize = 34;

pub(super) fn write(boxes: &mut Boxes, track: &Track, first: Option<&[u8]>) -> Result<(), Error> {
    let entry = Entry { channels: channels(track), rate: rate(track) };
    match track.codec {
        Codec::Aac => {
            let config = config(track)?;
            entry.write(boxes, b"mp4a", |boxes| elementary_stream(boxes, MPEG4_AUDIO, Some(config)));
        }
        Codec::Mp3 | Codec::Mp2 => entry.write(boxes, b"mp4a", |boxes| elementary_stream(boxes, MPEG1_AUDIO, None)),
        Codec::Opus => {
            let specific = opus(track)?;
            // The entry's rate of Opus is always 48 kHz.
            let entry = Entry { rate: 48_000, ..entry };
            entry.write(boxes, b"Opus", |boxes| boxes.put(b"dOps", |boxes| boxes.bytes(&specific)));
        }
        Codec::Flac => {
            let info = stream_info(config(track)?)
                .ok_or(Error::Config { codec: Codec::Flac, what: "it holds no STREAMINFO block" })?;
            entry.write(boxes, b"fLaC", |boxes| {
                boxes.put_full(b"dfLa", 0, 0, |boxes| {
                    // The last metadata block, of type STREAMINFO, 34 bytes long.
                    boxes.u32(0x8000_0000 | STREAMINFO as u32);
                    boxes.bytes(info);
                });
            });
        }
        Codec::Ac3 | Codec::Eac3 => {
            let frame = first.ok_or(Error::Config { codec: track.codec, what: "no frame of it has come yet" })?;
            let header = dolby::Header::parse(frame)
                .ok_or(Error::Config { codec: track.codec, what: "its first frame has no valid header" })?;
            let entry = Entry { channels: header.channels(), rate: header.sample_rate() };
            match track.codec {
                Codec::Ac3 => entry.write(boxes, b"ac-3", |boxes| boxes.put(b"dac3", |boxes| header.write_ac3(boxes))),
                _ => entry.write(boxes, b"ec-3", |boxes| boxes.put(b"dec3", |boxes| header.write_eac3(boxes))),
            }
        }
        codec => return Err(Error::NothingToWrite(vec![codec])),
    }
    Ok(())
}

struct Entry {
    channels: u16,
    rate: u32,
}

impl Entry {
    fn write(&self, boxes: &mut Boxes, kind: &[u8; 4], specific: impl FnOnce(&mut Boxes)) {
        boxes.put(kind, |boxes| {
            boxes.zeros(6);
            boxes.u16(1);
            boxes.zeros(8);
            boxes.u16(self.channels);
            boxes.u16(16);
            boxes.zeros(4);
            // 16.16; a rate beyond 65,535 Hz does not fit and is told by the codec's own box.
            boxes.u32(if self.rate < 1 << 16 { self.rate << 16 } else { 0 });
            specific(boxes);
        });
    }
}

fn channels(track: &Track) -> u16 {
    track.audio.as_ref().and_then(|audio| audio.channels).map_or(2, u16::from)
}

/// Samples a second as the configuration tells it; 48,000 where it does not.
pub(crate) fn rate(track: &Track) -> u32 {
    track.audio.as_ref().and_then(|audio| audio.sample_rate).filter(|rate| *rate > 0).unwrap_or(48_000)
}

/// `esds` (ISO/IEC 14496-1, 7.2.6): descriptors within descriptors, each with a length of four bytes.
fn elementary_stream(boxes: &mut Boxes, object_type: u8, specific: Option<&Bytes>) {
    let specific_len = specific.map_or(0, |config| 5 + config.len());
    let decoder_len = 13 + specific_len;
    boxes.put_full(b"esds", 0, 0, |boxes| {
        descriptor(boxes, 0x03, 3 + 5 + decoder_len + 5 + 1);
        boxes.u16(0);
        boxes.u8(0);
        descriptor(boxes, 0x04, decoder_len);
        boxes.u8(object_type);
        // An audio stream, not upstream, and the reserved bit.
        boxes.u8(0x05 << 2 | 1);
        boxes.zeros(3 + 4 + 4);
        if let Some(config) = specific {
            descriptor(boxes, 0x05, config.len());
            boxes.bytes(config);
        }
        descriptor(boxes, 0x06, 1);
        boxes.u8(2);
    });
}

fn descriptor(boxes: &mut Boxes, tag: u8, len: usize) {
    boxes.u8(tag);
    for shift in [21, 14, 7] {
        boxes.u8(0x80 | (len >> shift & 0x7F) as u8);
    }
    boxes.u8((len & 0x7F) as u8);
}

/// `OpusSpecificBox` from an `OpusHead` (RFC 7845, 5.1), whose numbers turn from little to big endian.
fn opus(track: &Track) -> Result<Vec<u8>, Error> {
    let Some(head) = track.config.as_ref().filter(|config| !config.is_empty()) else {
        // No header: plain mono or stereo; 312 samples are what libopus needs to settle.
        let channels = u8::try_from(channels(track).clamp(1, 2)).unwrap_or(2);
        let mut specific = vec![0, channels];
        specific.extend_from_slice(&312_u16.to_be_bytes());
        specific.extend_from_slice(&48_000_u32.to_be_bytes());
        specific.extend_from_slice(&[0, 0, 0]);
        return Ok(specific);
    };
    let invalid = Error::Config { codec: Codec::Opus, what: "its OpusHead is too short" };
    let head = head.strip_prefix(b"OpusHead").unwrap_or(head);
    let [_, channels, skip_lo, skip_hi, r0, r1, r2, r3, gain_lo, gain_hi, family, mapping @ ..] = head else {
        return Err(invalid);
    };
    let mut specific = vec![0, *channels, *skip_hi, *skip_lo, *r3, *r2, *r1, *r0, *gain_hi, *gain_lo, *family];
    if *family != 0 {
        specific.extend_from_slice(mapping.get(..2 + usize::from(*channels)).ok_or(invalid)?);
    }
    Ok(specific)
}

/// Encoders send a block anew at the end, when they know the sizes, the length and the checksum. Only the rate, the channels
/// and the depth matter to a decoder: 28 bits from the eleventh byte on (RFC 9639, 8.2).
pub(super) fn same_flac(old: &Track, new: &Track) -> bool {
    let format = |track: &Track| -> Option<u32> {
        let info = stream_info(track.config.as_ref()?)?;
        Some(u32::from_be_bytes(*info.get(10..)?.first_chunk::<4>()?) >> 4)
    };
    format(old).is_some_and(|old| format(new) == Some(old))
}

/// The STREAMINFO block alone, whatever its sender put around it.
fn stream_info(config: &[u8]) -> Option<&[u8]> {
    let block = config.strip_prefix(b"fLaC").unwrap_or(config);
    let block = if block.len() >= STREAMINFO + 4 { block.get(4..)? } else { block };
    block.get(..STREAMINFO)
}
