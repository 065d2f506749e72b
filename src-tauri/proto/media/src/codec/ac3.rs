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
