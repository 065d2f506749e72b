//! `onMetaData`: the publisher's own, or one made from what the tracks tell.

use bytes::{Bytes, BytesMut};
use weir_amf0::Value;
use weir_media::{Codec, Track, TrackId, Tracks};

/// The `onMetaData` message for a stream, AMF0 encoded: the publisher's own where it sent one, else made from the tracks.
pub fn metadata(tracks: &Tracks) -> Bytes {
    let own = tracks.find(TrackId::DATA).and_then(|track| track.config.clone());
    own.unwrap_or_else(|| {
        let mut entries = described(tracks);
        entries.push(("encoder".into(), Value::String("Weir".into())));
        encode_metadata(entries)
    })
}

pub(crate) fn encode_metadata(entries: Vec<(String, Value)>) -> Bytes {
    let mut out = BytesMut::new();
    weir_amf0::encode_all(&[Value::String("onMetaData".into()), Value::EcmaArray(entries)], &mut out);
    out.freeze()
}

/// What the default tracks tell (FLV 10.1, E.5): only what is known.
pub(crate) fn described(tracks: &Tracks) -> Vec<(String, Value)> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    let mut put =
        |name: &str, value: Option<f64>| entries.extend(value.map(|value| (name.into(), Value::Number(value))));
    if let Some(track) = tracks.find(TrackId::VIDEO) {
        let info = track.video.as_ref();
        put("width", info.and_then(|info| info.width).map(f64::from));
        put("height", info.and_then(|info| info.height).map(f64::from));
        put("framerate", info.and_then(|info| info.frame_rate));
        put("videocodecid", codec_id(track));
    }
    let mut stereo = None;
    if let Some(track) = tracks.find(TrackId::AUDIO) {
        let info = track.audio.as_ref();
        put("audiosamplerate", info.and_then(|info| info.sample_rate).map(f64::from));
        put("audiosamplesize", Some(16.0));
        put("audiocodecid", codec_id(track));
        stereo = info.and_then(|info| info.channels).map(|channels| channels > 1);
    }
    entries.extend(stereo.map(|stereo| ("stereo".into(), Value::Boolean(stereo))));
    entries
}

/// The legacy number where the track goes out so, else the four-character code as a number (Enhanced RTMP v2, "onMetaData").
fn codec_id(track: &Track) -> Option<f64> {
    match track.codec {
        Codec::H264 | Codec::Aac | Codec::Mp3 | Codec::FlvVideo(_) | Codec::FlvAudio(_) => {
            track.codec.flv_id().map(f64::from)
        }
        codec => codec.fourcc().map(|code| f64::from(code.as_u32())),
    }
}
