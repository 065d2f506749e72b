//! The ADTS header, AAC's framing where no container gives one (ISO/IEC 13818-7, 6.2).

use bytes::Bytes;

use super::SAMPLE_RATES;
use crate::codec::Error;
use crate::codec::bits::BitReader;

const RECORD: &str = "ADTS header";

/// One ADTS header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adts {
    /// Audio object type, 1 to 4.
    pub object_type: u8,
    /// `sampling_frequency_index`, 0 to 12.
    pub rate_index: u8,
    /// `channel_configuration`; 0 where only the stream itself tells.
    pub channel_configuration: u8,
    /// Bytes of the header: 7, or 9 with a checksum.
    pub header_len: usize,
    /// Bytes of header and frame.
    pub frame_len: usize,
}

impl Adts {
    /// Reads the header at the start of `data`; the frame itself need not be there yet.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, data);
        let invalid = |field, value: u32| Error::Invalid { record: RECORD, field, value: value.into() };
        let sync = reader.bits(12)?;
        if sync != 0xFFF {
            return Err(invalid("the sync word", sync));
        }
        reader.skip(1)?;
        let layer = reader.bits(2)?;
        if layer != 0 {
            return Err(invalid("the layer", layer));
        }
        let header_len = if reader.flag()? { 7 } else { 9 };
        let object_type = reader.small(2)? + 1;
        let rate_index = reader.small(4)?;
        if usize::from(rate_index) >= SAMPLE_RATES.len() {
            return Err(invalid("the sampling frequency index", rate_index.into()));
        }
        reader.skip(1)?;
        let channel_configuration = reader.small(3)?;
        reader.skip(4)?;
        let frame_len = reader.bits(13)? as usize;
        reader.skip(13)?;
        if frame_len < header_len {
            return Err(invalid("a frame length of", frame_len as u32));
        }
        Ok(Self { object_type, rate_index, channel_configuration, header_len, frame_len })
    }

    /// Samples a second.
    pub fn sample_rate(&self) -> u32 {
        SAMPLE_RATES.get(usize::from(self.rate_index)).copied().unwrap_or_default()
    }

    /// The audio specific configuration that says the same.
    pub fn audio_specific_config(&self) -> Bytes {
        let bits = u16::from(self.object_type) << 11
            | u16::from(self.rate_index & 0xF) << 7
            | u16::from(self.channel_configuration & 0xF) << 3;
        Bytes::copy_from_slice(&bits.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::aac::AudioSpecificConfig;

    // ffmpeg 5.1, aac, 44.1 kHz mono: header of a 23 byte frame.
    const HEADER: [u8; 7] = [0xFF, 0xF1, 0x50, 0x40, 0x02, 0xFF, 0xFC];

    #[test]
    fn a_header_gives_lengths_and_a_configuration() {
        let adts = Adts::parse(&HEADER).unwrap();
        assert_eq!((adts.header_len, adts.frame_len, adts.sample_rate()), (7, 23, 44_100));
        let config = AudioSpecificConfig::parse(&adts.audio_specific_config()).unwrap();
        assert_eq!((config.object_type, config.sample_rate, config.channels), (2, 44_100, Some(1)));
    }

    #[test]
    fn anything_else_is_refused() {
        for end in 0..HEADER.len() {
            assert!(Adts::parse(&HEADER[..end]).is_err());
        }
        assert!(Adts::parse(&[0xFF, 0xFB, 0x90, 0x64, 0, 0, 0]).is_err(), "an MP3 header");
        assert!(Adts::parse(&[0xFF, 0xF1, 0x50, 0x40, 0x00, 0x1F, 0xFC]).is_err(), "a frame shorter than its header");
    }
}
