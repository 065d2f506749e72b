//! What holds for every tag, stream and file.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use support::{apply, frames, items, messages, tags, vector};
use weir_flv::file::{FileOptions, FileReader, FileWriter};
use weir_flv::{
    AudioBody, AudioPacket, AudioPayload, AudioTag, FrameType, Ingest, Item, Layout, MessageKind, VideoBody,
    VideoPacket, VideoPayload, VideoTag, egress,
};
use weir_media::{Codec, FourCc, Frame, FrameKind, Timestamp, Track, TrackId, Tracks};

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn video_codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(vec![
        Codec::H264,
        Codec::H265,
        Codec::H266,
        Codec::Av1,
        Codec::Vp8,
        Codec::Vp9,
        Codec::FourCc(FourCc(*b"test")),
    ])
}

fn audio_codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(vec![Codec::Aac, Codec::Mp3, Codec::Opus, Codec::Flac, Codec::Ac3, Codec::Eac3])
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(vec![Layout::Single, Layout::OneTrack, Layout::ManyTracks, Layout::ManyCodecs])
}

/// As many packets as the layout holds, of as many codecs as it names.
fn parts<C: Strategy<Value = Codec>>(
    codec: fn() -> C,
) -> impl Strategy<Value = (Layout, Vec<(u8, Codec, Bytes, i32)>)> {
    let part = move || (any::<u8>(), codec(), payload(), -0x80_0000..0x80_0000i32);
    (layout(), vec(part(), 1..6)).prop_map(|(layout, mut parts)| {
        let codec = parts[0].1;
        match layout {
            Layout::Single | Layout::Legacy => {
                parts.truncate(1);
                parts[0].0 = 0;
            }
            Layout::OneTrack => parts.truncate(1),
            Layout::ManyTracks => parts.iter_mut().for_each(|part| part.1 = codec),
            Layout::ManyCodecs => {}
        }
        (layout, parts)
    })
}

prop_compose! {
    fn video_tag()(
        (layout, parts) in parts(video_codec),
        frame_type in prop::sample::select(vec![FrameType::Key, FrameType::Inter, FrameType::Disposable, FrameType::GeneratedKey]),
        offset_nanos in prop_oneof![Just(0), 1..1_000_000u32],
        shape in 0..6u8,
    ) -> VideoTag {
        let packets = parts.into_iter().map(|(track, codec, data, millis)| VideoPacket {
            track,
            codec,
            payload: match shape {
                0 => VideoPayload::SequenceStart(data),
                1 => VideoPayload::Frame { composition_millis: codec.has_nal_units().then_some(millis), data },
                2 => VideoPayload::Frame { composition_millis: None, data },
                3 => VideoPayload::SequenceEnd,
                4 => VideoPayload::Metadata(data),
                _ => VideoPayload::Other { packet_type: 11, data },
            },
        }).collect();
        VideoTag { frame_type, offset_nanos, body: VideoBody::Packets { layout, packets } }
    }
}

prop_compose! {
    fn audio_tag()(
        (layout, parts) in parts(audio_codec),
        offset_nanos in prop_oneof![Just(0), 1..1_000_000u32],
        shape in 0..5u8,
    ) -> AudioTag {
        let packets = parts.into_iter().map(|(track, codec, data, _)| AudioPacket {
            track,
            codec,
            payload: match shape {
                0 => AudioPayload::SequenceStart(data),
                1 => AudioPayload::Frame(data),
                2 => AudioPayload::SequenceEnd,
                3 => AudioPayload::MultichannelConfig(data),
                _ => AudioPayload::Other { packet_type: 12, data },
            },
        }).collect();
        AudioTag { offset_nanos, body: AudioBody::Packets { layout, packets } }
    }
}

fn track_for(id: TrackId, codec: Codec) -> Track {
    let config = match codec {
        Codec::H264 => weir_media::codec::h264::DecoderConfig::from_units([&[0x67, 100, 0, 10][..], &[0x68, 0xEE]]),
        Codec::Aac => Some(Bytes::from_static(&[0x12, 0x10])),
        Codec::Flac => Some(Bytes::from(vec![0; 34])),
        Codec::H266 => Some(Bytes::from_static(&[0xFF])),
        Codec::FlvAudio(format) => Some(Bytes::from(vec![format << 4 | 0xF])),
        _ => None,
    };
    Track { config, ..Track::new(id, codec) }
}

prop_compose! {
    fn stream()(
        video in prop_oneof![Just(Codec::H264), Just(Codec::H266), Just(Codec::Av1), Just(Codec::FlvVideo(4)), Just(Codec::FourCc(FourCc(*b"abcd")))],
        audio in prop_oneof![Just(Codec::Aac), Just(Codec::Opus), Just(Codec::Flac), Just(Codec::FlvAudio(7)), Just(Codec::Eac3)],
        video_index in 0..3u8,
        audio_index in 0..3u8,
        base in prop_oneof![Just(0i64), Just(0xFF_FFF0), Just((1 << 31) - 20), Just((1 << 32) - 20), -1000..1000i64],
        steps in vec((any::<bool>(), 0..60i64, -100..100i64, any::<bool>(), vec(any::<u8>(), 1..30)), 1..30),
    ) -> (Vec<Track>, Vec<Frame>) {
        let index = |legacy: bool, index| if legacy { 0 } else { index };
        let video = track_for(TrackId::video(index(matches!(video, Codec::FlvVideo(_)), video_index)), video);
        let audio = track_for(TrackId::audio(index(matches!(audio, Codec::FlvAudio(_)), audio_index)), audio);
        let mut millis = base;
        let frames = steps.into_iter().map(|(is_video, step, composition, key, data)| {
            millis += step;
            let dts = Timestamp::from_millis(millis);
            if !is_video {
                return Frame { track: audio.id, dts, pts: dts, kind: FrameKind::Key, data: data.into() };
            }
            let nal = if key { 0x65 } else { 0x41 };
            let data = if video.codec.has_nal_units() {
                weir_media::codec::nal::join([&[&[nal, 0x9A], &data[..]].concat()[..]])
            } else {
                data.into()
            };
            let composition = if video.codec.has_nal_units() { composition } else { 0 };
            let kind = if key { FrameKind::Key } else { FrameKind::Delta };
            Frame { track: video.id, dts, pts: Timestamp::from_millis(millis + composition), kind, data }
        }).collect();
        (vec![video, audio], frames)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_video_tag_is_read_as_it_was_written(tag in video_tag()) {
        prop_assert_eq!(VideoTag::parse(&tag.encode().unwrap()), Ok(tag));
    }

    #[test]
    fn every_audio_tag_is_read_as_it_was_written(tag in audio_tag()) {
        prop_assert_eq!(AudioTag::parse(&tag.encode().unwrap()), Ok(tag));
    }

    #[test]
    fn frames_arrive_as_they_were_sent((tracks, sent) in stream()) {
        let mut messages: Vec<(MessageKind, i64, Bytes)> = Vec::new();
        let set = Tracks::new(tracks.iter().cloned().map(Arc::new));
        messages.extend(egress::start(&set).into_iter().map(|message| (message.kind, 0, message.body)));
        for frame in &sent {
            let tag = egress::frame(set.find(frame.track).unwrap(), frame).unwrap();
            prop_assert_eq!(tag.len(), tag.body().len());
            messages.push((tag.kind, frame.dts.as_millis(), tag.body()));
        }
        let got = items(&messages);
        prop_assert_eq!(frames(&got), sent);
    }

    #[test]
    fn files_hold_what_was_written((tracks, sent) in stream(), room in 0..12usize) {
        let mut writer = FileWriter::new(FileOptions { key_frames: room });
        let (mut file, mut writes) = (Vec::new(), Vec::new());
        writer.set_tracks(&Tracks::new(tracks.into_iter().map(Arc::new)), &mut writes);
        for frame in &sent {
            writer.write(frame, &mut writes).unwrap();
        }
        writer.finish(&mut writes);
        apply(&mut file, writes);
        let base = sent[0].dts;
        let got = frames(&items(&messages(&file)));
        let rebased: Vec<Frame> = sent
            .into_iter()
            .map(|frame| Frame { dts: Timestamp::ZERO + (frame.dts - base), pts: Timestamp::ZERO + (frame.pts - base), ..frame })
            .collect();
        prop_assert_eq!(got, rebased);
    }

    #[test]
    fn no_message_makes_ingest_panic_and_every_frame_can_go_out(list in vec((0..3u8, any::<i64>(), payload()), 0..20)) {
        let mut ingest = Ingest::new();
        for (kind, millis, body) in list {
            let kind = [MessageKind::Audio, MessageKind::Video, MessageKind::Data][usize::from(kind)];
            let mut out = Vec::new();
            let _ = ingest.handle(kind, millis, &body, &mut out);
            for frame in frames(&out) {
                prop_assert!(egress::frame(ingest.tracks().find(frame.track).unwrap(), &frame).is_ok());
            }
        }
    }

    #[test]
    fn damaged_messages_of_real_encoders_make_nothing_panic(
        name in prop::sample::select(support::VECTORS.to_vec()),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut sent = messages(&vector(name));
        for (at, byte, value) in damage {
            let body = &mut at.get_mut(&mut sent[..]).2;
            let mut copy = body.to_vec();
            if !copy.is_empty() {
                // Headers are where damage matters.
                let reach = copy.len().min(64);
                copy[byte.index(reach)] = value;
            }
            *body = copy.into();
        }
        let (mut ingest, mut out) = (Ingest::new(), Vec::new());
        let mut writer = FileWriter::new(FileOptions { key_frames: 3 });
        let mut writes = Vec::new();
        for (kind, millis, body) in sent {
            let _ = ingest.handle(kind, millis, &body, &mut out);
            for item in out.drain(..) {
                match item {
                    Item::Tracks(tracks) => writer.set_tracks(&tracks, &mut writes),
                    Item::Frame(frame) => drop(writer.write(&frame, &mut writes)),
                }
            }
        }
        writer.finish(&mut writes);
        let mut file = Vec::new();
        apply(&mut file, writes);
        prop_assert!(file.is_empty() || !tags(&file).is_empty());
    }

    #[test]
    fn no_bytes_make_the_file_reader_panic_or_lose_its_place(
        mut noise in vec(prop_oneof![Just(0u8), Just(8), Just(9), any::<u8>()], 0..300),
        whole in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        if whole {
            noise.splice(0..0, *b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
        }
        let middle = cut.index(noise.len() + 1);
        let read = |pieces: &[&[u8]]| {
            let (mut reader, mut tags) = (FileReader::new(), Vec::new());
            for piece in pieces {
                reader.push(piece);
                tags.extend(std::iter::from_fn(|| reader.next_tag().unwrap_or(None)));
            }
            reader.end();
            tags.extend(std::iter::from_fn(|| reader.next_tag().unwrap_or(None)));
            (tags, reader)
        };
        let (tags, reader) = read(&[&noise[..middle], &noise[middle..]]);
        prop_assert_eq!(&tags, &read(&[&noise]).0);
        for tag in tags {
            let start = usize::try_from(tag.offset).unwrap() + 11;
            prop_assert_eq!(&tag.body[..], &noise[start..start + tag.body.len()]);
        }
        prop_assert!(reader.valid_len() <= noise.len() as u64);
    }
}
