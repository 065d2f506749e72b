//! Opus (RFC 6716), its identification header (RFC 7845, 5.1).

use crate::AudioInfo;

/// What an identification header (`OpusHead`) tells. Opus always plays at 48 kHz, whatever the input rate it notes.
pub fn audio_info(head: &[u8]) -> AudioInfo {
    let channels = match head.strip_prefix(b"OpusHead") {
        Some(&[_version, channels, ..]) => Some(channels).filter(|channels| *channels > 0),
        _ => None,
    };
    AudioInfo { sample_rate: Some(48_000), channels, profile: None }
}
