//! Recordings of every kind of file: what they hold, and where one ends and the next begins.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::Path;

use support::film::{packets, probed, record_all, record_mp4};
use support::*;
use weir_engine::config::Seconds;
use weir_engine::recording::{self, Container, EntryState, OnReturn, Outcome, State};
use weir_media::{Codec, Track, TrackId, Tracks};

fn vector(name: &str) -> Vec<Tag> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/flv");
    flv_prefix(&std::fs::read(folder.join(name)).unwrap()).0
}

/// Fault 20 of the predecessor: what it recorded of newer codecs could not be decoded.
#[tokio::test]
async fn every_codec_of_a_real_encoder_is_recorded_packet_by_packet() {
    if !have("ffmpeg") || !have("ffprobe") {
        return;
    }
    for (name, ending) in [
        ("ffmpeg-9-h264-bframes-aac.flv", "flv"),
        ("ffmpeg-9-hevc-opus.flv", "mp4"),
        ("ffmpeg-9-av1-flac.flv", "mp4"),
        ("ffmpeg-9-vp9-ac3.flv", "mp4"),
    ] {
        let rig = Rig::start(record_all).await;
        let clip = vector(name);
        let mut publisher = rig.publish("live/real");
        publish_tags(&mut publisher, &clip);
        drop(publisher);
        let status = rig.all_over(1).await.remove(0);
        assert_eq!(status.state, State::Complete, "{name}");
        let file = status.file.unwrap();
        assert_eq!(file.extension().unwrap(), ending, "{name}");
        let mut sent = ingest(&clip).1;
        // A reader begins at a key frame; sound that comes before the first picture is not for it.
        let key = sent.iter().position(|frame| frame.track == TrackId::VIDEO && frame.is_key()).unwrap();
        sent.drain(..key);
        let count = |kind: TrackId| sent.iter().filter(|frame| frame.track == kind).count() as u64;
        let expected = [("audio".to_owned(), count(TrackId::AUDIO)), ("video".to_owned(), count(TrackId::VIDEO))];
        assert_eq!(packets(&file), expected, "{name}");
        assert_eq!(rig.engine.recordings().list().unwrap()[0].state, EntryState::Complete, "{name}");
    }
}

#[tokio::test]
async fn fault_25_segments_are_cut_at_key_frames_begin_at_zero_and_lose_nothing() {
    for container in [Container::Flv, Container::Mp4] {
        let rig = Rig::start(|config| {
            record_all(config);
            config.recording.container = container;
            config.recording.segment_seconds = Seconds::new(3);
            config.recording.segment_pattern = "%s-%03d".parse().unwrap();
        })
        .await;
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        let mut sent = frames(&tracks(), 0, 10_000);
        // Sound comes later than the pictures it belongs to, as from most encoders.
        sent.sort_by_key(|frame| frame.dts.as_millis() + if frame.track == TrackId::AUDIO { 150 } else { 0 });
        write(&mut publisher, &sent);
        drop(publisher);
        assert_eq!(rig.all_over(1).await[0].state, State::Complete);
        let files = rig.files();
        let names: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["live_show-001", "live_show-002", "live_show-003", "live_show-004"], "{container:?}");
        if container == Container::Flv {
            let all: Vec<_> = files.iter().map(|file| ingest(&flv_tags(&std::fs::read(file).unwrap())).1).collect();
            assert_eq!(all.iter().map(Vec::len).sum::<usize>(), sent.len());
            for written in &all {
                assert!(written.iter().all(|frame| frame.dts.as_millis() <= 3_021), "each begins at zero");
                assert!(written.iter().find(|frame| frame.track == TrackId::VIDEO).unwrap().is_key());
            }
        } else if have("ffprobe") {
            let counts: Vec<_> = files.iter().map(|file| packets(file)).collect();
            let total = |at: usize| counts.iter().map(|file| file[at].1).sum::<u64>();
            assert_eq!((total(0), total(1)), (sent.len() as u64 - 250, 250));
            for file in &files {
                let start: f64 = probed(file)["format"]["start_time"].as_str().unwrap().parse().unwrap();
                assert!(start.abs() < 0.03, "{start}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_of_codec_begins_a_new_file_of_the_right_kind() {
    let rig = Rig::start(record_all).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_000));
    let opus = Track {
        config: Some(b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0".to_vec().into()),
        ..Track::new(TrackId::AUDIO, Codec::Opus)
    };
    let changed = video_tracks().with(opus);
    publisher.set_tracks(&changed).unwrap();
    write(&mut publisher, &frames(&changed, 2_000, 4_000));
    drop(publisher);
    assert_eq!(rig.all_over(1).await[0].state, State::Complete);
    let mut endings: Vec<_> = rig.files().iter().map(|file| file.extension().unwrap().to_owned()).collect();
    endings.sort();
    assert_eq!(endings, ["flv", "mp4"]);
    assert!(rig.engine.recordings().list().unwrap().iter().all(|entry| entry.state == EntryState::Complete));
}

/// OBS announces sound first, and sound alone would be FLV.
#[tokio::test]
async fn a_publisher_that_comes_back_and_announces_sound_first_goes_on_in_the_same_file() {
    let rig = Rig::start(|config| {
        record_all(config);
        config.streams.grace_seconds = Seconds::new(5);
    })
    .await;
    let vp9 = Track {
        config: Some(b"\x00\x1f\x82\x02\x02\x02\0\0".to_vec().into()),
        ..Track::new(TrackId::VIDEO, Codec::Vp9)
    };
    let sound = Tracks::default().with(audio_track());
    let both = sound.with(vp9);
    for _ in 0..2 {
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&sound).unwrap();
        publisher.set_tracks(&both).unwrap();
        write(&mut publisher, &frames(&both, 0, 3_000));
    }
    until(&rig.engine, "both visits", || {
        let status = rig.engine.recordings().status();
        status.first().is_some_and(|status| status.duration_ms > 5_500).then_some(())
    })
    .await;
    rig.engine.recordings().stop(&stream("live/show"));
    rig.all_over(1).await;
    let files = rig.files();
    assert!(files.len() == 1 && files[0].extension().unwrap() == "mp4", "{files:?}");
}

/// FFmpeg announces metadata alone before the tracks it describes.
#[tokio::test]
async fn a_publisher_that_comes_back_with_other_pictures_begins_a_new_file() {
    let rig = Rig::start(|config| {
        record_all(config);
        config.streams.grace_seconds = Seconds::new(5);
    })
    .await;
    let other = Track {
        config: Some(b"\x01\x42\xc0\x1e\xff\xe1\0\x04\x67\x42\xc0\x1e\x01\0\x02\x68\xce".to_vec().into()),
        ..Track::new(TrackId::VIDEO, Codec::H264)
    };
    for set in [tracks(), tracks().with(other)] {
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::DATA, Codec::Script))).unwrap();
        publisher.set_tracks(&set).unwrap();
        write(&mut publisher, &frames(&set, 0, 3_000));
    }
    until(&rig.engine, "a second file", || (rig.files().len() == 2).then_some(())).await;
    rig.engine.recordings().stop(&stream("live/show"));
    rig.all_over(1).await;
    assert!(rig.engine.recordings().list().unwrap().iter().all(|entry| entry.state == EntryState::Complete));
}

#[tokio::test]
async fn a_publisher_that_comes_back_begins_a_new_file_when_the_settings_say_so() {
    let rig = Rig::start(|config| {
        record_mp4(config);
        config.streams.grace_seconds = Seconds::new(5);
        config.recording.on_return = OnReturn::NewFile;
    })
    .await;
    for _ in 0..2 {
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 3_000));
    }
    until(&rig.engine, "a second file", || (rig.files().len() == 2).then_some(())).await;
    rig.engine.recordings().stop(&stream("live/show"));
    rig.all_over(1).await;
    for entry in rig.engine.recordings().list().unwrap() {
        assert_eq!(entry.state, EntryState::Complete);
        assert!((entry.duration_seconds.unwrap() - 3.0).abs() < 0.1, "{entry:?}");
    }
}

#[tokio::test]
async fn rules_choose_which_streams_are_recorded_where_and_how() {
    let rig = Rig::start(|config| {
        record_all(config);
        let rules = "[[rules]]\nstreams = \"live/quiet\"\nrecord = false\n\
                     [[rules]]\nstreams = \"cam/*\"\ncontainer = \"mp4\"\nfolder = \"cams\"\n";
        config.recording.rules = toml::from_str::<recording::Config>(rules).unwrap().rules;
    })
    .await;
    for path in ["live/quiet", "live/loud", "cam/1"] {
        let mut publisher = rig.publish(path);
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 1_000));
    }
    rig.all_over(2).await;
    let names: Vec<_> = rig.engine.recordings().list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(names.iter().any(|name| name.starts_with("cams/cam_1_") && name.ends_with(".mp4")), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("live_loud_") && name.ends_with(".flv")), "{names:?}");
    assert_eq!(names.len(), 2);
}

/// FFmpeg forgives much: this reader forgives other things.
#[tokio::test]
async fn a_second_reader_finds_every_sample_where_ffprobe_does() {
    let rig = Rig::start(record_mp4).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let sent = frames(&tracks(), 0, 5_000);
    write(&mut publisher, &sent);
    drop(publisher);
    rig.all_over(1).await;
    let bytes = std::fs::read(&rig.files()[0]).unwrap();
    let film = re_mp4::Mp4::read_bytes(&bytes).unwrap();
    for (kind, id) in [(re_mp4::TrackKind::Video, TrackId::VIDEO), (re_mp4::TrackKind::Audio, TrackId::AUDIO)] {
        let track = film.tracks().values().find(|track| track.kind == Some(kind)).unwrap();
        let ours: Vec<_> = sent.iter().filter(|frame| frame.track == id).collect();
        assert_eq!(track.samples.len(), ours.len(), "{kind:?}");
        for (sample, frame) in track.samples.iter().zip(ours) {
            let (from, to) = (sample.offset as usize, (sample.offset + sample.size) as usize);
            assert_eq!(bytes[from..to], frame.data[..], "{kind:?}");
            let seconds = sample.decode_timestamp as f64 / track.timescale as f64;
            assert!((seconds - frame.dts.as_secs_f64()).abs() < 0.002, "{seconds} {:?}", frame.dts);
        }
    }
}

#[tokio::test]
async fn below_the_reserve_a_recording_stops_complete_and_the_stream_goes_on() {
    let rig = Rig::start(|config| {
        record_mp4(config);
        config.recording.reserve_bytes = u64::MAX / 4;
    })
    .await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 3_000));
    let status = rig.all_over(1).await.remove(0);
    assert!(matches!(&status.state, State::Failed(failure) if failure.code == recording::FailureCode::LowSpace));
    write(&mut publisher, &frames(&tracks(), 3_000, 4_000));
    assert_eq!(rig.hub().stream(&stream("live/show")).unwrap().state, weir_hub::StreamState::Live);
    let entries = rig.engine.recordings().list().unwrap();
    assert!(entries.iter().all(|entry| entry.state == EntryState::Complete), "{entries:?}");
    assert!(rig.engine.context().problems.list().iter().any(|problem| problem.code == "recording_failed"));
}

/// VP8 comes from no encoder over RTMP that is at hand, so its frames are taken out of an IVF file.
#[tokio::test]
async fn vp8_is_recorded_and_decodes_to_the_same_pictures() {
    if !have("ffmpeg") || !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("clip.ivf");
    let encode =
        "-v error -y -f lavfi -i testsrc2=size=320x180:rate=25 -t 3 -c:v libvpx -g 25 -deadline realtime -cpu-used 8";
    let status = std::process::Command::new("ffmpeg").args(encode.split_whitespace()).arg(&source).status().unwrap();
    assert!(status.success());
    let rig = Rig::start(record_all).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::Vp8))).unwrap();
    // IVF: 32 bytes of header, then of each frame its length and its number before its bytes.
    let ivf = std::fs::read(&source).unwrap();
    let mut rest = &ivf[32..];
    let mut sent = 0;
    while let Some((head, after)) = rest.split_first_chunk::<12>() {
        let (frame, next) = after.split_at(u32::from_le_bytes(head[..4].try_into().unwrap()) as usize);
        let time = weir_media::Timestamp::from_millis(sent * 40);
        let kind = if frame[0] & 1 == 0 { weir_media::FrameKind::Key } else { weir_media::FrameKind::Delta };
        let data = bytes::Bytes::copy_from_slice(frame);
        publisher.write(weir_media::Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data }).unwrap();
        sent += 1;
        rest = next;
    }
    publisher.flush();
    drop(publisher);
    let file = rig.all_over(1).await.remove(0).file.unwrap();
    assert_eq!(file.extension().unwrap(), "mp4");
    assert_eq!(packets(&file), [("video".to_owned(), sent as u64)]);
    let hashes = |path: &Path| {
        let arguments = ["-v", "error", "-i"];
        let rest = ["-fps_mode", "passthrough", "-f", "framemd5", "-"];
        let output = std::process::Command::new("ffmpeg").args(arguments).arg(path).args(rest).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        rows.map(|row| row.rsplit(',').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hashes(&file), hashes(&source));
    let entry = rig.engine.recordings().list().unwrap().remove(0);
    let track = &entry.about.tracks[0];
    assert_eq!((track.codec.as_str(), track.width, track.height), ("VP8", Some(320), Some(180)));
}

/// Where the publisher was away an MP4 file has a chapter, after a crash too.
#[tokio::test]
async fn a_gap_is_a_chapter_of_the_file_closed_or_repaired() {
    if !have("ffprobe") {
        return;
    }
    let rig = Rig::start(|config| {
        record_mp4(config);
        config.streams.grace_seconds = Seconds::new(60);
    })
    .await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 3_000));
    drop(publisher);
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 3_000));
    let file = until(&rig.engine, "media in the file", || {
        let status = rig.engine.recordings().status().into_iter().next()?;
        (status.duration_ms > 5_500 && status.waiting_bytes == 0).then_some(status.file)?
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::copy(&file, &cut).unwrap();
    assert!(matches!(recording::repair(&cut).unwrap(), Outcome::Repaired { .. }));
    rig.engine.recordings().stop(&stream("live/show"));
    assert_eq!(rig.all_over(1).await[0].state, State::Complete);
    let name = file.file_name().unwrap().to_str().unwrap();
    let film = rig.engine.recordings().film(name).unwrap();
    let chapters = film.chapters();
    let told: Vec<_> = chapters.iter().map(|chapter| chapter.title.as_str()).collect();
    assert_eq!((told.len(), told[0]), (2, "live/show"), "{told:?}");
    let gaps: Vec<_> = film.chapters().iter().map(|chapter| chapter.gap.map(|gap| gap.cause)).collect();
    assert_eq!(gaps, [None, Some(recording::GapCause::EncoderAway)]);
    for file in [&file, &cut] {
        let args = ["-v", "error", "-show_chapters", "-show_format", "-of", "json"];
        let output = std::process::Command::new("ffprobe").args(args).arg(file).output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let chapters = said["chapters"].as_array().unwrap();
        assert_eq!(chapters.len(), 2, "{said}");
        let at: f64 = chapters[1]["start_time"].as_str().unwrap().parse().unwrap();
        assert!((2.5..3.5).contains(&at), "{said}");
        assert!(chapters[1]["tags"]["title"].as_str().unwrap().ends_with("the encoder was away"), "{said}");
        assert_eq!(said["format"]["tags"]["title"], "live/show");
        assert!(said["format"]["tags"]["creation_time"].as_str().unwrap().starts_with("20"), "{said}");
    }
}
