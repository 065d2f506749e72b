//! The configuration record, `av1C` (AV1 in ISOBMFF, 2.3.3).

use bytes::Bytes;

use super::SequenceHeader;
use crate::VideoInfo;
use crate::codec::Error;
use crate::codec::bits::BitReader;

const RECORD: &str = "AV1 configuration (av1C)";

/// What an `av1C` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx_0`.
    pub level_index: u8,
    /// The high tier.
    pub high_tier: bool,
    /// Bits a sample.
    pub bit_depth: u8,
    /// Sequence header and metadata OBUs; may be empty.
    pub obus: Bytes,
}

impl DecoderConfig {
    /// Reads an `av1C`.
    pub fn parse(record: &Bytes) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, record);
        let marker = reader.bits(1)?;
        let version = reader.small(7)?;
        if marker != 1 || version != 1 {
            return Err(Error::Invalid { record: RECORD, field: "version", value: version.into() });
        }
        let (profile, level_index) = (reader.small(3)?, reader.small(5)?);
        let high_tier = reader.flag()?;
        let bit_depth = match (reader.flag()?, reader.flag()?) {
            (true, true) => 12,
            (true, false) => 10,
            (false, _) => 8,
        };
        reader.skip(13)?;
        let obus = if record.len() > 4 { record.slice(4..) } else { Bytes::new() };
        Ok(Self { profile, level_index, high_tier, bit_depth, obus })
    }

    /// As people want to read it; dimensions only when the record holds the sequence header.
    pub fn video_info(&self) -> VideoInfo {
        let sequence = SequenceHeader::find(&self.obus);
        sequence.map(|sequence| sequence.video_info()).unwrap_or_else(|| VideoInfo {
            profile: Some(super::sequence::profile_name(self.profile)),
            level: super::sequence::level_name(self.level_index),
            bit_depth: Some(self.bit_depth),
            ..VideoInfo::default()
        })
    }
}
