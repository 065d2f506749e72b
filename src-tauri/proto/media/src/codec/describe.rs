//! From a configuration record to what people want to know.

use bytes::Bytes;

use super::{Codec, aac, av1, flac, h264, h265, h266, opus, vp9};
use crate::{AudioInfo, VideoInfo};

/// What a video codec's configuration record tells; nothing where it cannot be read.
pub fn video_info(codec: Codec, config: &Bytes) -> VideoInfo {
    let info = match codec {
        Codec::H264 => h264::DecoderConfig::parse(config).map(|config| config.video_info()),
        Codec::H265 => h265::DecoderConfig::parse(config).map(|config| config.video_info()),
        Codec::H266 => h266::DecoderConfig::parse(config).map(|config| config.video_info()),
        Codec::Av1 => av1::DecoderConfig::parse(config).map(|config| config.video_info()),
        Codec::Vp8 | Codec::Vp9 => vp9::DecoderConfig::parse(config).map(|config| config.video_info()),
        _ => return VideoInfo::default(),
    };
    info.unwrap_or_default()
}

/// What an audio codec's configuration record tells; nothing where it cannot be read.
pub fn audio_info(codec: Codec, config: &Bytes) -> AudioInfo {
    match codec {
        Codec::Aac => aac::AudioSpecificConfig::parse(config).map(|config| config.audio_info()).unwrap_or_default(),
        Codec::Opus => opus::audio_info(config),
        Codec::Flac => flac::audio_info(config).unwrap_or_default(),
        _ => AudioInfo::default(),
    }
}
