//! AC-3 and Enhanced AC-3 (ETSI TS 102 366).

use super::Error;
use super::bits::BitReader;
use crate::AudioInfo;

const RECORD: &str = "AC-3 frame header";

/// Channels by `acmod`, without the low frequency one (4.4.2.3).
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// What the header of an AC-3 or E-AC-3 frame tells.
pub fn audio_info(frame: &[u8]) -> Result<AudioInfo, Error> {
    let invalid = |field, value: u32| Error::Invalid { record: RECORD, field, value: value.into() };
    let mut reader = BitReader::new(RECORD, frame);
    let sync = reader.bits(16)?;
    if sync != 0x0B77 {
        return Err(invalid("the sync word", sync));
    }
    let mut identification = reader.clone();
    identification.skip(24)?;
    let enhanced = identification.bits(5)? > 10;
    let (sample_rate, mode, lfe) = if enhanced { enhanced_head(&mut reader)? } else { plain_head(&mut reader)? };
    let channels = CHANNELS.get(usize::from(mode)).map(|channels| channels + u8::from(lfe));
    Ok(AudioInfo { sample_rate: Some(sample_rate), channels, profile: None })
}

fn rate(code: u8) -> Result<u32, Error> {
    match code {
        0 => Ok(48_000),
        1 => Ok(44_100),
        2 => Ok(32_000),
        other => Err(Error::Invalid { record: RECORD, field: "the sampling rate code", value: other.into() }),
    }
}

/// `syncinfo` and `bsi` (4.3.1, 4.3.2).
fn plain_head(reader: &mut BitReader<'_>) -> Result<(u32, u8, bool), Error> {
    reader.skip(16)?;
    let sample_rate = rate(reader.small(2)?)?;
    reader.skip(6 + 5 + 3)?;
    let mode = reader.small(3)?;
    if mode & 1 == 1 && mode != 1 {
        reader.skip(2)?;
    }
    if mode & 4 != 0 {
        reader.skip(2)?;
    }
    if mode == 2 {
        reader.skip(2)?;
    }
    Ok((sample_rate, mode, reader.flag()?))
}

/// `bsi` of Enhanced AC-3 (E.1.2.2).
fn enhanced_head(reader: &mut BitReader<'_>) -> Result<(u32, u8, bool), Error> {
    reader.skip(2 + 3 + 11)?;
    let code = reader.small(2)?;
    let low = reader.small(2)?;
    let sample_rate = if code == 3 { rate(low)? / 2 } else { rate(code)? };
    Ok((sample_rate, reader.small(3)?, reader.flag()?))
}

/// Bit rates by `frmsizecod / 2`, in kbit/s (4.4.1.4, table 4.13).
const KILOBITS: [u32; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// What is needed to cut a stream into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Enhanced AC-3.
    pub enhanced: bool,
    /// Samples a second.
    pub sample_rate: u32,
    /// Samples of each channel in the frame.
    pub samples: u32,
    /// Bytes of the frame.
    pub frame_len: usize,
}

impl FrameHeader {
    /// Reads the header at the start of `data`.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let sample_rate = audio_info(data)?.sample_rate.unwrap_or(48_000);
        let mut reader = BitReader::new(RECORD, data);
        let mut identification = reader.clone();
        identification.skip(40)?;
        let enhanced = identification.bits(5)? > 10;
        if enhanced {
            reader.skip(16 + 2 + 3)?;
            let frame_len = (reader.bits(11)? as usize + 1) * 2;
            let blocks = match (reader.bits(2)?, reader.bits(2)?) {
                (3, _) | (_, 3) => 6,
                (_, code) => code + 1,
            };
            return Ok(Self { enhanced, sample_rate, samples: blocks * 256, frame_len });
        }
        reader.skip(16 + 16)?;
        let (rate_code, size_code) = (reader.bits(2)?, reader.bits(6)?);
        let kilobits = KILOBITS.get(size_code as usize / 2).copied();
        let kilobits =
            kilobits.ok_or(Error::Invalid { record: RECORD, field: "the frame size code", value: size_code.into() })?;
        // Only at 44.1 kHz frames do not come out even: an odd code is one word longer.
        let words = kilobits * 96_000 / sample_rate + u32::from(rate_code == 1 && size_code % 2 == 1);
        Ok(Self { enhanced, sample_rate, samples: 1536, frame_len: words as usize * 2 })
    }
}

#[cfg(test)]
mod frame_tests {
    use super::*;

    #[test]
    fn frames_have_the_length_of_their_bit_rate() {
        for (name, head, len, samples) in [
            ("AC-3, 48 kHz, 192 kbit/s", [0x0B, 0x77, 0, 0, 0x14, 0x40, 0x43, 0xE1], 768, 1536),
            ("AC-3, 44.1 kHz, 192 kbit/s", [0x0B, 0x77, 0, 0, 0x54, 0x40, 0x43, 0xE1], 834, 1536),
            ("the same, one word longer", [0x0B, 0x77, 0, 0, 0x55, 0x40, 0x43, 0xE1], 836, 1536),
            ("E-AC-3, 48 kHz, six blocks", [0x0B, 0x77, 0x01, 0xFF, 0x34, 0x87, 0, 0], 1024, 1536),
        ] {
            let header = FrameHeader::parse(&head).unwrap();
            assert_eq!((header.frame_len, header.samples), (len, samples), "{name}");
        }
    }
}
