//! Opus in MPEG-TS: each packet behind a control header (ETSI TS 103 491, annex B.6; as FFmpeg and OBS write it).

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::{Codec, FrameKind};

use super::{FrameClock, Part, Unit};

/// Opus always counts at 48 kHz.
const SAMPLE_RATE: u32 = 48_000;
/// Samples a decoder needs to settle; the transport does not say, this is what libopus asks for.
const PRE_SKIP: u16 = 312;

/// One Opus stream.
#[derive(Debug)]
pub(crate) struct Opus {
    /// `channel_config_code` of the descriptor.
    channels: u8,
    clock: FrameClock,
    told: bool,
}

impl Opus {
    pub(crate) fn new(channel_config: u8) -> Self {
        let channels = match channel_config {
            0 => 2,
            code @ 1..=8 => code,
            _ => 2,
        };
        Self { channels, clock: FrameClock::default(), told: false }
    }

    pub(crate) fn push(&mut self, unit: &Unit, out: &mut Vec<Part>) {
        if !std::mem::replace(&mut self.told, true) {
            let (config, channels) = (Some(head(self.channels)), Some(self.channels));
            out.push(Part::Config { codec: Codec::Opus, config, sample_rate: Some(SAMPLE_RATE), channels });
        }
        if let Some(time) = unit.pts {
            self.clock.set(time);
        }
        let mut rest = unit.data.clone();
        while let Some((header_len, len)) = control_header(&rest) {
            let Some(end) = header_len.checked_add(len).filter(|end| *end <= rest.len()) else { break };
            let packet = rest.slice(header_len..end);
            rest = rest.slice(end..);
            if let Some(pts) = self.clock.next(samples(&packet), SAMPLE_RATE) {
                out.push(Part::Frame { dts: pts, pts, kind: FrameKind::Key, data: packet });
            }
        }
    }
}

/// Bytes of the control header at the start of `data`, and of the packet behind it.
fn control_header(data: &[u8]) -> Option<(usize, usize)> {
    let &[first, flags, ..] = data else { return None };
    if first != 0x7F || flags & 0xE0 != 0xE0 {
        return None;
    }
    let (mut at, mut len) = (2, 0_usize);
    loop {
        let byte = *data.get(at)?;
        at += 1;
        len = len.checked_add(usize::from(byte))?;
        if byte != 0xFF {
            break;
        }
    }
    for (flag, _trim) in [(0x10, "start"), (0x08, "end")] {
        at += if flags & flag != 0 { 2 } else { 0 };
    }
    if flags & 0x04 != 0 {
        at += 1 + usize::from(*data.get(at)?);
    }
    Some((at, len))
}

/// Samples of a packet at 48 kHz, by its first two bytes (RFC 6716, 3.1).
pub(crate) fn samples(packet: &[u8]) -> u32 {
    let Some(&toc) = packet.first() else { return 0 };
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880].get(usize::from(config & 3)).copied().unwrap_or(960),
        config @ 12..=15 => 480 << (config & 1),
        config => 120 << (config & 3),
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1).map_or(1, |count| count & 0x3F)),
    };
    frame * count
}

/// An identification header (RFC 7845, 5.1) for plain mono, stereo, or the mapping of Vorbis.
fn head(channels: u8) -> Bytes {
    let mut out = BytesMut::new();
    out.put_slice(b"OpusHead");
    out.put_u8(1);
    out.put_u8(channels);
    out.put_u16_le(PRE_SKIP);
    out.put_u32_le(SAMPLE_RATE);
    out.put_u16(0);
    // Streams, coupled streams and the order of channels (RFC 7845, 5.1.1.2; RFC 7587).
    let mapping: Option<(u8, u8, &[u8])> = match channels {
        3 => Some((2, 1, &[0, 2, 1])),
        4 => Some((2, 2, &[0, 1, 2, 3])),
        5 => Some((3, 2, &[0, 4, 1, 2, 3])),
        6 => Some((4, 2, &[0, 4, 1, 2, 3, 5])),
        7 => Some((5, 2, &[0, 4, 1, 2, 3, 5, 6])),
        8 => Some((5, 3, &[0, 6, 1, 2, 3, 4, 5, 7])),
        _ => None,
    };
    match mapping {
        None => out.put_u8(0),
        Some((streams, coupled, order)) => {
            out.put_slice(&[1, streams, coupled]);
            out.put_slice(order);
        }
    }
    out.freeze()
}
