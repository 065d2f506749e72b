//! Recordings that the disk or the publisher broke off and that go on by themselves, against a real hub and real disks.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on ends, and says what it lacks")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::*;
use weir_engine::config::Seconds;
use weir_engine::recording::{self, Chapter, Container, EntryState, FailureCode, GapCause, Outcome, State, Status};
use weir_flv::MessageKind;
use weir_media::{Codec, Track, TrackId, Tracks};

fn record_all(config: &mut weir_engine::Config) {
    config.recording.record_all = true;
    config.streams.grace_seconds = Seconds::from(Duration::from_millis(50));
}

impl Rig {
    fn status(&self) -> Vec<Status> {
        self.engine.recordings().status()
    }

    async fn until_recording(&self, n: usize, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        until(&self.engine, what, || self.status().get(n).filter(|status| is(status)).cloned()).await
    }

    async fn failed(&self, n: usize) -> FailureCode {
        match self.until_recording(n, "a failure", |status| status.state != State::Recording).await.state {
            State::Failed(failure) => failure.code,
            other => panic!("{other:?}"),
        }
    }

    async fn open(&self, n: usize) -> PathBuf {
        self.until_recording(n, "a file", |status| status.file.is_some()).await.file.unwrap()
    }

    fn failures_said(&self) -> Vec<u64> {
        let problems = self.engine.context().problems.list().into_iter();
        problems.filter(|problem| problem.code == "recording_failed").map(|problem| problem.count).collect()
    }
}

fn frames_in(file: &Path) -> Vec<weir_media::Frame> {
    ingest(&flv_tags(&std::fs::read(file).unwrap())).1
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_said_and_the_stream_goes_on() {
    let rig = Rig::start(record_all).await;
    std::fs::write(rig.recordings_dir(), b"a file where the folder should be").unwrap();
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.until_recording(0, "its end", |status| status.state != State::Recording).await;
    assert!(matches!(&status.state, State::Failed(failure) if !failure.hint.is_empty()), "{status:?}");
    write(&mut publisher, &frames(&tracks(), 1_000, 2_000));
    assert_eq!(rig.hub().stream(&stream("live/show")).unwrap().state, weir_hub::StreamState::Live);
}

#[tokio::test]
async fn a_file_that_goes_away_is_noticed_though_writing_to_it_succeeds() {
    if cfg!(windows) {
        eprintln!("SKIPPED: Windows deletes no file that is being written");
        return;
    }
    let rig = Rig::start(record_all).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    std::fs::remove_file(rig.open(0).await).unwrap();
    let status = rig.until_recording(0, "its end", |status| status.state != State::Recording).await;
    assert!(
        matches!(&status.state, State::Failed(failure) if failure.code == FailureCode::FolderMissing),
        "{status:?}"
    );
    assert_eq!(rig.hub().stream(&stream("live/show")).unwrap().state, weir_hub::StreamState::Live);
}

/// Somebody tidies up, or a drive is unplugged for a moment.
#[tokio::test]
async fn a_recording_whose_folder_went_away_goes_on_in_a_new_one_and_misses_nothing() {
    if cfg!(windows) {
        eprintln!("SKIPPED: Windows deletes no file that is being written");
        return;
    }
    let rig = Rig::start(record_all).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let mut sent = frames(&tracks(), 0, 3_000);
    write(&mut publisher, &sent);
    rig.open(0).await;
    std::fs::remove_dir_all(rig.recordings_dir()).unwrap();
    assert_eq!(rig.failed(0).await, FailureCode::FolderMissing);
    let file = rig.open(1).await;
    let more = frames(&tracks(), 3_000, 5_000);
    write(&mut publisher, &more);
    sent.extend(more);
    drop(publisher);
    let status = rig.until_recording(1, "its end", |status| status.state != State::Recording).await;
    assert_eq!(status.state, State::Complete);
    assert_eq!(essence(&frames_in(&file)), essence(&sent), "the stream's ring had all of it");
    assert_eq!((rig.failures_said(), rig.status().len()), (vec![1], 2));
}

/// Some encoders send AV1 without its configuration: decoders find it in the pictures, and MP4 wants it in front.
#[tokio::test]
async fn what_mp4_cannot_declare_goes_on_as_flv_and_misses_nothing() {
    let rig = Rig::start(record_all).await;
    let mut publisher = rig.publish("live/show");
    let tracks = Tracks::default().with(Track::new(TrackId::VIDEO, Codec::Av1));
    publisher.set_tracks(&tracks).unwrap();
    let mut sent = frames(&tracks, 0, 3_000);
    write(&mut publisher, &sent);
    assert_eq!(rig.failed(0).await, FailureCode::FormatLimit);
    let file = rig.open(1).await;
    let more = frames(&tracks, 3_000, 5_000);
    write(&mut publisher, &more);
    sent.extend(more);
    drop(publisher);
    let status = rig.until_recording(1, "its end", |status| status.state != State::Recording).await;
    assert_eq!((status.state, file.extension().unwrap().to_str()), (State::Complete, Some("flv")));
    assert_eq!(essence(&frames_in(&file)), essence(&sent));
    assert_eq!(rig.engine.recordings().list().unwrap().len(), 1, "nothing is left of the MP4 file");
}

/// Somebody gives it another name in a file manager.
#[tokio::test]
async fn a_recording_that_is_moved_while_it_is_written_is_whole_and_goes_on_in_a_new_file() {
    if cfg!(windows) {
        eprintln!("SKIPPED: Windows moves no file that is being written");
        return;
    }
    for container in [Container::Flv, Container::Mp4] {
        let rig = Rig::start(|config| {
            record_all(config);
            config.recording.container = container;
        })
        .await;
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 3_000));
        let file = rig.open(0).await;
        let moved = file.with_file_name("evening").with_extension(file.extension().unwrap());
        std::fs::rename(&file, &moved).unwrap();
        assert_eq!(rig.failed(0).await, FailureCode::FolderMissing);
        rig.open(1).await;
        let entries = rig.engine.recordings().list().unwrap();
        let entry = entries.iter().find(|entry| entry.name.starts_with("evening")).unwrap();
        assert_eq!(entry.state, EntryState::Complete, "{container:?}");
        assert!(entry.duration_seconds > Some(2.5), "{entry:?}");
        drop(publisher);
        let status = rig.until_recording(1, "its end", |status| status.state != State::Recording).await;
        assert_eq!(status.state, State::Complete);
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_said_once_and_when_it_is_gone_the_recording_begins() {
    let rig = Rig::start(record_all).await;
    std::fs::write(rig.recordings_dir(), b"a file where the folder should be").unwrap();
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    rig.failed(0).await;
    // Changed settings are a reason to try at once, again and again.
    for reserve in 1..=5 {
        let mut config = rig.engine.config();
        config.recording.reserve_bytes = reserve;
        rig.engine.apply(config).await.unwrap();
        tokio::task::yield_now().await;
    }
    std::fs::remove_file(rig.recordings_dir()).unwrap();
    rig.open(1).await;
    assert_eq!((rig.failures_said(), rig.status().len()), (vec![1], 2), "{:?}", rig.status());
}

#[tokio::test]
async fn what_was_stopped_by_hand_after_it_failed_is_not_begun_again() {
    let rig = Rig::start(record_all).await;
    std::fs::write(rig.recordings_dir(), b"a file where the folder should be").unwrap();
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    rig.failed(0).await;
    rig.engine.recordings().stop(&stream("live/show"));
    std::fs::remove_file(rig.recordings_dir()).unwrap();
    rig.engine.apply(rig.engine.config()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((rig.status().len(), rig.recordings_dir().exists()), (1, false));
    rig.engine.recordings().record(&stream("live/show")).unwrap();
    rig.open(1).await;
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_is_said_and_left_without_an_empty_file() {
    let disk = tempfile::tempdir().unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
    let mounted = std::process::Command::new("mount").args(mount).arg(disk.path()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("SKIPPED: no small disk can be mounted here (needs root)");
        return;
    }
    std::fs::write(disk.path().join("ballast"), vec![1; 64 * 1024]).unwrap();
    for container in [Container::Flv, Container::Mp4] {
        let rig = Rig::start(|config| {
            record_all(config);
            config.recording.dir = Some(disk.path().join("recordings"));
            config.recording.container = container;
            config.recording.reserve_bytes = 0;
        })
        .await;
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 3_000));
        assert_eq!(rig.failed(0).await, FailureCode::DiskFull);
        assert_eq!((rig.status()[0].file.clone(), rig.engine.recordings().list().unwrap()), (None, vec![]));
        assert_eq!(rig.hub().stream(&stream("live/show")).unwrap().state, weir_hub::StreamState::Live);
    }
    std::process::Command::new("umount").arg(disk.path()).status().unwrap();
}

/// A disk of 80 MB, full but for a moment of the stream.
#[tokio::test]
async fn a_full_disk_with_room_again_is_recorded_to_and_the_file_before_is_made_whole() {
    let disk = tempfile::tempdir().unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=80m", "tmpfs"];
    let mounted = std::process::Command::new("mount").args(mount).arg(disk.path()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("SKIPPED: no small disk can be mounted here (needs root)");
        return;
    }
    let ballast = disk.path().join("ballast");
    for container in [Container::Flv, Container::Mp4] {
        std::fs::write(&ballast, vec![1; 81_400 * 1024]).unwrap();
        let folder = disk.path().join(format!("{container:?}"));
        let rig = Rig::start(|config| {
            record_all(config);
            config.recording.dir = Some(folder.clone());
            config.recording.container = container;
            config.recording.reserve_bytes = 0;
        })
        .await;
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 60_000));
        assert_eq!(rig.failed(0).await, FailureCode::DiskFull);
        std::fs::remove_file(&ballast).unwrap();
        let again = rig.open(1).await;
        write(&mut publisher, &frames(&tracks(), 60_000, 62_000));
        drop(publisher);
        let status = rig.until_recording(1, "its end", |status| status.state != State::Recording).await;
        assert_eq!(status.state, State::Complete);
        let entries = rig.engine.recordings().list().unwrap();
        assert_eq!(entries.len(), 2);
        for entry in entries {
            let is_new = folder.join(&entry.name) == again;
            let states = [EntryState::Complete, EntryState::Repaired];
            assert!(states.contains(&entry.state) && entry.duration_seconds > Some(1.0), "{is_new} {entry:?}");
        }
        drop(rig);
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::process::Command::new("umount").arg(disk.path()).status().unwrap();
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_in_the_same_file_and_the_gap_is_marked() {
    let rig = Rig::start(|config| {
        record_all(config);
        config.streams.grace_seconds = Seconds::new(5);
    })
    .await;
    for _ in 0..2 {
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 3_000));
    }
    rig.open(0).await;
    rig.engine.recordings().stop(&stream("live/show"));
    let status = rig.until_recording(0, "its end", |status| status.state != State::Recording).await;
    assert_eq!((status.state, rig.status().len()), (State::Complete, 1));
    let file = status.file.unwrap();
    let tags = flv_tags(&std::fs::read(&file).unwrap());
    assert_gap_is_shown(&rig, &file, &tags);
    for kind in [MessageKind::Audio, MessageKind::Video] {
        let times: Vec<u32> = tags.iter().filter(|tag| tag.kind == kind).map(|tag| tag.millis).collect();
        assert!(times.is_sorted(), "time runs back: {kind:?} {times:?}");
        assert!(*times.last().unwrap() >= 5_900, "both visits are there");
    }
    let marks =
        tags.iter().filter(|tag| tag.kind == MessageKind::Data && tag.body.windows(10).any(|n| n == b"onCuePoint"));
    assert_eq!(marks.count(), 1);
}

/// The player is told of the one gap: of the file as it was closed, and of what a crash would have left after a repair.
fn assert_gap_is_shown(rig: &Rig, file: &Path, tags: &[Tag]) {
    let pictures: Vec<u32> = tags.iter().filter(|tag| tag.kind == MessageKind::Video).map(|tag| tag.millis).collect();
    let steps = pictures.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
    let (longest, before) = steps.max().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let cut = file.with_file_name("cut.flv");
    // Without its last tag and without what the head knows: the head of a new file stands over it.
    let mut bytes = std::fs::read(file).unwrap();
    bytes.truncate(bytes.len() - 3);
    let known = bytes.windows(9).position(|part| part == b"cuePoints").unwrap();
    bytes[known..known + 9].copy_from_slice(b"forgotten");
    std::fs::write(&cut, &bytes).unwrap();
    let chapters = |name| rig.engine.recordings().film(name).unwrap().chapters();
    assert!(chapters("cut.flv").is_empty());
    assert!(matches!(recording::repair(&cut).unwrap(), Outcome::Repaired { .. }));
    for name in [name, "cut.flv"] {
        let told = chapters(name);
        let [Chapter { at_millis, title, gap: Some(gap) }] = told.as_slice() else { panic!("{name}: {told:?}") };
        assert_eq!(gap.cause, GapCause::EncoderAway);
        assert!(title.ends_with(" s missing: the encoder was away"), "{title}");
        assert!(at_millis.abs_diff(before.into()) <= 40, "{name}: at {at_millis}, the last picture is at {before}");
        assert!(gap.missing_millis.abs_diff(longest.into()) <= 120, "{name}: {gap:?}, pictures pause for {longest}");
    }
}
