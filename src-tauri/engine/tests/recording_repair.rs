//! What a crash, a kill or a spoilt byte leaves of a recording, and what a repair makes of it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends, and talks to its parent")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use support::film::{packets, probed, record_all, record_mp4};
use support::*;
use weir_engine::recording::{self, Container, EntryState, FailureCode, Flaw, Outcome, State};
use weir_media::Tracks;

/// A recording as it was just before it was closed.
async fn unclosed(container: Container, folder: &Path) -> PathBuf {
    let rig = Rig::start(|config| {
        record_all(config);
        config.recording.container = container;
    })
    .await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 5_000));
    let status = until(&rig.engine, "media in the file", || {
        rig.engine
            .recordings()
            .status()
            .into_iter()
            .find(|status| status.duration_ms > 4_900 && status.waiting_bytes == 0)
    })
    .await;
    let file = status.file.unwrap();
    let copy = folder.join(file.file_name().unwrap());
    std::fs::copy(file, &copy).unwrap();
    copy
}

#[tokio::test]
async fn a_file_cut_at_any_byte_of_its_last_fragment_is_repaired() {
    // Every repair forces its file to the disk; in memory that takes no time.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    for container in [Container::Mp4, Container::Flv] {
        let source = unclosed(container, folder.path()).await;
        let whole = std::fs::read(&source).unwrap();
        let file = folder.path().join("cut").with_extension(source.extension().unwrap());
        let last = if container == Container::Mp4 {
            whole.windows(4).rposition(|window| window == b"moof").unwrap() - 4
        } else {
            whole.len() - 3_000
        };
        // Every byte of the boxes and of the ends; in the media between them one place is like the next.
        let near = |len: usize| len < last + 700 || len + 60 > whole.len() || len.is_multiple_of(509);
        for len in (last..=whole.len()).rev().filter(|len| near(*len)) {
            std::fs::write(&file, &whole[..len]).unwrap();
            let outcome = recording::repair(&file).unwrap();
            let Outcome::Repaired { seconds, .. } = outcome else { panic!("cut at {len}: {outcome:?}") };
            assert!(seconds > 2.9, "cut at {len}: {seconds}");
            // Again there is nothing left to do.
            if len.is_multiple_of(50) || len == whole.len() || len == last {
                assert_eq!(recording::repair(&file).unwrap(), Outcome::Whole, "cut at {len}");
                if have("ffprobe") {
                    let said: f64 = probed(&file)["format"]["duration"].as_str().unwrap().parse().unwrap();
                    assert!((said - seconds).abs() < 0.1, "{said} {seconds}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_fragment_that_is_spoilt_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let source = unclosed(Container::Mp4, folder.path()).await;
    let mut bytes = std::fs::read(&source).unwrap();
    let whole = folder.path().join("whole.mp4");
    std::fs::copy(&source, &whole).unwrap();
    let second = bytes.windows(4).enumerate().filter(|(_, window)| window == b"moof").nth(1).unwrap().0;
    bytes[second] ^= 1;
    std::fs::write(&source, &bytes).unwrap();
    let (Outcome::Repaired { seconds: all, .. }, Outcome::Repaired { seconds, cut_bytes }) =
        (recording::repair(&whole).unwrap(), recording::repair(&source).unwrap())
    else {
        panic!("both were cut off");
    };
    assert!((all - seconds).abs() < 0.1, "what follows keeps its place: {seconds} of {all}");
    assert!(cut_bytes < 20_000, "{cut_bytes} bytes are gone");
    if have("ffprobe") {
        let count = |file: &Path| packets(file).iter().map(|(_, count)| count).sum::<u64>();
        let (all, kept) = (count(&whole), count(&source));
        assert!(kept < all && kept * 5 >= all * 3, "{kept} of {all} packets");
    }
}

#[tokio::test]
async fn a_foreign_or_hopeless_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        ("empty.mp4", &b""[..], Outcome::Damaged),
        ("zeros.mp4", &[0; 5000], Outcome::Damaged),
        ("short.mp4", b"\0\0\0\x20ft", Outcome::Damaged),
        ("text.flv", b"this is no recording at all, only text that is long enough to be one", Outcome::Foreign),
        ("text.txt", b"short", Outcome::Foreign),
        ("head.flv", b"FLV\x01\x05\0\0\0\x09\0\0\0\0", Outcome::Damaged),
        ("foreign.mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x10mdat12345678", Outcome::Foreign),
        (
            "ffmpeg.mp4",
            b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free\0\0\0\0mdat12345678",
            Outcome::Foreign,
        ),
        ("ours.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso6mp42mp41\0\0\0\x10free\0\0\0\0\0\0\0\0", Outcome::Damaged),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let outcome = recording::repair(&file).unwrap();
        assert_eq!(outcome, expected, "{name}");
        assert_eq!(std::fs::read(&file).unwrap(), content, "{name}");
    }
}

#[tokio::test]
async fn what_a_crash_left_behind_is_repaired_at_the_next_start_and_said() {
    let folder = tempfile::tempdir().unwrap();
    for container in [Container::Mp4, Container::Flv] {
        let file = unclosed(container, folder.path()).await;
        let len = std::fs::metadata(&file).unwrap().len();
        std::fs::File::options().write(true).open(&file).unwrap().set_len(len - 11).unwrap();
    }
    let rig = Rig::start(|config| config.recording.dir = Some(folder.path().to_owned())).await;
    let problems = || rig.engine.context().problems.list().into_iter().filter(|one| one.code == "recording_repaired");
    until(&rig.engine, "two repairs are said", || (problems().count() == 2).then_some(())).await;
    let entries = rig.engine.recordings().list().unwrap();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!(entry.state, EntryState::Repaired, "{entry:?}");
        assert!(entry.duration_seconds > Some(3.5), "{entry:?}");
    }
}

/// The clock of the computer was set back since: what was cut off is as young as tomorrow.
#[tokio::test]
async fn a_file_from_the_future_is_repaired_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = unclosed(Container::Mp4, folder.path()).await;
    let tomorrow = std::time::SystemTime::now() + Duration::from_secs(24 * 3600);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(tomorrow).unwrap();
    let rig = Rig::start(|config| config.recording.dir = Some(folder.path().to_owned())).await;
    until(&rig.engine, "the repair", || {
        let entries = rig.engine.recordings().list().unwrap();
        (entries[0].state == EntryState::Repaired).then_some(())
    })
    .await;
}

/// What cannot be repaired is tried and said once, then known; until the file changes or somebody asks again.
#[tokio::test]
async fn what_can_never_be_repaired_is_said_once_and_remembered() {
    let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = unclosed(Container::Mp4, folder.path()).await;
    // The header of a file and nothing in it; and what another program left.
    let head = std::fs::read(&whole).unwrap();
    let first = head.windows(4).position(|window| window == b"moof").unwrap() - 4;
    std::fs::write(folder.path().join("empty.mp4"), &head[..first]).unwrap();
    std::fs::write(folder.path().join("empty.flv"), b"FLV\x01\x05\0\0\0\x09\0\0\0\0").unwrap();
    // FFmpeg, writing to a pipe, tells neither length nor size.
    std::fs::copy(vector("ffmpeg-9-h264-bframes-aac.flv"), folder.path().join("foreign.flv")).unwrap();
    let start = async || {
        let mut config = weir_engine::Config::default();
        config.rtmp.enabled = false;
        config.recording.dir = Some(folder.path().to_owned());
        let settings = weir_engine::Settings::new(config, weir_engine::Profile::Desktop);
        weir_engine::Engine::start(settings, weir_engine::Paths::under(home.path())).await.unwrap()
    };
    for round in 0..3 {
        // The last that is looked after each time: the list is newest first.
        let last = folder.path().join(format!("last{round}.mp4"));
        std::fs::write(&last, &head).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        std::fs::File::options().write(true).open(&last).unwrap().set_modified(long_ago).unwrap();
        let engine = start().await;
        let named = format!("last{round}.mp4");
        let problems = || engine.context().problems.list();
        until(&engine, "the last repair", || {
            problems().iter().any(|one| one.peer.as_deref() == Some(named.as_str())).then_some(())
        })
        .await;
        let damaged: Vec<_> = problems().into_iter().filter(|one| one.code == "recording_damaged").collect();
        assert_eq!(damaged.len(), if round == 0 { 2 } else { 0 }, "{damaged:?}");
        let entries = engine.recordings().list().unwrap();
        let told = |name: &str| {
            let entry = entries.iter().find(|entry| entry.name == name).unwrap();
            (entry.state, entry.about.flaw, entry.about.fault().map(|fault| fault.code))
        };
        for name in ["empty.mp4", "empty.flv"] {
            let expected = (EntryState::Damaged, Some(Flaw::NothingWhole), Some(FailureCode::NothingWhole));
            assert_eq!(told(name), expected, "{name}");
        }
        assert_eq!(
            told("foreign.flv"),
            (EntryState::Interrupted, Some(Flaw::Foreign), Some(FailureCode::Foreign)),
            "it plays, and says why nobody repairs it"
        );
        assert_eq!(told("last0.mp4"), (EntryState::Repaired, None, None));
        engine.shutdown().await;
    }
    // Another file of the same name is looked at anew.
    std::fs::copy(folder.path().join("last0.mp4"), folder.path().join("empty.mp4")).unwrap();
    let engine = start().await;
    let entry = engine.recordings().entry("empty.mp4").unwrap().unwrap();
    assert_eq!((entry.state, entry.about.flaw), (EntryState::Repaired, None));
}

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/flv").join(name)
}

#[tokio::test]
async fn a_file_that_is_being_written_is_not_repaired() {
    if cfg!(windows) {
        eprintln!("SKIPPED: Windows tells by sharing, which this test does not set up");
        return;
    }
    let rig = Rig::start(record_mp4).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 3_000));
    let file = until(&rig.engine, "a file", || rig.engine.recordings().status().first()?.file.clone()).await;
    until(&rig.engine, "a fragment", || (std::fs::metadata(&file).unwrap().len() > 1_000).then_some(())).await;
    assert!(matches!(recording::repair(&file), Err(recording::RepairError::InUse)));
    drop(publisher);
    assert_eq!(rig.all_over(1).await[0].state, State::Complete);
}

/// Killed at random moments: this test runs itself again as the victim, twenty times.
/// Seconds of a file as ffprobe reads it.
fn duration(file: &std::path::Path) -> f64 {
    probed(file)["format"]["duration"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_kill_at_any_moment_costs_at_most_a_second() {
    const FOLDER: &str = "WEIR_TEST_KILL_FOLDER";
    const AS_FLV: &str = "WEIR_TEST_KILL_FLV";
    if let Ok(folder) = std::env::var(FOLDER) {
        let is_flv = std::env::var(AS_FLV).is_ok_and(|is| is == "true");
        record_for_ever(folder.into(), if is_flv { Container::Flv } else { Container::Mp4 });
    }
    let itself = std::env::current_exe().unwrap();
    let only = ["--exact", "a_kill_at_any_moment_costs_at_most_a_second", "--nocapture"];
    for round in 0..20_u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut victim = std::process::Command::new(&itself)
            .args(only)
            .env(FOLDER, folder.path())
            .env(AS_FLV, round.is_multiple_of(2).to_string())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Killed after so many messages, each of which follows 40 ms of media that were published.
        let lines = std::io::BufRead::lines(std::io::BufReader::new(victim.stdout.take().unwrap()));
        let at = 30 + (round * 37) % 150;
        let published = lines.map_while(Result::ok).find_map(|line| {
            let millis: u64 = line.rsplit_once("PUBLISHED ")?.1.parse().ok()?;
            (millis >= at * 40).then_some(millis)
        });
        victim.kill().unwrap();
        victim.wait().unwrap();
        let published = published.expect("the victim published") as f64 / 1e3;
        let recordings = folder.path().join("recordings");
        let file = std::fs::read_dir(&recordings).unwrap().next().unwrap().unwrap().path();
        let seconds = match recording::repair(&file).unwrap() {
            Outcome::Repaired { seconds, .. } => seconds,
            // Killed right after its head was brought up to date, an FLV file lacks nothing.
            Outcome::Whole if round.is_multiple_of(2) && have("ffprobe") => duration(&file),
            other => panic!("round {round}: {other:?}"),
        };
        // What is on its way to the recorder's thread is a few frames more.
        assert!(published - seconds <= 1.1, "round {round}: {published} s published, {seconds} s saved");
        if have("ffprobe") {
            let said = duration(&file);
            assert!((said - seconds).abs() < 0.1, "round {round}: {said} {seconds}");
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn record_for_ever(folder: PathBuf, container: Container) {
    let mut config = weir_engine::Config::default();
    config.rtmp.enabled = false;
    record_all(&mut config);
    config.recording.container = container;
    let settings = weir_engine::Settings::new(config, weir_engine::Profile::Desktop);
    let engine = weir_engine::Engine::start(settings, weir_engine::Paths::under(&folder)).await.unwrap();
    let mut publisher = engine.context().hub.publish(&stream("live/show"), weir_hub::Origin::internal("test")).unwrap();
    publisher.set_tracks(&tracks()).unwrap();
    let all: Tracks = tracks();
    let mut clock = tokio::time::interval(Duration::from_millis(10));
    for step in 0.. {
        clock.tick().await;
        write(&mut publisher, &frames(&all, step * 40, step * 40 + 40));
        println!("PUBLISHED {}", step * 40);
    }
}
