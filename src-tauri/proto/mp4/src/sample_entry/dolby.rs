//! AC-3 and E-AC-3 frame headers, as far as their MP4 boxes repeat them (ETSI TS 102 366, 4.3, E.1.2 and annex F).

use crate::boxes::Boxes;

/// Frame sizes by `frmsizecod / 2`, as bit rates in kbit/s (table 4.13).
const BIT_RATES: [u16; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// Channels by `acmod`, without the low-frequency one.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    rate_code: u8,
    half_rate: bool,
    stream_id: u8,
    mode: u8,
    audio_mode: u8,
    lfe: bool,
    size_code: u8,
    /// Bytes of the frame, E-AC-3 only.
    frame_len: u32,
    /// Samples of the frame, E-AC-3 only.
    samples: u32,
}

impl Header {
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let head: &[u8; 8] = frame.first_chunk()?;
        let [0x0B, 0x77, b2, b3, b4, b5, b6, b7] = *head else { return None };
        let stream_id = b5 >> 3;
        if stream_id <= 10 { Self::plain(b4, b5, b6, b7) } else { Self::enhanced(b2, b3, b4, b5) }
    }

    fn plain(b4: u8, b5: u8, b6: u8, b7: u8) -> Option<Self> {
        let audio_mode = b6 >> 5;
        // Fields that are there or not lie between the audio mode and the low-frequency flag.
        let mut skip = 0;
        if audio_mode & 1 == 1 && audio_mode != 1 {
            skip += 2;
        }
        if audio_mode & 4 != 0 {
            skip += 2;
        }
        if audio_mode == 2 {
            skip += 2;
        }
        let bits = u16::from_be_bytes([b6, b7]);
        let lfe = bits >> (15 - 3 - skip) & 1 == 1;
        let (rate_code, size_code) = (b4 >> 6, b4 & 0x3F);
        let valid = rate_code < 3 && usize::from(size_code / 2) < BIT_RATES.len();
        valid.then_some(Self {
            rate_code,
            half_rate: false,
            stream_id: b5 >> 3,
            mode: b5 & 7,
            audio_mode,
            lfe,
            size_code,
            frame_len: 0,
            samples: 1536,
        })
    }

    fn enhanced(b2: u8, b3: u8, b4: u8, b5: u8) -> Option<Self> {
        let frame_len = (u32::from(b2 & 7) << 8 | u32::from(b3)) * 2 + 2;
        let code = b4 >> 6;
        let second = b4 >> 4 & 3;
        let half_rate = code == 3;
        if half_rate && second == 3 {
            return None;
        }
        let blocks = if half_rate { 6 } else { [1, 2, 3, 6].get(usize::from(second)).copied()? };
        Some(Self {
            rate_code: if half_rate { second } else { code },
            half_rate,
            stream_id: b5 >> 3,
            mode: 0,
            audio_mode: b4 >> 1 & 7,
            lfe: b4 & 1 == 1,
            size_code: 0,
            frame_len,
            samples: blocks * 256,
        })
    }

    pub(super) fn sample_rate(&self) -> u32 {
        let rate = match self.rate_code {
            0 => 48_000,
            1 => 44_100,
            _ => 32_000,
        };
        if self.half_rate { rate / 2 } else { rate }
    }

    pub(super) fn channels(&self) -> u16 {
        CHANNELS.get(usize::from(self.audio_mode)).copied().unwrap_or(2) + u16::from(self.lfe)
    }

    /// `AC3SpecificBox` (F.4).
    pub(super) fn write_ac3(&self, boxes: &mut Boxes) {
        let fields = u32::from(self.rate_code) << 22
            | u32::from(self.stream_id) << 17
            | u32::from(self.mode) << 14
            | u32::from(self.audio_mode) << 11
            | u32::from(self.lfe) << 10
            | u32::from(self.size_code / 2) << 5;
        let [_, bytes @ ..] = fields.to_be_bytes();
        boxes.bytes(&bytes);
    }

    /// `EC3SpecificBox` (F.6) of one independent substream.
    pub(super) fn write_eac3(&self, boxes: &mut Boxes) {
        let data_rate = u64::from(self.frame_len) * 8 * u64::from(self.sample_rate()) / u64::from(self.samples) / 1000;
        let rate_code = if self.half_rate { 3 } else { self.rate_code };
        boxes.u16((data_rate.min(0x1FFF) as u16) << 3);
        let fields = u32::from(rate_code) << 22
            | u32::from(self.stream_id) << 17
            | u32::from(self.mode) << 12
            | u32::from(self.audio_mode) << 9
            | u32::from(self.lfe) << 8;
        let [_, bytes @ ..] = fields.to_be_bytes();
        boxes.bytes(&bytes);
    }
}
