//! AAC in ADTS: several frames a PES packet, and frames across PES packets.

use bytes::{Buf, Bytes, BytesMut};
use weir_media::codec::aac;
use weir_media::{Codec, FrameKind};

use super::{FrameClock, Part, Unit};

/// Samples of an AAC frame (ISO/IEC 14496-3; 960 is not used in ADTS).
const FRAME_SAMPLES: u32 = 1024;

/// PES packets without a frame after which a stream is no ADTS, whatever it is announced as.
const MAX_FRUITLESS: u8 = 4;

/// One ADTS stream.
#[derive(Debug, Default)]
pub(crate) struct Adts {
    buffer: BytesMut,
    clock: FrameClock,
    config: Option<Bytes>,
    /// PES packets before the first frame.
    fruitless: u8,
}

impl Adts {
    pub(crate) fn lose(&mut self) {
        self.buffer.clear();
        self.clock.lose();
    }

    /// Whether it has shown itself to be something else.
    pub(crate) fn is_something_else(&self) -> bool {
        self.config.is_none() && self.fruitless >= MAX_FRUITLESS
    }

    pub(crate) fn push(&mut self, unit: &Unit, out: &mut Vec<Part>) {
        // Bits that look like a header are in LATM too, by chance.
        if self.config.is_none() && is_latm(&unit.data) {
            self.fruitless = self.fruitless.saturating_add(1);
            return;
        }
        let mut carried = self.buffer.len();
        let mut time = unit.pts;
        self.buffer.extend_from_slice(&unit.data);
        while let Some(skip) = find_sync(&self.buffer) {
            self.buffer.advance(skip);
            carried = carried.saturating_sub(skip);
            let Ok(header) = aac::Adts::parse(&self.buffer) else {
                if self.buffer.len() < 9 {
                    break;
                }
                self.buffer.advance(1);
                carried = carried.saturating_sub(1);
                continue;
            };
            if self.buffer.len() < header.frame_len {
                break;
            }
            if carried == 0
                && let Some(time) = time.take()
            {
                self.clock.set(time);
            }
            carried = carried.saturating_sub(header.frame_len);
            let frame = self.buffer.split_to(header.frame_len).freeze().slice(header.header_len..);
            self.configure(&header, out);
            if let Some(pts) = self.clock.next(FRAME_SAMPLES, header.sample_rate()) {
                out.push(Part::Frame { dts: pts, pts, kind: FrameKind::Key, data: frame });
            }
        }
        // More than a header is the beginning of a frame.
        if self.config.is_none() && self.buffer.len() < 9 {
            self.fruitless = self.fruitless.saturating_add(1);
        }
    }

    fn configure(&mut self, header: &aac::Adts, out: &mut Vec<Part>) {
        let config = header.audio_specific_config();
        if self.config.as_ref() == Some(&config) {
            return;
        }
        self.config = Some(config.clone());
        let channels = Some(header.channel_configuration).filter(|channels| *channels > 0);
        let channels = channels.map(|channels| if channels == 7 { 8 } else { channels });
        let sample_rate = Some(header.sample_rate());
        out.push(Part::Config { codec: Codec::Aac, config: Some(config), sample_rate, channels });
    }
}

/// The sync word of LATM's own framing (ISO/IEC 14496-3, 1.7.2).
const fn is_latm(data: &[u8]) -> bool {
    matches!(data, [0x56, 0xE0..=0xFF, ..])
}

/// Where the next sync word may stand; `None` when there is nothing left worth looking at.
fn find_sync(buffer: &[u8]) -> Option<usize> {
    if buffer.len() < 7 {
        return None;
    }
    let found = buffer.windows(2).position(|pair| matches!(pair, [0xFF, second] if second & 0xF6 == 0xF0));
    Some(found.unwrap_or(buffer.len() - 1))
}
