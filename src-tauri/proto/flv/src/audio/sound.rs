//! What the first byte of a legacy audio tag says of rate and channels (FLV 10.1, E.4.2.1).

use weir_media::{AudioInfo, Codec};

/// Samples a second by `SoundRate`.
const RATES: [u32; 4] = [5_512, 11_025, 22_050, 44_100];

/// What the first byte tells of a codec that has no header of its own.
pub(crate) fn legacy_info(flags: u8) -> AudioInfo {
    let by_flags = RATES.get(usize::from(flags >> 2 & 3)).copied();
    let stereo = 1 + (flags & 1);
    // Some formats have one rate or are mono whatever the flags say.
    let (sample_rate, channels) = match flags >> 4 {
        4 => (Some(16_000), 1),
        5 => (Some(8_000), 1),
        7 | 8 => (Some(8_000), stereo),
        11 => (Some(16_000), 1),
        14 => (Some(8_000), stereo),
        _ => (by_flags, stereo),
    };
    AudioInfo { sample_rate, channels: Some(channels), profile: None }
}

/// The first byte for a codec of legacy number `id`: 16 bit, and the nearest rate at or above (as FFmpeg does for 48 kHz MP3).
pub(crate) fn legacy_flags(codec: Codec, id: u8, info: Option<&AudioInfo>) -> u8 {
    const MP3_8K: u8 = 14;
    let rate = info.and_then(|info| info.sample_rate).unwrap_or(44_100);
    let stereo = info.and_then(|info| info.channels).unwrap_or(2) != 1;
    let id = if codec == Codec::Mp3 && rate == 8_000 { MP3_8K } else { id };
    // Four rates, so the position fits two bits.
    let rate = RATES.iter().position(|known| *known >= rate).unwrap_or(3) as u8;
    id << 4 | rate << 2 | 1 << 1 | u8::from(stereo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_say_what_the_info_says() {
        for (rate, channels, flags) in
            [(44_100, 2, 0x2F), (48_000, 2, 0x2F), (22_050, 1, 0x2A), (11_025, 2, 0x27), (8_000, 1, 0xE6)]
        {
            let info = AudioInfo { sample_rate: Some(rate), channels: Some(channels), profile: None };
            assert_eq!(legacy_flags(Codec::Mp3, 2, Some(&info)), flags, "{rate} {channels}");
        }
        assert_eq!(legacy_info(0x3F).sample_rate, Some(44_100));
        assert_eq!(legacy_info(0xB2), AudioInfo { sample_rate: Some(16_000), channels: Some(1), profile: None });
    }
}
