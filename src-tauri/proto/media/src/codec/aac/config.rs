//! The audio specific configuration (ISO/IEC 14496-3, 1.6.2.1).

use crate::AudioInfo;
use crate::codec::Error;
use crate::codec::bits::BitReader;

const RECORD: &str = "AAC configuration (AudioSpecificConfig)";

/// Samples a second by `samplingFrequencyIndex` (ISO/IEC 14496-3, table 1.18).
pub const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What an audio specific configuration tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Audio object type of the core, e.g. 2 for AAC LC.
    pub object_type: u8,
    /// Samples a second of the core.
    pub core_rate: u32,
    /// Samples a second that come out: twice the core's with SBR.
    pub sample_rate: u32,
    /// `channelConfiguration` as it stands there; 0 where only the stream itself tells.
    pub channel_configuration: u8,
    /// Channels; `None` where only the stream itself tells (channel configuration 0).
    pub channels: Option<u8>,
    /// Spectral band replication is signalled: HE-AAC.
    pub sbr: bool,
    /// Parametric stereo is signalled: HE-AAC v2.
    pub ps: bool,
}

impl AudioSpecificConfig {
    const SBR: u8 = 5;
    const PS: u8 = 29;

    /// Reads the record. Whatever follows is ignored: some encoders write too much.
    pub fn parse(record: &[u8]) -> Result<Self, Error> {
        let mut reader = BitReader::new(RECORD, record);
        let mut object_type = read_object_type(&mut reader)?;
        let core_rate = read_rate(&mut reader)?;
        let channel_configuration = reader.small(4)?;
        let (mut sbr, mut ps, mut sample_rate) = (false, false, core_rate);
        if matches!(object_type, Self::SBR | Self::PS) {
            (sbr, ps) = (true, object_type == Self::PS);
            sample_rate = read_rate(&mut reader)?;
            object_type = read_object_type(&mut reader)?;
        } else if let Some(extension) = find_extension(reader, object_type) {
            (sbr, ps, sample_rate) = (true, extension.ps, extension.rate);
        }
        let channels = match channel_configuration {
            1 if ps => Some(2),
            channels @ 1..=6 => Some(channels),
            7 | 12 | 14 => Some(8),
            11 => Some(7),
            13 => Some(24),
            _ => None,
        };
        Ok(Self { object_type, core_rate, sample_rate, channel_configuration, channels, sbr, ps })
    }

    /// As people want to read it.
    pub fn audio_info(&self) -> AudioInfo {
        AudioInfo { sample_rate: Some(self.sample_rate), channels: self.channels, profile: Some(self.profile()) }
    }

    /// The profile's name.
    pub fn profile(&self) -> String {
        match (self.ps, self.sbr, self.object_type) {
            (true, ..) => "HE v2".into(),
            (_, true, _) => "HE".into(),
            (.., 1) => "Main".into(),
            (.., 2) => "LC".into(),
            (.., 3) => "SSR".into(),
            (.., 4) => "LTP".into(),
            (.., 23) => "LD".into(),
            (.., 39) => "ELD".into(),
            (.., 42) => "xHE".into(),
            (.., other) => other.to_string(),
        }
    }
}

fn read_object_type(reader: &mut BitReader<'_>) -> Result<u8, Error> {
    const ESCAPE: u8 = 31;
    match reader.small(5)? {
        ESCAPE => Ok(32 + reader.small(6)?),
        object_type => Ok(object_type),
    }
}

fn read_rate(reader: &mut BitReader<'_>) -> Result<u32, Error> {
    const ESCAPE: u8 = 15;
    match reader.small(4)? {
        ESCAPE => reader.bits(24),
        index => SAMPLE_RATES.get(usize::from(index)).copied().ok_or(Error::Invalid {
            record: RECORD,
            field: "the sampling frequency index",
            value: index.into(),
        }),
    }
}

struct Extension {
    rate: u32,
    ps: bool,
}

/// SBR signalled after the core's own configuration, so that old decoders do not see it ("backward compatible explicit
/// signalling"). Only the short `GASpecificConfig` of common AAC is passed over; others are taken as they are.
fn find_extension(mut reader: BitReader<'_>, object_type: u8) -> Option<Extension> {
    const SBR_SYNC: u32 = 0x2B7;
    const PS_SYNC: u32 = 0x548;
    if !matches!(object_type, 1..=4) {
        return None;
    }
    reader.skip(1).ok()?;
    if reader.flag().ok()? {
        reader.skip(14).ok()?;
    }
    reader.skip(1).ok()?;
    if reader.bits(11).ok()? != SBR_SYNC || read_object_type(&mut reader).ok()? != AudioSpecificConfig::SBR {
        return None;
    }
    if !reader.flag().ok()? {
        return None;
    }
    let rate = read_rate(&mut reader).ok()?;
    let ps = reader.bits(11) == Ok(PS_SYNC) && reader.flag() == Ok(true);
    Some(Extension { rate, ps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_of_real_encoders_are_read() {
        for (name, record, profile, rate, channels) in [
            ("LC 44.1 kHz stereo", &[0x12, 0x10][..], "LC", 44_100, Some(2)),
            ("LC 48 kHz stereo, OBS", &[0x11, 0x90], "LC", 48_000, Some(2)),
            ("LC 48 kHz mono, FFmpeg with its SBR-absent tail", &[0x11, 0x88, 0x56, 0xE5, 0x00], "LC", 48_000, Some(1)),
            ("HE 24 to 48 kHz by the tail", &[0x13, 0x10, 0x56, 0xE5, 0x98], "HE", 48_000, Some(2)),
            ("HE by the object type", &[0x2B, 0x11, 0x88, 0x00], "HE", 48_000, Some(2)),
            ("HE v2 by the object type", &[0xEB, 0x09, 0x88, 0x00], "HE v2", 48_000, Some(2)),
            ("LC with an escaped rate of 48,000", &[0x17, 0x80, 0x5D, 0xC0, 0x10], "LC", 48_000, Some(2)),
            ("5.1", &[0x11, 0xB0], "LC", 48_000, Some(6)),
        ] {
            let config = AudioSpecificConfig::parse(record).unwrap();
            let got = (config.profile(), config.sample_rate, config.channels);
            assert_eq!((got.0.as_str(), got.1, got.2), (profile, rate, channels), "{name}");
        }
    }

    #[test]
    fn a_record_that_is_too_short_or_reserved_is_refused() {
        assert_eq!(AudioSpecificConfig::parse(&[0x12]), Err(Error::Truncated { record: RECORD }));
        assert!(matches!(AudioSpecificConfig::parse(&[0x16, 0x90]), Err(Error::Invalid { value: 13, .. })));
    }
}
