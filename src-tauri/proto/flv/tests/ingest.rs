//! What encoders do in the field, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use bytes::{Bytes, BytesMut};
use support::{frames, last_tracks};
use weir_amf0::Value;
use weir_flv::{Counts, Error, Ingest, Item, MAX_TRACKS, MessageKind, egress};
use weir_media::codec::h264::DecoderConfig;
use weir_media::{Codec, FrameKind, TrackId};

const SPS: &[u8] = &[0x67, 0x64, 0x00, 0x0A, 0xAC];
const SPS_2: &[u8] = &[0x67, 0x64, 0x00, 0x0B, 0xAC];
const PPS: &[u8] = &[0x68, 0xEE];
const IDR: &[u8] = &[0x65, 0x88, 0x84];
const P: &[u8] = &[0x41, 0x9A, 0x84];

fn avcc() -> Bytes {
    DecoderConfig::from_units([SPS, PPS]).unwrap()
}

fn body(head: &[u8], rest: &[u8]) -> Bytes {
    [head, rest].concat().into()
}

fn config_tag(config: &[u8]) -> Bytes {
    body(b"\x17\x00\x00\x00\x00", config)
}

fn units(list: &[&[u8]]) -> Bytes {
    weir_media::codec::nal::join(list.iter().copied())
}

fn frame_tag(first: u8, data: &[u8]) -> Bytes {
    body(&[first, 1, 0, 0, 0], data)
}

fn amf(values: &[Value]) -> Bytes {
    let mut out = BytesMut::new();
    weir_amf0::encode_all(values, &mut out);
    out.freeze()
}

fn text(value: &str) -> Value {
    Value::String(value.into())
}

struct Run {
    ingest: Ingest,
    items: Vec<Item>,
}

impl Run {
    fn new() -> Self {
        Self { ingest: Ingest::new(), items: Vec::new() }
    }

    fn send(&mut self, kind: MessageKind, millis: i64, body: impl Into<Bytes>) -> Result<(), Error> {
        self.ingest.handle(kind, millis, &body.into(), &mut self.items)
    }

    fn video(&mut self, millis: i64, body: impl Into<Bytes>) {
        self.send(MessageKind::Video, millis, body).unwrap();
    }

    fn audio(&mut self, millis: i64, body: impl Into<Bytes>) {
        self.send(MessageKind::Audio, millis, body).unwrap();
    }

    fn data(&mut self, body: impl Into<Bytes>) {
        self.send(MessageKind::Data, 0, body).unwrap();
    }

    fn revisions(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Tracks(_))).count()
    }
}

#[test]
fn a_configuration_sent_again_changes_nothing_and_a_new_one_is_a_revision() {
    let mut run = Run::new();
    run.video(0, config_tag(&avcc()));
    run.video(0, frame_tag(0x17, &units(&[IDR])));
    run.video(2000, config_tag(&avcc()));
    assert_eq!(run.revisions(), 1);
    run.video(4000, config_tag(&DecoderConfig::from_units([SPS_2, PPS]).unwrap()));
    assert_eq!(run.revisions(), 2);
    assert_eq!(last_tracks(&run.items).find(TrackId::VIDEO).unwrap().revision, 1);
}

#[test]
fn what_only_describes_a_track_is_no_revision() {
    let items = support::flow("ffmpeg-9-vp9-ac3.flv");
    let seen: Vec<_> = items
        .iter()
        .filter_map(|item| if let Item::Tracks(tracks) = item { tracks.find(TrackId::VIDEO) } else { None })
        .map(|track| (track.video.as_ref().and_then(|info| info.width), track.revision))
        .collect();
    let [.., (before, revision), (learnt, same)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((before, learnt), (None, Some(160)), "learnt from the first key frame");
    assert_eq!(revision, same);
}

#[test]
fn frames_before_their_configuration_are_left_out_and_counted() {
    let mut run = Run::new();
    run.audio(0, &b"\xAF\x01raw"[..]);
    run.video(0, frame_tag(0x27, &units(&[P])));
    run.audio(0, &b"\xAF\x00"[..]);
    run.audio(0, &b"\xAF\x01raw"[..]);
    assert_eq!(run.items, []);
    assert_eq!(run.ingest.counts(), Counts { before_config: 3, ignored: 1 });
    run.audio(23, &b"\xAF\x00\x12\x10"[..]);
    run.audio(23, &b"\xAF\x01raw"[..]);
    assert_eq!(frames(&run.items).len(), 1);
}

#[test]
fn canonical_frames_share_the_bytes_that_arrived() {
    let mut run = Run::new();
    run.video(0, config_tag(&avcc()));
    let sent = frame_tag(0x17, &units(&[IDR]));
    run.video(0, sent.clone());
    assert_eq!(frames(&run.items)[0].data.as_ptr(), sent[5..].as_ptr());
}

#[test]
fn a_wrong_key_frame_flag_is_put_right() {
    let mut run = Run::new();
    run.video(0, config_tag(&avcc()));
    for (first, unit) in [(0x17, P), (0x27, IDR), (0x27, P)] {
        run.video(0, frame_tag(first, &units(&[unit])));
    }
    let kinds: Vec<FrameKind> = frames(&run.items).iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Delta, FrameKind::Key, FrameKind::Delta]);
}

#[test]
fn short_lengths_become_four_bytes_in_configuration_and_frames() {
    let mut run = Run::new();
    let mut short = avcc().to_vec();
    short[4] = 0xFC | 1;
    run.video(0, config_tag(&short));
    run.video(0, frame_tag(0x17, b"\x00\x03\x65\x88\x84"));
    assert_eq!(last_tracks(&run.items).find(TrackId::VIDEO).unwrap().config, Some(avcc()));
    assert_eq!(frames(&run.items)[0].data, units(&[IDR]));
}

#[test]
fn start_codes_in_configuration_and_frames_are_understood() {
    let mut run = Run::new();
    let start = &[0, 0, 0, 1][..];
    run.video(0, config_tag(&[start, SPS, start, PPS].concat()));
    run.video(0, frame_tag(0x17, &[start, IDR].concat()));
    assert_eq!(last_tracks(&run.items).find(TrackId::VIDEO).unwrap().config, Some(avcc()));
    assert_eq!(frames(&run.items)[0].data, units(&[IDR]));
}

#[test]
fn parameter_sets_inside_frames_make_a_configuration_where_none_was_sent() {
    let mut run = Run::new();
    run.video(0, frame_tag(0x27, &units(&[P])));
    run.video(0, frame_tag(0x17, &units(&[SPS, PPS, IDR])));
    run.video(0, frame_tag(0x17, &units(&[SPS, PPS, IDR])));
    assert_eq!(run.revisions(), 1);
    assert_eq!(frames(&run.items).len(), 2);
    run.video(0, frame_tag(0x17, &units(&[SPS_2, PPS, IDR])));
    assert_eq!(run.revisions(), 2, "a new resolution");
    run.video(0, config_tag(&avcc()));
    run.video(0, frame_tag(0x17, &units(&[SPS_2, PPS, IDR])));
    run.video(0, config_tag(&avcc()));
    run.video(0, frame_tag(0x17, &units(&[SPS_2, PPS, IDR])));
    run.video(0, config_tag(&avcc()));
    run.video(0, frame_tag(0x17, &units(&[SPS_2, PPS, IDR])));
    assert!(run.revisions() <= 4, "a stale configuration does not flap against the frames");
}

#[test]
fn what_means_nothing_is_ignored() {
    let mut run = Run::new();
    run.video(0, config_tag(&avcc()));
    for body in [
        &b""[..],
        b"\x17",
        b"\x17\x00\x00\x00\x00",
        b"\x17\x01\x00\x00\x00",
        b"\x17\x01\x00\x00\x00\x00\x00\x00\x00",
        b"\x57\x00",
    ] {
        run.video(0, Bytes::from_static(body));
    }
    for body in [&b""[..], b"\xAF\x00", b"\xAF\x07x", b"\x2F"] {
        run.audio(0, Bytes::from_static(body));
    }
    run.data(&b"\x00\x00\x01\x02"[..]);
    run.data(Bytes::new());
    run.video(0, &b"\x17\x02\x00\x00\x00"[..]);
    assert_eq!(frames(&run.items), []);
    assert_eq!(run.ingest.counts().ignored, 12);
}

#[test]
fn a_malformed_tag_is_an_error_and_the_next_one_goes_on() {
    let mut run = Run::new();
    run.video(0, config_tag(&avcc()));
    assert!(run.send(MessageKind::Video, 0, frame_tag(0x27, b"\x00\x00\x09\x00P")).is_err());
    assert!(run.send(MessageKind::Video, 0, &b"\x90hv"[..]).is_err());
    assert!(run.send(MessageKind::Video, 0, config_tag(b"\x01\x64")).is_err());
    assert!(run.send(MessageKind::Audio, 0, &b"\xAF\x00\x17"[..]).is_err());
    run.video(0, frame_tag(0x17, &units(&[IDR])));
    assert_eq!(frames(&run.items).len(), 1);
}

/// Fault 4 of the predecessor: metadata, captions and cue points were dropped.
#[test]
fn metadata_is_the_data_tracks_configuration_and_other_messages_its_frames() {
    let mut run = Run::new();
    let entries = vec![("width".to_owned(), Value::Number(1280.0))];
    let plain = amf(&[text("onMetaData"), Value::EcmaArray(entries.clone())]);
    run.data(amf(&[text("@setDataFrame"), text("onMetaData"), Value::Object(entries)]));
    run.data(plain.clone());
    assert_eq!(run.revisions(), 1, "an object and an array that say the same are the same");
    let track = last_tracks(&run.items).find(TrackId::DATA).unwrap().clone();
    assert_eq!((track.codec, track.config.clone()), (Codec::Script, Some(plain)));
    let cue = [text("onCuePoint"), Value::Object(vec![("name".into(), text("ad"))])];
    let mut wrapped = vec![text("@setDataFrame")];
    wrapped.extend(cue.clone());
    run.send(MessageKind::Data, 40, amf(&wrapped)).unwrap();
    run.send(MessageKind::Data, 50, amf(&cue)).unwrap();
    let got = frames(&run.items);
    assert!(got.iter().all(|frame| frame.data == amf(&cue) && frame.track == TrackId::DATA));
    assert_eq!(got.iter().map(|frame| frame.dts.as_millis()).collect::<Vec<_>>(), [40, 50]);
    run.data(amf(&[text("@clearDataFrame"), text("onMetaData")]));
    assert_eq!(last_tracks(&run.items).find(TrackId::DATA).unwrap().config, None);
}

#[test]
fn tracks_are_what_comes_and_not_what_metadata_promises() {
    let mut run = Run::new();
    let promise =
        vec![("videocodecid".to_owned(), Value::Number(7.0)), ("audiocodecid".to_owned(), Value::Number(10.0))];
    run.data(amf(&[text("onMetaData"), Value::EcmaArray(promise)]));
    run.audio(0, &b"\xAF\x00\x12\x10"[..]);
    let ids: Vec<TrackId> = last_tracks(&run.items).iter().map(|track| track.id).collect();
    assert_eq!(ids, [TrackId::AUDIO, TrackId::DATA]);
}

#[test]
fn negative_composition_times_and_nanoseconds_reach_the_presentation_time() {
    let mut run = Run::new();
    run.video(0, body(b"\x90avc1", &avcc()));
    run.video(1000, body(b"\x97\x02\x07\xA1\x20\x01avc1\xFF\xFF\xDF", &units(&[IDR])));
    let frame = &frames(&run.items)[0];
    assert_eq!(frame.dts.as_nanos(), 1_000_000_000);
    assert_eq!(frame.pts.as_nanos(), 967_500_000);
}

#[test]
fn each_track_of_a_multitrack_message_is_its_own() {
    let mut run = Run::new();
    run.audio(0, &b"\x95\x20Opus\x00\x00\x00\x00mp4a\x03\x00\x00\x02\x12\x10"[..]);
    run.audio(20, &b"\x95\x21Opus\x00\x00\x00\x02abmp4a\x03\x00\x00\x01c"[..]);
    let got = frames(&run.items);
    assert_eq!(got[0].track, TrackId::AUDIO);
    assert_eq!((got[1].track, &got[1].data[..]), (TrackId::audio(3), &b"c"[..]));
    assert_eq!(last_tracks(&run.items).find(TrackId::audio(3)).unwrap().codec, Codec::Aac);
}

#[test]
fn unknown_codecs_are_carried() {
    let mut run = Run::new();
    run.video(0, &b"\x14\x00vp6"[..]);
    run.audio(0, &b"\x72alaw"[..]);
    run.audio(1, &b"\x72alaw"[..]);
    assert_eq!(run.revisions(), 2);
    let tracks = last_tracks(&run.items);
    assert_eq!(tracks.find(TrackId::VIDEO).unwrap().codec, Codec::FlvVideo(4));
    let audio = tracks.find(TrackId::AUDIO).unwrap();
    assert_eq!((audio.codec, audio.config.as_deref()), (Codec::FlvAudio(7), Some(&[0x72][..])));
    run.video(2, &b"\x91xyz1data"[..]);
    assert_eq!(last_tracks(&run.items).find(TrackId::VIDEO).unwrap().codec.to_string(), "xyz1");
}

#[test]
fn an_adts_header_left_on_is_taken_off() {
    let mut run = Run::new();
    let adts = [0xFF, 0xF1, 0x50, 0x80, 0x01, 0x5F, 0xFC, 1, 2, 3];
    run.audio(0, body(b"\xAF\x01", &adts));
    assert_eq!(frames(&run.items)[0].data[..], [1, 2, 3]);
    let tracks = last_tracks(&run.items);
    assert_eq!(tracks.find(TrackId::AUDIO).unwrap().config.as_deref(), Some(&[0x12, 0x10][..]));
}

#[test]
fn a_temporal_delimiter_before_av1_is_taken_off() {
    let mut run = Run::new();
    run.video(0, &b"\x91av01\x12\x00\x32\x01\x10"[..]);
    assert_eq!(frames(&run.items)[0].data[..], [0x32, 0x01, 0x10]);
}

#[test]
fn colour_metadata_may_come_first_and_be_taken_back() {
    let mut run = Run::new();
    let info = amf(&[text("colorInfo"), Value::Object(vec![("hdrCll".into(), Value::Object(vec![]))])]);
    run.video(0, body(b"\x84avc1", &info));
    run.video(0, config_tag(&avcc()));
    let coloured = last_tracks(&run.items).find(TrackId::VIDEO).unwrap().clone();
    assert_eq!(coloured.side_data, Some(info));
    run.video(0, body(b"\xD4avc1", &amf(&[text("colorInfo"), Value::Undefined])));
    let plain = last_tracks(&run.items).find(TrackId::VIDEO).unwrap().clone();
    assert_eq!(plain.side_data, None);
    // Readers are told the same, and nothing else.
    for (before, after) in [(&coloured, &plain), (&plain, &coloured)] {
        let mut reader = Run::new();
        for message in egress::headers(before).into_iter().chain(egress::changes(Some(before), after)) {
            reader.send(message.kind, 0, message.body).unwrap();
        }
        assert_eq!(egress::changes(Some(before), after).len(), 1);
        let got = last_tracks(&reader.items).find(TrackId::VIDEO).unwrap().clone();
        assert_eq!((got.config.clone(), got.side_data.clone()), (after.config.clone(), after.side_data.clone()));
    }
    assert_eq!(egress::changes(Some(&plain), &plain), []);
}

/// VP9 has no place of its own for it.
#[test]
fn colour_metadata_says_how_bright_the_pictures_are_meant_to_be() {
    let object = |entries: &[(&str, f64)]| {
        Value::Object(entries.iter().map(|(name, number)| ((*name).into(), Value::Number(*number))).collect())
    };
    let config =
        [("bitDepth", 10.0), ("colorPrimaries", 9.0), ("transferCharacteristics", 16.0), ("matrixCoefficients", 9.0)];
    let display = [
        ("redX", 0.68),
        ("redY", 0.32),
        ("greenX", 0.265),
        ("greenY", 0.69),
        ("blueX", 0.15),
        ("blueY", 0.06),
        ("whitePointX", 0.3127),
        ("whitePointY", 0.329),
        ("maxLuminance", 1000.0),
        ("minLuminance", 0.0001),
    ];
    let told = |display: &[(&str, f64)], light: &[(&str, f64)]| {
        let info = Value::Object(vec![
            ("colorConfig".into(), object(&config)),
            ("hdrMdcv".into(), object(display)),
            ("hdrCll".into(), object(light)),
        ]);
        let mut run = Run::new();
        run.video(0, body(b"\x84vp09", &amf(&[text("colorInfo"), info])));
        run.video(0, body(b"\x91vp09", b"\x82\x49\x83\x42"));
        let track = last_tracks(&run.items).find(TrackId::VIDEO).unwrap().clone();
        assert!(track.video.as_ref().is_some_and(|video| video.hdr));
        track.color_info.unwrap()
    };
    let whole = told(&display, &[("maxCLL", 1000.0), ("maxFall", 400.0)]);
    let mastering = whole.mastering.unwrap();
    assert_eq!((mastering.red, mastering.white), ([34_000, 16_000], [15_635, 16_450]));
    assert_eq!((mastering.max_luminance, mastering.min_luminance), (10_000_000, 1));
    assert_eq!(whole.light.map(|light| (light.max, light.average)), Some((1000, 400)));
    assert_eq!(whole.color.map(|color| (color.primaries, color.transfer, color.matrix)), Some((9, 16, 9)));
    let broken = told(&[("redX", f64::NAN), ("redY", -1.0)], &[("maxCLL", 1e300)]);
    assert_eq!((broken.mastering, broken.light), (None, None));
}

#[test]
fn countless_tracks_and_endless_configurations_are_refused() {
    let mut run = Run::new();
    let announce = |track: u8| body(b"\x95\x00mp4a", &[track, 0x12, 0x10]);
    for track in 0..MAX_TRACKS as u8 {
        run.audio(0, announce(track));
    }
    assert_eq!(run.send(MessageKind::Audio, 0, announce(200)), Err(Error::TooManyTracks));
    let long = body(b"\x90av01", &vec![0x81; 70_000]);
    assert!(matches!(Run::new().send(MessageKind::Video, 0, long), Err(Error::ConfigTooLong { len: 70_000, .. })));
}

#[test]
fn exact_times_come_back_to_the_nanosecond() {
    use weir_media::{Frame, TimeDelta, Timestamp, Track};
    let avcc = avcc();
    let h264 = |index| Track { config: Some(avcc.clone()), ..Track::new(TrackId::video(index), Codec::H264) };
    let video = [h264(0), h264(1), Track::new(TrackId::VIDEO, Codec::Vp9)];
    let audio = [Track::new(TrackId::AUDIO, Codec::Opus), Track::new(TrackId::audio(3), Codec::Mp3)];
    for track in video.iter().chain(&audio) {
        for (dts, later) in
            [(0, 0), (1_000_000, 333_333), (41_999_999, 0), (41_500_000, 80_000_001), (7_000_000, -999_999)]
        {
            let is_audio = track.audio.is_some() || track.id.kind == weir_media::TrackKind::Audio;
            let later = if is_audio || track.codec == Codec::Vp9 { 0 } else { later };
            let dts = Timestamp::from_nanos(dts);
            let frame = Frame {
                track: track.id,
                dts,
                pts: dts + TimeDelta::from_nanos(later),
                kind: FrameKind::Key,
                data: units(&[IDR]),
            };
            let tag = egress::exact_frame(track, &frame).unwrap();
            let millis = frame.dts.floor_to_millis().as_millis();
            let (mut ingest, mut items) = (Ingest::new(), Vec::new());
            for header in egress::headers(track) {
                ingest.handle(header.kind, millis, &header.body, &mut items).unwrap();
            }
            ingest.handle(tag.kind, millis, &tag.body(), &mut items).unwrap();
            let Some(Item::Frame(back)) = items.pop() else { panic!("no frame") };
            assert_eq!(
                (back.track, back.pts, &back.data),
                (frame.track, frame.pts, &frame.data),
                "{track:?} {frame:?}"
            );
        }
    }
}
