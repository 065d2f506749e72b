//! MPEG-1/2/2.5 audio (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3).

use super::Error;
use crate::AudioInfo;

const RECORD: &str = "MP3 frame header";

/// One frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Layer, 1 to 3.
    pub layer: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Bits a second; `None` for the free format.
    pub bit_rate: Option<u32>,
    /// Samples of each channel in a frame.
    pub samples: u32,
    /// Bytes of the whole frame; `None` for the free format.
    pub frame_len: Option<usize>,
}

impl FrameHeader {
    /// Reads the header at the start of `data`.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let &[sync, version, rates, mode, ..] = data else { return Err(Error::Truncated { record: RECORD }) };
        let invalid = |field, value: u8| Error::Invalid { record: RECORD, field, value: value.into() };
        if sync != 0xFF || version & 0xE0 != 0xE0 {
            return Err(invalid("the sync byte", sync));
        }
        // 0 is MPEG-2.5, 2 is MPEG-2, 3 is MPEG-1.
        let (version_id, layer_id) = (version >> 3 & 3, version >> 1 & 3);
        let layer = match layer_id {
            1..=3 => 4 - layer_id,
            other => return Err(invalid("the layer", other)),
        };
        let base_rate = match rates >> 2 & 3 {
            0 => 44_100,
            1 => 48_000,
            2 => 32_000,
            other => return Err(invalid("the sampling rate index", other)),
        };
        let sample_rate = match version_id {
            3 => base_rate,
            2 => base_rate / 2,
            0 => base_rate / 4,
            other => return Err(invalid("the version", other)),
        };
        let first_version = version_id == 3;
        let bit_rate = match rates >> 4 {
            0 => None,
            15 => return Err(invalid("the bit rate index", 15)),
            index => kilobits(first_version, layer, index).map(|kilobits| kilobits * 1000),
        };
        let samples = match (layer, first_version) {
            (1, _) => 384,
            (3, false) => 576,
            _ => 1152,
        };
        let padding = u32::from(rates >> 1 & 1);
        let frame_len = bit_rate.map(|bit_rate| match layer {
            1 => (12 * bit_rate / sample_rate + padding) * 4,
            _ => samples / 8 * bit_rate / sample_rate + padding,
        } as usize);
        let channels = if mode >> 6 == 3 { 1 } else { 2 };
        Ok(Self { layer, sample_rate, channels, bit_rate, samples, frame_len })
    }

    /// As people want to read it.
    pub fn audio_info(&self) -> AudioInfo {
        let profile = (self.layer != 3).then(|| format!("Layer {}", self.layer));
        AudioInfo { sample_rate: Some(self.sample_rate), channels: Some(self.channels), profile }
    }
}

fn kilobits(first_version: bool, layer: u8, index: u8) -> Option<u32> {
    let table: [u32; 14] = match (first_version, layer) {
        (true, 1) => [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        (true, 2) => [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        (true, _) => [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        (false, 1) => [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        (false, _) => [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    };
    table.get(usize::from(index).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_common_streams_are_read() {
        for (name, header, rate, channels, bit_rate, len) in [
            ("MPEG-1 layer 3, 128 kbit/s, joint stereo", [0xFF, 0xFB, 0x90, 0x64], 44_100, 2, 128_000, 417),
            ("the same, mono", [0xFF, 0xFB, 0x90, 0xC4], 44_100, 1, 128_000, 417),
            ("MPEG-2 layer 3, 64 kbit/s", [0xFF, 0xF3, 0x84, 0x64], 24_000, 2, 64_000, 192),
            ("MPEG-2.5 layer 3, 8 kHz, 16 kbit/s", [0xFF, 0xE3, 0x28, 0xC4], 8_000, 1, 16_000, 144),
        ] {
            let parsed = FrameHeader::parse(&header).unwrap();
            assert_eq!((parsed.sample_rate, parsed.channels), (rate, channels), "{name}");
            assert_eq!((parsed.bit_rate, parsed.frame_len), (Some(bit_rate), Some(len)), "{name}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for header in [[0xFF, 0xF1, 0x50, 0x40], [0xFF, 0xFB, 0xF0, 0], [0xFF, 0xFB, 0x9C, 0], [0x49, 0x44, 0x33, 4]] {
            assert!(FrameHeader::parse(&header).is_err(), "{header:02x?}");
        }
        assert!(FrameHeader::parse(&[0xFF, 0xFB, 0x90]).is_err());
    }
}
