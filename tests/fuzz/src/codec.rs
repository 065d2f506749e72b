//! Codec configuration and the headers of frames: the first byte chooses what the rest is read as.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weir_media::FrameKind;
use weir_media::codec::nal::LengthSize;
use weir_media::codec::{Codec, aac, ac3, audio_info, av1, flac, h264, h265, mp3, nal, video_info, vp9};

const CODECS: [Codec; 12] = [
    Codec::H264,
    Codec::H265,
    Codec::H266,
    Codec::Av1,
    Codec::Vp8,
    Codec::Vp9,
    Codec::Aac,
    Codec::Mp3,
    Codec::Opus,
    Codec::Flac,
    Codec::Ac3,
    Codec::Eac3,
];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, data)) = input.split_first() else { return };
    let bytes = Bytes::copy_from_slice(data);
    if let Some(&codec) = CODECS.get(usize::from(choice)) {
        let _ = video_info(codec, &bytes);
        let _ = audio_info(codec, &bytes);
        return;
    }
    match choice {
        20 => drop(h264::frame_kind(data, FrameKind::Delta)),
        21 => drop(h265::frame_kind(data)),
        22 => drop(vp9::key_frame_size(data)),
        23 => drop(vp9::vp8_key_frame_size(data)),
        24 => drop(mp3::FrameHeader::parse(data)),
        25 => drop(aac::Adts::parse(data)),
        26 => drop(ac3::audio_info(data)),
        27 => drop(av1::SequenceHeader::find(data)),
        28 => drop(h264::DecoderConfig::from_annex_b(data)),
        29 => stable(h264::DecoderConfig::canonical(&bytes), h264::DecoderConfig::canonical),
        30 => stable(h265::DecoderConfig::canonical(&bytes), h265::DecoderConfig::canonical),
        31 => stable(flac::canonical(&bytes), flac::canonical),
        32 => {
            // Four-byte lengths are canonical, so doing it twice changes nothing.
            stable(nal::canonical(&bytes, LengthSize::Four), |again| nal::canonical(again, LengthSize::Four));
        }
        33 => drop(nal::canonical(&bytes, LengthSize::One)),
        34 => drop(nal::canonical(&bytes, LengthSize::Two)),
        _ => {}
    }
});

/// What is canonical stays as it is.
fn stable<E: std::fmt::Debug>(first: Result<Bytes, E>, again: impl Fn(&Bytes) -> Result<Bytes, E>) {
    let Ok(first) = first else { return };
    assert_eq!(again(&first).expect("canonical bytes are readable"), first);
}
