//! `onMetaData`: the publisher's own, or one made from what the tracks tell.

use bytes::{Bytes, BytesMut};
use weir_amf0::Value;
use weir_media::{Codec, Track, TrackId, TrackKind, Tracks};

/// Where Enhanced RTMP v2 describes the tracks beside the default ones ("Metadata Message").
const INFO_MAPS: [(&str, TrackKind); 2] =
    [("audioTrackIdInfoMap", TrackKind::Audio), ("videoTrackIdInfoMap", TrackKind::Video)];

/// The `onMetaData` message for somebody who gets `tracks`, AMF0 encoded: the publisher's own where it sent one, else made
/// from the tracks. Of the tracks beside the default ones it tells of exactly those that are in `tracks`.
pub fn metadata(tracks: &Tracks) -> Bytes {
    let own = tracks.find(TrackId::DATA).and_then(|track| track.config.as_ref());
    if let Some(own) = own {
        return with_info_maps(own, tracks).unwrap_or_else(|| own.clone());
    }
    let mut entries = described(tracks);
    entries.push(("encoder".into(), Value::String("Weir".into())));
    put_info_maps(&mut entries, tracks);
    encode_metadata(entries)
}

/// The publisher's message with what it says of further tracks made true; `None` where it is true already.
fn with_info_maps(own: &[u8], tracks: &Tracks) -> Option<Bytes> {
    let mut values = weir_amf0::Decoder::new(own);
    let before = values.nth(1)?.ok()?.entries()?.to_vec();
    let mut entries = before.clone();
    put_info_maps(&mut entries, tracks);
    (entries != before).then(|| encode_metadata(entries))
}

fn put_info_maps(entries: &mut Vec<(String, Value)>, tracks: &Tracks) {
    for (name, kind) in INFO_MAPS {
        let said = entries.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let extra = tracks.iter().filter(|track| track.id.kind == kind && track.id.index > 0);
        let map: Vec<(String, Value)> = extra.map(|track| info_of(track, said.as_ref())).collect();
        let at = entries.iter().position(|(known, _)| known == name);
        match (at, map.is_empty()) {
            (Some(at), true) => drop(entries.remove(at)),
            (Some(at), false) => {
                if let Some((_, value)) = entries.get_mut(at) {
                    *value = Value::Object(map);
                }
            }
            (None, true) => {}
            (None, false) => entries.push((name.to_owned(), Value::Object(map))),
        }
    }
}

/// What an information map says of one track: the publisher's words completed by ours.
fn info_of(track: &Track, said: Option<&Value>) -> (String, Value) {
    let key = track.id.index.to_string();
    let mut entries = said.and_then(|map| map.get(&key)).and_then(Value::entries).unwrap_or_default().to_vec();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value
            && !entries.iter().any(|(known, _)| known == name)
        {
            entries.push((name.to_owned(), value));
        }
    };
    if let Some(info) = &track.video {
        put("width", info.width.map(Value::from));
        put("height", info.height.map(Value::from));
        put("framerate", info.frame_rate.map(Value::Number));
    }
    if let Some(info) = &track.audio {
        put("samplerate", info.sample_rate.map(Value::from));
        put("channels", info.channels.map(|channels| Value::from(u32::from(channels))));
    }
    let code = if track.id.kind == TrackKind::Video { "videocodecid" } else { "audiocodecid" };
    put(code, track.codec.fourcc().map(|code| Value::from(code.as_u32())));
    (key, Value::Object(entries))
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

#[cfg(test)]
mod tests {
    use weir_media::VideoInfo;

    use super::*;

    fn said(entries: Vec<(String, Value)>) -> Track {
        Track { config: Some(encode_metadata(entries)), ..Track::new(TrackId::DATA, Codec::Script) }
    }

    fn map_of(tracks: &Tracks, name: &str) -> Option<Value> {
        let values = Value::decode_all(&metadata(tracks)).ok()?;
        values.get(1)?.get(name).cloned()
    }

    #[test]
    fn further_tracks_are_described_with_what_is_known_of_them() {
        let video = VideoInfo { width: Some(640), height: Some(360), ..VideoInfo::default() };
        let tracks = Tracks::default()
            .with(Track::new(TrackId::VIDEO, Codec::H264))
            .with(Track { video: Some(video), ..Track::new(TrackId::video(1), Codec::H265) });
        let info = map_of(&tracks, "videoTrackIdInfoMap").and_then(|map| map.get("1").cloned());
        let number = |name: &str| info.as_ref().and_then(|info| info.get(name)).and_then(Value::as_number);
        assert_eq!((number("width"), number("height")), (Some(640.0), Some(360.0)));
        assert_eq!(number("videocodecid"), Some(1_752_589_105.0), "hvc1");
        assert_eq!(map_of(&tracks, "audioTrackIdInfoMap"), None);
    }

    #[test]
    fn the_publishers_words_stay_and_what_is_not_sent_is_not_announced() {
        let map = Value::object([("1", Value::object([("audiodatarate", 64.0)])), ("2", Value::Null)]);
        let own = said(vec![("title".into(), "show".into()), ("audioTrackIdInfoMap".into(), map)]);
        let both = Tracks::default().with(own).with(Track::new(TrackId::audio(1), Codec::Opus));
        let info = map_of(&both, "audioTrackIdInfoMap");
        assert_eq!(info.as_ref().and_then(Value::entries).map(<[_]>::len), Some(1));
        let first = info.as_ref().and_then(|map| map.get("1"));
        assert_eq!(first.and_then(|it| it.get("audiodatarate")).and_then(Value::as_number), Some(64.0));
        let alone = Tracks::new(both.iter().filter(|track| track.id == TrackId::DATA).cloned());
        assert_eq!(map_of(&alone, "audioTrackIdInfoMap"), None);
        assert_eq!(map_of(&alone, "title").as_ref().and_then(Value::as_str), Some("show"));
        let plain = Tracks::default().with(said(vec![("title".into(), "show".into())]));
        let data = plain.find(TrackId::DATA).and_then(|track| track.config.clone());
        assert_eq!(data, Some(metadata(&plain)), "nothing to add, nothing changed");
    }
}
