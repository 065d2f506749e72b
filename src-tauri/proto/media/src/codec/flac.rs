//! FLAC (RFC 9639).

use bytes::Bytes;

use super::Error;
use super::bits::BitReader;
use crate::AudioInfo;

const RECORD: &str = "FLAC stream information";

/// Bytes of the stream information block (RFC 9639, 8.2).
pub const STREAM_INFO_LEN: usize = 34;

/// The stream information block alone: writers put the marker `fLaC` or the block's header before it, or both.
pub fn canonical(config: &Bytes) -> Result<Bytes, Error> {
    let mut rest = config.clone();
    if rest.starts_with(b"fLaC") {
        rest = rest.slice(4..);
    }
    // A block header: type 0, length 34, with or without the "last" bit. As block sizes those bytes would be impossible.
    if rest.len() > STREAM_INFO_LEN && matches!(rest.as_ref(), [0x00 | 0x80, 0, 0, 34, ..]) {
        rest = rest.slice(4..);
    }
    if rest.len() < STREAM_INFO_LEN {
        return Err(Error::Truncated { record: RECORD });
    }
    Ok(rest.slice(..STREAM_INFO_LEN))
}

/// What a stream information block in canonical form tells.
pub fn audio_info(block: &[u8]) -> Result<AudioInfo, Error> {
    let mut reader = BitReader::new(RECORD, block);
    reader.skip(16 + 16 + 24 + 24)?;
    let sample_rate = reader.bits(20)?;
    let channels = reader.small(3)? + 1;
    Ok(AudioInfo { sample_rate: Some(sample_rate), channels: Some(channels), profile: None })
}
