//! Files that real encoders wrote: what is in them, and that it comes out again as it went in.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use bytes::Bytes;
use support::{VECTORS, flow, folder, frames_of, last_tracks, messages, vector};
use weir_flv::{AudioTag, Ingest, Item, MessageKind, VideoTag, egress};
use weir_media::codec::nal::{LengthPrefixed, LengthSize};
use weir_media::codec::{h264, h265};
use weir_media::{Codec, TrackId};

#[test]
fn every_vector_is_listed_and_has_its_provenance() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let mut found: Vec<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.retain(|name| name != "README.md");
    found.sort();
    assert_eq!(found, VECTORS);
    for name in VECTORS {
        assert!(readme.contains(name), "{name}");
    }
}

#[test]
fn pictures_are_described_by_their_own_headers() {
    for (name, codec, profile, bit_depth, hdr) in [
        ("ffmpeg-5.1-h264-bframes-aac.flv", Codec::H264, Some("High"), Some(8), false),
        ("ffmpeg-9-h264-bframes-aac.flv", Codec::H264, Some("High"), Some(8), false),
        ("ffmpeg-9-hevc-opus.flv", Codec::H265, Some("Main 10"), Some(10), true),
        ("ffmpeg-9-av1-flac.flv", Codec::Av1, Some("Main"), Some(8), false),
        ("ffmpeg-9-vp9-ac3.flv", Codec::Vp9, Some("Profile 0"), Some(8), false),
        ("ffmpeg-9-multitrack.flv", Codec::H264, Some("High"), Some(8), false),
    ] {
        let tracks = last_tracks(&flow(name));
        let track = tracks.find(TrackId::VIDEO).unwrap();
        let info = track.video.as_ref().unwrap();
        assert_eq!(track.codec, codec, "{name}");
        assert_eq!((info.width, info.height), (Some(160), Some(90)), "{name}");
        assert_eq!((info.profile.as_deref(), info.bit_depth, info.hdr), (profile, bit_depth, hdr), "{name}");
    }
    let tracks = last_tracks(&flow("ffmpeg-9-multitrack.flv"));
    let second = tracks.find(TrackId::video(1)).unwrap().video.clone().unwrap();
    assert_eq!((second.width, second.height), (Some(80), Some(46)));
}

#[test]
fn a_configuration_built_from_parameter_sets_is_the_one_that_ffmpeg_wrote() {
    for name in ["ffmpeg-5.1-h264-bframes-aac.flv", "ffmpeg-9-h264-bframes-aac.flv"] {
        let config = last_tracks(&flow(name)).find(TrackId::VIDEO).and_then(|track| track.config.clone()).unwrap();
        let parsed = h264::DecoderConfig::parse(&config).unwrap();
        let units = parsed.sps.iter().chain(&parsed.pps).map(AsRef::as_ref);
        assert_eq!(h264::DecoderConfig::from_units(units), Some(config), "{name}");
    }
}

#[test]
fn sound_is_described_by_its_own_headers() {
    for (name, codec, sample_rate, channels) in [
        ("ffmpeg-5.1-aac-only.flv", Codec::Aac, 44_100, 2),
        ("ffmpeg-5.1-h264-bframes-aac.flv", Codec::Aac, 44_100, 1),
        ("ffmpeg-5.1-h264-mp3.flv", Codec::Mp3, 44_100, 1),
        ("ffmpeg-5.1-speex.flv", Codec::FlvAudio(11), 16_000, 1),
        ("ffmpeg-5.1-h263-pcm.flv", Codec::FlvAudio(3), 11_025, 1),
        ("ffmpeg-9-hevc-opus.flv", Codec::Opus, 48_000, 2),
        ("ffmpeg-9-av1-flac.flv", Codec::Flac, 44_100, 1),
        ("ffmpeg-9-vp9-ac3.flv", Codec::Ac3, 44_100, 1),
        ("ffmpeg-9-vvc-eac3.flv", Codec::Eac3, 44_100, 1),
    ] {
        let tracks = last_tracks(&flow(name));
        let track = tracks.find(TrackId::AUDIO).unwrap_or_else(|| panic!("{name} has no audio"));
        let info = track.audio.as_ref().unwrap();
        assert_eq!(
            (track.codec, info.sample_rate, info.channels),
            (codec, Some(sample_rate), Some(channels)),
            "{name}"
        );
    }
}

#[test]
fn every_frame_arrives_and_key_frames_are_known() {
    for (name, track, frames, keys) in [
        ("ffmpeg-5.1-h264-bframes-aac.flv", TrackId::VIDEO, 20, 2),
        ("ffmpeg-9-h264-bframes-aac.flv", TrackId::VIDEO, 20, 2),
        ("ffmpeg-5.1-h264-only.flv", TrackId::VIDEO, 10, 1),
        ("ffmpeg-5.1-h264-mp3.flv", TrackId::VIDEO, 10, 1),
        ("ffmpeg-5.1-h263-pcm.flv", TrackId::VIDEO, 3, 1),
        ("ffmpeg-9-hevc-opus.flv", TrackId::VIDEO, 10, 2),
        ("ffmpeg-9-av1-flac.flv", TrackId::VIDEO, 5, 1),
        ("ffmpeg-9-vp9-ac3.flv", TrackId::VIDEO, 5, 1),
        ("ffmpeg-9-vvc-eac3.flv", TrackId::VIDEO, 5, 1),
        ("ffmpeg-9-multitrack.flv", TrackId::VIDEO, 5, 1),
        ("ffmpeg-9-multitrack.flv", TrackId::video(1), 5, 1),
    ] {
        let got = frames_of(&flow(name), track);
        assert_eq!((got.len(), got.iter().filter(|frame| frame.is_key()).count()), (frames, keys), "{name}");
    }
    let sound = |track| frames_of(&flow("ffmpeg-9-multitrack.flv"), track).len();
    assert_eq!(sound(TrackId::AUDIO), sound(TrackId::audio(1)));
    assert!(sound(TrackId::AUDIO) > 20);
}

/// Encoders that put parameter sets into frames with start codes, as if FLV were a byte stream.
#[test]
fn an_hevc_stream_without_configuration_and_with_start_codes_is_the_same_stream() {
    let sent = flow("ffmpeg-9-hevc-opus.flv");
    let track = last_tracks(&sent).find(TrackId::VIDEO).unwrap().clone();
    let config = h265::DecoderConfig::parse(track.config.as_ref().unwrap()).unwrap();
    let sets: Vec<Bytes> = config.units.into_iter().map(|(_, unit)| unit).collect();
    let frames = frames_of(&sent, TrackId::VIDEO);
    let messages: Vec<_> = frames
        .iter()
        .map(|frame| {
            let units = LengthPrefixed::new(&frame.data, LengthSize::Four).map(Result::unwrap);
            let sets = sets.iter().map(AsRef::as_ref).filter(|_| frame.is_key());
            let mut body = b"\xA3hvc1".to_vec();
            sets.chain(units).for_each(|unit| body.extend([&[0, 0, 0, 1], unit].concat()));
            (MessageKind::Video, frame.dts.as_millis(), Bytes::from(body))
        })
        .collect();
    let got = support::items(&messages);
    let info = last_tracks(&got).find(TrackId::VIDEO).unwrap().video.clone().unwrap();
    assert_eq!((info.width, info.height, info.hdr), (Some(160), Some(90), true));
    let got = frames_of(&got, TrackId::VIDEO);
    assert_eq!(got.len(), frames.len());
    for (got, sent) in got.iter().zip(&frames) {
        assert_eq!(got.kind, sent.kind);
        assert!(got.data.ends_with(&sent.data));
    }
}

#[test]
fn streams_with_a_single_idr_frame_can_still_be_joined() {
    for name in ["ffmpeg-5.1-h264-open-gop.flv", "ffmpeg-5.1-h264-intra-refresh.flv"] {
        let frames = frames_of(&flow(name), TrackId::VIDEO);
        let idr = |frame: &&weir_media::Frame| {
            let mut units = LengthPrefixed::new(&frame.data, LengthSize::Four);
            units.any(|unit| h264::nal_type_of(unit.unwrap()) == Some(h264::nal_type::IDR))
        };
        assert_eq!(frames.iter().filter(idr).count(), 1, "{name}");
        assert_eq!(frames.iter().filter(|frame| frame.is_key()).count(), 4, "{name}");
    }
}

#[test]
fn pictures_are_shown_in_their_order_and_decoded_in_theirs() {
    for name in ["ffmpeg-5.1-h264-bframes-aac.flv", "ffmpeg-9-hevc-opus.flv"] {
        let frames = frames_of(&flow(name), TrackId::VIDEO);
        assert!(frames.iter().any(|frame| frame.pts != frame.dts), "{name} has B frames");
        assert!(frames.is_sorted_by_key(|frame| frame.dts), "{name}");
        let mut shown: Vec<i64> = frames.iter().map(|frame| frame.pts.as_millis()).collect();
        shown.sort_unstable();
        assert!(shown.windows(2).all(|pair| (99..=101).contains(&(pair[1] - pair[0]))), "{name}: {shown:?}");
    }
}

#[test]
fn b_frames_that_nothing_needs_may_be_dropped() {
    let frames = frames_of(&flow("ffmpeg-5.1-h264-bframes-aac.flv"), TrackId::VIDEO);
    assert!(frames.iter().any(|frame| frame.kind == weir_media::FrameKind::Disposable));
}

#[test]
fn colour_metadata_is_kept_beside_the_configuration() {
    let tracks = last_tracks(&flow("ffmpeg-9-hevc-opus.flv"));
    let side = tracks.find(TrackId::VIDEO).unwrap().side_data.clone().unwrap();
    let values = weir_amf0::Value::decode_all(&side).unwrap();
    assert_eq!(values[0].as_str(), Some("colorInfo"));
    let transfer = values[1].get("colorConfig").and_then(|config| config.get("transferCharacteristics")?.as_number());
    assert_eq!(transfer, Some(16.0));
    let track = tracks.find(TrackId::VIDEO).unwrap();
    let bt2020 = weir_media::Color { primaries: 9, transfer: 16, matrix: 9, full_range: false };
    assert_eq!(track.color_info.unwrap().color, Some(bt2020));
    assert_eq!(track.video.clone().unwrap().color, Some(bt2020), "the codec says the same");
}

/// What goes out has the bytes that came in; only how FLV says "no composition time" may differ, and AV1 has lost its temporal
/// delimiter.
#[test]
fn frames_go_out_as_they_came_in() {
    for name in VECTORS {
        let mut ingest = Ingest::new();
        for (kind, millis, body) in messages(&vector(name)) {
            let mut items = Vec::new();
            ingest.handle(kind, millis, &body, &mut items).unwrap();
            let Some(Item::Frame(frame)) = items.last() else { continue };
            let track = ingest.tracks().find(frame.track).unwrap();
            let tag = egress::frame(track, frame).unwrap();
            assert_eq!(tag.kind, kind);
            assert_eq!(frame.dts.as_millis(), millis);
            let (got, sent) = (tag.body(), body);
            match kind {
                MessageKind::Video => {
                    let (mut got, mut sent) = (VideoTag::parse(&got).unwrap(), VideoTag::parse(&sent).unwrap());
                    normalise(&mut got);
                    normalise(&mut sent);
                    assert_eq!(got, sent, "{name} at {millis}");
                }
                MessageKind::Audio => assert_eq!(AudioTag::parse(&got), AudioTag::parse(&sent), "{name} at {millis}"),
                MessageKind::Data => assert_eq!(got, sent, "{name} at {millis}"),
            }
        }
    }
}

fn normalise(tag: &mut VideoTag) {
    if let weir_flv::VideoBody::Packets { packets, .. } = &mut tag.body {
        for packet in packets {
            if let weir_flv::VideoPayload::Frame { composition_millis, data } = &mut packet.payload {
                composition_millis.get_or_insert(0);
                if packet.codec == Codec::Av1 && data.starts_with(&[0x12, 0x00]) {
                    *data = data.slice(2..);
                }
            }
        }
    }
}

#[test]
fn the_headers_for_late_joiners_are_the_headers_that_came() {
    for name in VECTORS {
        let file = vector(name);
        let tracks = last_tracks(&flow(name));
        let sent: Vec<Bytes> = messages(&file).into_iter().map(|(.., body)| body).collect();
        let headers = egress::start(&tracks);
        assert_eq!(headers[0].kind, MessageKind::Data, "{name}");
        for header in &headers[1..] {
            assert!(sent.contains(&header.body), "{name}: {:02x?} was not in the file", &header.body[..]);
        }
        let again =
            support::items(&headers.into_iter().map(|message| (message.kind, 0, message.body)).collect::<Vec<_>>());
        let again = last_tracks(&again);
        for track in tracks.iter().filter(|track| track.codec.needs_config()) {
            assert_eq!(again.find(track.id).map(|track| track.config.clone()), Some(track.config.clone()), "{name}");
        }
    }
}

#[test]
fn every_tag_cut_anywhere_is_read_without_panic() {
    for name in VECTORS {
        let mut ingest = Ingest::new();
        let mut out = Vec::new();
        for (kind, millis, body) in messages(&vector(name)) {
            // Headers at every place; payloads are not looked into far behind.
            for end in (0..body.len().min(160)).chain([body.len()]) {
                let _ = ingest.handle(kind, millis, &body.slice(..end), &mut out);
                out.clear();
            }
        }
    }
}
