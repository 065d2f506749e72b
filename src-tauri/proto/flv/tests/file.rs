//! Files: what is written, and that whatever is left of a file can be read.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use support::{VECTORS, apply, flow, frames, frames_of, items, last_tracks, messages, tags, vector, write_file};
use weir_amf0::Value;
use weir_flv::file::{
    FileHead, FileOptions, FileReader, FileWriter, Gap, GapCause, ReadError, Rebuild, TagKind, Write,
};
use weir_flv::{Error, Item, MessageKind};
use weir_media::{Codec, Frame, FrameKind, Timestamp, Track, TrackId, TrackKind, Tracks};

fn metadata(file: &[u8]) -> Value {
    let head = &tags(file)[0];
    assert_eq!((head.kind, head.millis, head.offset), (TagKind::Message(MessageKind::Data), 0, 13));
    let mut values = Value::decode_all(&head.body).unwrap();
    assert_eq!(values[0].as_str(), Some("onMetaData"));
    values.swap_remove(1)
}

fn number(metadata: &Value, name: &str) -> Option<f64> {
    metadata.get(name).and_then(Value::as_number)
}

fn audio_track() -> Track {
    Track { config: Some(Bytes::from_static(&[0x12, 0x10])), ..Track::new(TrackId::AUDIO, Codec::Aac) }
}

fn video_track(profile: u8) -> Track {
    let sps = [0x67, profile, 0, 0x0A];
    let config = weir_media::codec::h264::DecoderConfig::from_units([&sps[..], &[0x68, 0xEE]]);
    Track { config, ..Track::new(TrackId::VIDEO, Codec::H264) }
}

fn tracks(list: impl IntoIterator<Item = Track>) -> Tracks {
    Tracks::new(list.into_iter().map(Arc::new))
}

fn frame(track: TrackId, millis: i64, kind: FrameKind) -> Frame {
    let time = Timestamp::from_millis(millis);
    Frame { track, dts: time, pts: time, kind, data: Bytes::from_static(&[0, 0, 0, 2, 0x65, 0x88]) }
}

/// Faults 20, 21 and 22 of the predecessor: AV1 and VP9 frames lost three bytes each, audio alone was never recorded, and an
/// audio header before the video header was lost.
#[test]
fn whatever_is_recorded_is_in_the_file_to_the_byte() {
    for name in VECTORS {
        let before = flow(name);
        let after = items(&messages(&write_file(&before, true)));
        assert_eq!(frames(&after), frames(&before), "{name}");
        for track in last_tracks(&before).iter().filter(|track| track.id.kind != TrackKind::Data) {
            let again =
                last_tracks(&after).find(track.id).cloned().unwrap_or_else(|| panic!("{name} lost {:?}", track.id));
            let said =
                |track: &Track| (track.codec, track.config.clone(), track.side_data.clone(), track.video.clone());
            assert_eq!(said(&again), said(track), "{name}");
        }
    }
}

/// Fault 20.
#[test]
fn av1_and_vp9_frames_keep_their_first_three_bytes() {
    // FFmpeg leaves AV1's temporal delimiter in front (two bytes), which the canonical form does not have.
    for (name, delimiter) in [("ffmpeg-9-av1-flac.flv", &[0x12, 0x00][..]), ("ffmpeg-9-vp9-ac3.flv", &[])] {
        let is_frame = |(kind, _, body): &(MessageKind, i64, Bytes)| *kind == MessageKind::Video && body[0] == 0x91;
        let (.., sent) = messages(&vector(name)).into_iter().find(is_frame).unwrap();
        let (.., written) = messages(&write_file(&flow(name), true)).into_iter().find(is_frame).unwrap();
        assert!(sent[5..].starts_with(delimiter), "{name}");
        assert_eq!(written[5..], sent[5 + delimiter.len()..], "{name}");
        assert_eq!(written[..5], sent[..5], "{name}");
    }
}

/// Fault 21.
#[test]
fn audio_alone_makes_a_file_that_says_so() {
    for name in ["ffmpeg-5.1-aac-only.flv", "ffmpeg-5.1-speex.flv"] {
        let before = flow(name);
        let file = write_file(&before, true);
        assert_eq!(file[4], 4, "flags say audio alone");
        assert!(tags(&file).iter().all(|tag| tag.kind != TagKind::Message(MessageKind::Video)));
        assert_eq!(frames_of(&items(&messages(&file)), TrackId::AUDIO).len(), frames_of(&before, TrackId::AUDIO).len());
        let metadata = metadata(&file);
        assert!((0.9..1.1).contains(&number(&metadata, "duration").unwrap()));
        assert_eq!(number(&metadata, "videocodecid"), None);
    }
    assert_eq!(write_file(&flow("ffmpeg-5.1-h264-only.flv"), true)[4], 1, "flags say video alone");
}

/// Fault 22.
#[test]
fn an_audio_header_before_the_video_header_is_kept() {
    let mut sent = messages(&vector("ffmpeg-5.1-h264-bframes-aac.flv"));
    let header = |head: &'static [u8]| move |(.., body): &(MessageKind, i64, Bytes)| body.starts_with(head);
    let audio = sent.iter().position(header(b"\xAF\x00")).unwrap();
    let audio = sent.remove(audio);
    let video = sent.iter().position(header(b"\x17\x00")).unwrap();
    sent.insert(video, audio);
    let file = write_file(&items(&sent), true);
    let bodies: Vec<Bytes> = messages(&file).into_iter().map(|(.., body)| body).collect();
    for head in [&b"\x17\x00"[..], b"\xAF\x00"] {
        let header = bodies.iter().position(|body| body.starts_with(head)).unwrap();
        let frame = bodies.iter().position(|body| body.starts_with(&[head[0], 1])).unwrap();
        assert!(header < frame);
    }
    assert_eq!(file[4], 5);
}

#[test]
fn the_head_tells_what_the_file_holds() {
    let file = write_file(&flow("ffmpeg-5.1-h264-bframes-aac.flv"), true);
    let metadata = metadata(&file);
    let get = |name| number(&metadata, name).unwrap_or_else(|| panic!("{name} is missing"));
    assert_eq!((get("width"), get("height"), get("framerate")), (160.0, 90.0, 10.0));
    assert_eq!((get("videocodecid"), get("audiocodecid"), get("audiosamplerate")), (7.0, 10.0, 44_100.0));
    assert_eq!(get("filesize"), file.len() as f64);
    // Two seconds: that it begins 200 ms late, so that B frames can be decoded before they are shown, is no part of them.
    assert!((1.99..2.05).contains(&get("duration")), "{}", get("duration"));
    assert!(get("videodatarate") > 1.0 && get("audiodatarate") > 1.0);
    assert_eq!(metadata.get("encoder").and_then(Value::as_str), Some("Weir"));
    assert_eq!(metadata.get("stereo").and_then(Value::as_bool), Some(false));
}

#[test]
fn the_index_points_at_key_frames() {
    let file = write_file(&flow("ffmpeg-5.1-h264-bframes-aac.flv"), true);
    let metadata = metadata(&file);
    let list = |name: &str| -> Vec<f64> {
        let items = metadata.get("keyframes").and_then(|index| index.get(name)?.items()).unwrap();
        items.iter().filter_map(Value::as_number).collect()
    };
    let (positions, times) = (list("filepositions"), list("times"));
    assert_eq!(times.len(), 2);
    for (position, time) in positions.iter().zip(&times) {
        let tag = tags(&file).into_iter().find(|tag| tag.offset as f64 == *position).unwrap();
        assert_eq!((tag.body[0], tag.body[1]), (0x17, 1));
        assert_eq!(f64::from(tag.millis) / 1000.0, *time);
    }
}

#[test]
fn sizes_after_tags_are_right_throughout() {
    for name in VECTORS {
        let file = write_file(&flow(name), true);
        let mut reader = FileReader::new();
        reader.push(&file);
        reader.end();
        while reader.next_tag().unwrap().is_some() {}
        assert_eq!((reader.wrong_sizes(), reader.skipped(), reader.pending()), (0, 0, 0), "{name}");
        assert_eq!(reader.valid_len(), file.len() as u64, "{name}");
    }
}

#[test]
fn a_file_that_was_never_closed_plays_and_a_checkpoint_makes_it_whole() {
    let items_before = flow("ffmpeg-5.1-h264-bframes-aac.flv");
    let crashed = write_file(&items_before, false);
    assert_eq!(frames(&items(&messages(&crashed))), frames(&items_before));
    assert_eq!(number(&metadata(&crashed), "duration"), Some(0.0));
    let mut writer = FileWriter::new(FileOptions::default());
    let (mut file, mut writes) = (Vec::new(), Vec::new());
    writer.set_tracks(&last_tracks(&items_before), &mut writes);
    frames(&items_before).iter().for_each(|frame| writer.write(frame, &mut writes).unwrap());
    let appended = writes.len();
    writer.checkpoint(&mut writes);
    assert!(matches!(&writes[appended..], [Write::Patch { offset: 0, .. }]));
    apply(&mut file, writes);
    assert!((1.99..2.05).contains(&number(&metadata(&file), "duration").unwrap()));
    assert_eq!(number(&metadata(&file), "filesize"), Some(file.len() as f64));
}

#[test]
fn time_starts_at_zero_and_never_runs_back() {
    let mut writer = FileWriter::new(FileOptions { key_frames: 4 });
    let mut writes = Vec::new();
    writer.set_tracks(&tracks([video_track(100), audio_track()]), &mut writes);
    assert!(writes.is_empty() && writer.is_empty(), "a file begins with its first frame");
    let start = (1i64 << 32) + 5;
    for (track, offset) in
        [(TrackId::VIDEO, 0), (TrackId::AUDIO, -40), (TrackId::AUDIO, 10), (TrackId::VIDEO, 40), (TrackId::VIDEO, 20)]
    {
        let mut frame = frame(track, start + offset, FrameKind::Key);
        frame.pts = Timestamp::from_millis(start + offset + 60);
        writer.write(&frame, &mut writes).unwrap();
    }
    let mut file = Vec::new();
    apply(&mut file, writes);
    let times = |kind| -> Vec<u32> {
        let of_kind = |tag: &weir_flv::file::FileTag| tag.kind == TagKind::Message(kind);
        tags(&file).into_iter().filter(of_kind).map(|tag| tag.millis).collect()
    };
    assert_eq!(times(MessageKind::Video), [0, 0, 40, 40], "header, then frames");
    assert_eq!(times(MessageKind::Audio), [0, 0, 10], "header, then frames");
    let shown: Vec<i64> =
        frames_of(&items(&messages(&file)), TrackId::VIDEO).iter().map(|frame| frame.pts.as_millis()).collect();
    assert_eq!(shown, [60, 100, 80], "a picture is shown when it should be even if its decoding time had to move");
}

#[test]
fn a_gap_is_a_cue_point_in_its_place_and_the_head_lists_it() {
    let mut writer = FileWriter::new(FileOptions::default());
    let (mut file, mut writes) = (Vec::new(), Vec::new());
    writer.set_tracks(&tracks([video_track(100)]), &mut writes);
    writer.mark_gap(Duration::from_secs(1), GapCause::PublisherAway, 0, &mut writes);
    assert!(writes.is_empty(), "before the first frame nothing is missing");
    let picture = |millis| frame(TrackId::VIDEO, millis, FrameKind::Key);
    writer.write(&picture(10_000), &mut writes).unwrap();
    writer.write(&picture(12_000), &mut writes).unwrap();
    writer.mark_gap(Duration::from_millis(5_500), GapCause::PublisherAway, 0, &mut writes);
    writer.write(&picture(17_500), &mut writes).unwrap();
    writer.mark_gap(Duration::from_millis(800), GapCause::DiskSlow, 41, &mut writes);
    writer.write(&picture(18_300), &mut writes).unwrap();
    let gap =
        |at_millis, missing, cause, frames| Gap { at_millis, missing: Duration::from_millis(missing), cause, frames };
    let gaps = vec![gap(2_000, 5_500, GapCause::PublisherAway, 0), gap(7_500, 800, GapCause::DiskSlow, 41)];

    // As a crash leaves it: only the tags tell.
    apply(&mut file, std::mem::take(&mut writes));
    assert!(FileHead::parse(&file).gaps.is_empty());
    let told: Vec<_> = tags(&file).iter().filter_map(|tag| Gap::parse(&tag.body)).collect();
    assert_eq!(told, gaps);
    let times: Vec<u32> =
        tags(&file).iter().filter(|tag| !tag.body.starts_with(b"\x02\x00\x0AonMeta")).map(|tag| tag.millis).collect();
    assert_eq!(times, [0, 0, 2_000, 2_000, 7_500, 7_500, 8_300], "header, pictures and gaps in their places");
    let mut rebuild = Rebuild::new();
    tags(&file).iter().for_each(|tag| rebuild.add(tag));
    let mut repaired = file.clone();
    apply(&mut repaired, rebuild.finish(file.len() as u64));
    assert_eq!(FileHead::parse(&repaired).gaps, gaps);

    writer.finish(&mut writes);
    apply(&mut file, writes);
    assert_eq!(FileHead::parse(&file).gaps, gaps);
}

#[test]
fn a_track_that_changes_or_comes_late_gets_its_header_in_place() {
    let mut writer = FileWriter::new(FileOptions { key_frames: 4 });
    let mut file = Vec::new();
    let mut writes = Vec::new();
    writer.set_tracks(&tracks([video_track(100)]), &mut writes);
    writer.write(&frame(TrackId::VIDEO, 0, FrameKind::Key), &mut writes).unwrap();
    writer.set_tracks(&tracks([video_track(77), audio_track()]), &mut writes);
    writer.write(&frame(TrackId::VIDEO, 1000, FrameKind::Key), &mut writes).unwrap();
    writer.write(&frame(TrackId::AUDIO, 1000, FrameKind::Key), &mut writes).unwrap();
    apply(&mut file, writes);
    assert_eq!(file[4], 5, "the flags are right though the file was not closed");
    let heads: Vec<[u8; 2]> = tags(&file)[1..].iter().map(|tag| [tag.body[0], tag.body[1]]).collect();
    assert_eq!(heads, [[0x17, 0], [0x17, 1], [0x17, 0], [0xAF, 0], [0x17, 1], [0xAF, 1]]);
}

#[test]
fn what_cannot_be_written_is_an_error_and_leaves_the_file_alone() {
    let mut writer = FileWriter::new(FileOptions { key_frames: 4 });
    let mut writes = Vec::new();
    let unknown = writer.write(&frame(TrackId::VIDEO, 0, FrameKind::Key), &mut writes);
    assert_eq!(unknown, Err(Error::UnknownTrack(TrackId::VIDEO)));
    writer.set_tracks(&tracks([video_track(100)]), &mut writes);
    let mut long = frame(TrackId::VIDEO, 0, FrameKind::Key);
    long.data = Bytes::from(vec![0; 1 << 24]);
    assert_eq!(writer.write(&long, &mut writes), Err(Error::TagTooLong((1 << 24) + 5)));
    assert!(writes.is_empty() && writer.is_empty());
    writer.write(&frame(TrackId::VIDEO, 0, FrameKind::Key), &mut writes).unwrap();
    let after = writer.write(&frame(TrackId::VIDEO, 1 << 31, FrameKind::Key), &mut writes);
    assert_eq!(after, Err(Error::FileTooLong));
    let mut nothing = Vec::new();
    FileWriter::new(FileOptions::default()).finish(&mut nothing);
    assert!(nothing.is_empty());
}

#[test]
fn the_video_ends_with_an_end_of_sequence() {
    let end = |name: &str| tags(&write_file(&flow(name), true)).pop().unwrap().body;
    assert_eq!(end("ffmpeg-5.1-h264-only.flv")[..], *b"\x17\x02\x00\x00\x00");
    let last_video = |name: &str| {
        let file = write_file(&flow(name), true);
        tags(&file).into_iter().rfind(|tag| tag.kind == TagKind::Message(MessageKind::Video)).unwrap().body
    };
    assert_eq!(last_video("ffmpeg-9-hevc-opus.flv")[..], *b"\x92hvc1");
}

#[test]
fn a_file_in_any_pieces_gives_the_same_tags() {
    let file = vector("ffmpeg-5.1-h264-bframes-aac.flv");
    let whole = tags(&file);
    for size in [1, 7, 64, 1000] {
        let mut reader = FileReader::new();
        let mut got = Vec::new();
        for piece in file.chunks(size) {
            reader.push(piece);
            got.extend(std::iter::from_fn(|| reader.next_tag().unwrap()));
        }
        assert_eq!(got, whole, "pieces of {size}");
    }
}

#[test]
fn a_file_cut_anywhere_is_read_to_its_last_whole_tag() {
    let file = vector("ffmpeg-5.1-h264-only.flv");
    let whole = tags(&file);
    for end in 13..file.len() {
        let mut reader = FileReader::new();
        reader.push(&file[..end]);
        reader.end();
        let got: Vec<_> = std::iter::from_fn(|| reader.next_tag().unwrap()).collect();
        let complete = whole.iter().filter(|tag| tag.offset as usize + 11 + tag.body.len() <= end).count();
        assert_eq!(got, whole[..complete], "cut to {end}");
        assert!(reader.valid_len() as usize <= end);
        let last = got.iter().rfind(|tag| tag.kind != TagKind::Message(MessageKind::Data)).map(|tag| tag.millis);
        assert_eq!(reader.last_millis(), last);
    }
}

#[test]
fn junk_and_wrong_sizes_in_a_file_are_passed_over() {
    let file = vector("ffmpeg-5.1-h264-only.flv");
    let whole = tags(&file);
    let third = usize::try_from(whole[2].offset).unwrap();
    let read = |file: &[u8]| {
        let mut reader = FileReader::new();
        reader.push(file);
        reader.end();
        let bodies: Vec<Bytes> = std::iter::from_fn(|| reader.next_tag().unwrap()).map(|tag| tag.body).collect();
        (bodies, reader)
    };
    let bodies: Vec<Bytes> = whole.iter().map(|tag| tag.body.clone()).collect();

    let mut sizes = file.clone();
    sizes[third - 4..third].copy_from_slice(&[0; 4]);
    let (got, reader) = read(&sizes);
    assert_eq!((got, reader.wrong_sizes()), (bodies.clone(), 1));

    let mut junk = file.clone();
    junk.splice(third..third, [0x55; 100]);
    let (got, reader) = read(&junk);
    assert_eq!((got, reader.skipped()), (bodies.clone(), 100));

    let mut length = file;
    length[third + 1..third + 4].copy_from_slice(&[0xFF; 3]);
    let (got, _) = read(&length);
    let mut rest = bodies;
    rest.remove(2);
    assert_eq!(got, rest, "a length past the end costs one tag");
}

#[test]
fn what_is_no_flv_is_said_to_be_none() {
    for file in
        [&b"RIFF....AVI "[..], b"FLV\x01\x05\x00\x00\x00\x03\0\0\0\0", b"FLV\x01\x05\xFF\x00\x00\x09\0\0\0\0", b"x"]
    {
        let mut reader = FileReader::new();
        reader.push(file);
        assert_eq!(reader.next_tag(), Err(ReadError::NotFlv), "{file:02x?}");
    }
    let mut reader = FileReader::new();
    reader.push(b"FLV");
    assert_eq!(reader.next_tag(), Ok(None));
    reader.end();
    assert_eq!(reader.next_tag(), Err(ReadError::NotFlv));
}

#[test]
fn the_publishers_own_words_are_kept_in_the_file() {
    let entries = vec![
        ("title".to_owned(), Value::String("Évening show".into())),
        ("duration".to_owned(), Value::Number(9999.0)),
        ("width".to_owned(), Value::Number(1.0)),
    ];
    let mut config = bytes::BytesMut::new();
    weir_amf0::encode_all(&[Value::String("onMetaData".into()), Value::EcmaArray(entries)], &mut config);
    let data = Track { config: Some(config.freeze()), ..Track::new(TrackId::DATA, Codec::Script) };
    let before = flow("ffmpeg-5.1-h264-only.flv");
    let told: Vec<Item> = std::iter::once(Item::Tracks(last_tracks(&before).with(data)))
        .chain(frames(&before).into_iter().map(Item::Frame))
        .collect();
    let metadata = metadata(&write_file(&told, true));
    assert_eq!(metadata.get("title").and_then(Value::as_str), Some("Évening show"));
    assert_eq!(number(&metadata, "width"), Some(160.0));
    assert!(number(&metadata, "duration").unwrap() < 2.0);
}
