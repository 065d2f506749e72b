//! Recordings played as a browser plays them: the fragments hold every packet with its time, and decode to the same pictures.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use support::*;
use weir_engine::recording::{Choice, Container, Film, Fragment, JobKind, JobState, Removal, State};
use weir_media::TrackId;

/// What a real encoder made, and a decoder here reads.
const CLIPS: [&str; 9] = [
    "ffmpeg-5.1-h264-bframes-aac.flv",
    "ffmpeg-5.1-h264-mp3.flv",
    "ffmpeg-5.1-h264-only.flv",
    "ffmpeg-5.1-aac-only.flv",
    "ffmpeg-5.1-h264-open-gop.flv",
    "ffmpeg-9-h264-bframes-aac.flv",
    "ffmpeg-9-hevc-opus.flv",
    "ffmpeg-9-av1-flac.flv",
    "ffmpeg-9-vp9-ac3.flv",
];

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/flv").join(name)
}

impl Rig {
    fn put(&self, name: &str, content: &[u8]) {
        std::fs::create_dir_all(self.recordings_dir()).unwrap();
        std::fs::write(self.recordings_dir().join(name), content).unwrap();
    }

    async fn convert(&self, name: &str) -> PathBuf {
        let id = self.engine.recordings().start_job(name, JobKind::ConvertToMp4).unwrap().id;
        let state = until(&self.engine, "the conversion", || {
            let job = self.engine.recordings().jobs().into_iter().find(|job| job.id == id)?;
            (!job.state.is_open()).then_some(job.state)
        })
        .await;
        let JobState::Done(files) = state else { panic!("{name}: {state:?}") };
        self.recordings_dir().join(&files[0])
    }
}

/// All of it, as a browser would append it.
fn play(film: &Film, choice: Choice) -> Vec<u8> {
    let plan = film.plan(choice).unwrap();
    let mut bytes = film.initialization(choice, 0).unwrap().to_vec();
    for number in 0..plan.fragments.len() {
        bytes.extend_from_slice(&film.fragment(choice, number).unwrap());
    }
    bytes
}

/// When the first sample of each track in the first fragment is shown, in seconds, read from its boxes.
fn first_times(film: &Film) -> Vec<f64> {
    let (init, fragment) =
        (film.initialization(Choice::default(), 0).unwrap(), film.fragment(Choice::default(), 0).unwrap());
    let after = |bytes: &[u8], kind: &[u8; 4]| -> Vec<usize> {
        (4..bytes.len() - 4).filter(|at| bytes[*at..at + 4] == *kind).map(|at| at + 4).collect()
    };
    let word = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_be_bytes(fragment[at..at + 8].try_into().unwrap());
    // Version 1: two times of eight bytes, then the timescale.
    let scales: Vec<_> = after(&init, b"mdhd").into_iter().map(|at| word(&init, at + 20)).collect();
    let moof = word(&fragment, 0) as usize;
    let boxes = &fragment[..moof];
    let numbers = after(boxes, b"tfhd").into_iter().map(|at| word(&fragment, at + 4));
    let starts = after(boxes, b"tfdt").into_iter().map(|at| long(at + 4));
    // Flags, count, data offset, then of each sample its duration, size, flags and offset.
    let offsets = after(boxes, b"trun").into_iter().map(|at| word(&fragment, at + 24) as i32);
    let time = |((number, start), offset): ((u32, u64), i32)| {
        (start as i64 + i64::from(offset)) as f64 / f64::from(scales[number as usize - 1])
    };
    numbers.zip(starts).zip(offsets).map(time).collect()
}

#[derive(Debug, PartialEq)]
struct Packet {
    pts: f64,
    dts: f64,
    size: usize,
    key: bool,
}

fn packets(path: &Path, kind: &str) -> Vec<Packet> {
    let entries = "packet=pts_time,dts_time,size,flags";
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", &format!("{kind}:0"), "-show_entries", entries, "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row.len() >= 4);
    let time = |text: &str| text.parse().unwrap_or(f64::NAN);
    rows.map(|row| Packet {
        pts: time(row[0]),
        dts: time(row[1]),
        size: row[2].parse().unwrap(),
        key: row[3].starts_with('K'),
    })
    .collect()
}

/// The hash of every decoded picture and sound frame; a decoder must have nothing to complain about.
fn decoded(path: &Path) -> Vec<String> {
    let arguments = ["-hide_banner", "-nostdin", "-v", "error", "-i"];
    let rest = ["-map", "0", "-f", "framemd5", "-"];
    let output = Command::new("ffmpeg").args(arguments).arg(path).args(rest).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let mut hashes: Vec<_> =
        rows.map(|row| format!("{}{}", &row[..1], row.rsplit(',').next().unwrap_or_default())).collect();
    hashes.sort();
    hashes
}

#[tokio::test]
async fn fragments_hold_every_packet_with_its_time_and_decode_to_the_same() {
    if !have("ffmpeg") || !have("ffprobe") {
        return;
    }
    for name in CLIPS {
        let rig = Rig::start(|_| {}).await;
        rig.put("clip.flv", &std::fs::read(vector(name)).unwrap());
        let whole = rig.convert("clip.flv").await;
        for source in ["clip.flv", "clip.mp4"] {
            let film = rig.engine.recordings().film(source).unwrap();
            let copy = rig.recordings_dir().join("played.bin");
            std::fs::write(&copy, play(&film, Choice::default())).unwrap();
            let mut firsts = Vec::new();
            for kind in ["v", "a"] {
                let (sent, seen) = (packets(&whole, kind), packets(&copy, kind));
                assert_eq!(seen.len(), sent.len(), "{name} {source} {kind}");
                // FLV counts milliseconds, and so do the fragments that are made of it. FFmpeg moves a whole track whose
                // pictures are shown before they are decoded, which browsers do not; so times count from the first one.
                let begin = |list: &[Packet]| list.first().map_or(0.0, |packet| packet.pts);
                let (sent_first, seen_first) = (begin(&sent), begin(&seen));
                for (sent, seen) in sent.iter().zip(&seen) {
                    assert_eq!((seen.size, seen.key), (sent.size, sent.key), "{name} {source} {kind}");
                    let (sent, seen) = (sent.pts - sent_first, seen.pts - seen_first);
                    assert!((seen - sent).abs() < 0.001_2, "{name} {source} {kind}: {seen} {sent}");
                }
                firsts.extend((!sent.is_empty()).then_some(sent_first));
            }
            // What a browser does: decoding time and offset as they stand there.
            let shown = first_times(&film);
            assert_eq!(shown.len(), firsts.len(), "{name} {source}");
            for (shown, first) in shown.iter().zip(&firsts) {
                assert!((shown - first).abs() < 0.001_2, "{name} {source}: {shown:?} {firsts:?}");
            }
            assert_eq!(decoded(&copy), decoded(&whole), "{name} {source}");
            let seconds = film.seconds();
            let last = packets(&whole, "v").iter().chain(&packets(&whole, "a")).map(|it| it.pts).fold(0.0, f64::max);
            // One that was piped tells neither how long its last picture lasts, here a tenth of a second, nor how long it waits.
            assert!(
                (last - 0.101..last + 0.31).contains(&seconds),
                "{name} {source}: {seconds} s, the last packet at {last}"
            );
        }
    }
}

/// What was recorded has an index of its key frames; what another program wrote has none and is walked through.
#[tokio::test]
async fn every_fragment_plays_by_itself_with_and_without_an_index_of_key_frames() {
    if !have("ffmpeg") || !have("ffprobe") {
        return;
    }
    let clip = h264_clip("13");
    let rig = Rig::start(|config| {
        config.recording.record_all = true;
        config.recording.container = Container::Flv;
    })
    .await;
    let mut publisher = rig.publish("live/show");
    let mut encoder = Encoder::default();
    for second in 0..14 {
        // A stream keeps some seconds only, for a recorder that is slow: no more at once than it can take.
        let now: Vec<_> = clip.iter().filter(|tag| tag.millis / 1000 == second).cloned().collect();
        encoder.send(&mut publisher, &now);
        until(&rig.engine, "the recorder", || {
            let status = rig.engine.recordings().status();
            status.first().filter(|one| one.duration_ms + 100 > u64::from(second) * 1000).map(drop)
        })
        .await;
    }
    drop(publisher);
    let recordings = rig.engine.recordings();
    let file = until(&rig.engine, "the recording", || {
        let status = recordings.status().into_iter().find(|one| one.state == State::Complete)?;
        status.file
    })
    .await;
    let ours = file.file_name().unwrap().to_str().unwrap().to_owned();
    let source = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&file)
        .args(["-c", "copy", "-f", "flv", "pipe:1"])
        .output()
        .unwrap();
    rig.put("foreign.flv", &source.stdout);
    let mp4 = rig.convert(&ours).await;
    let mp4 = mp4.file_name().unwrap().to_str().unwrap().to_owned();
    let mut starts = Vec::new();
    for name in [ours.as_str(), "foreign.flv", &mp4] {
        let film = recordings.film(name).unwrap();
        let plan = film.plan(Choice::default()).unwrap();
        assert!(plan.fragments.iter().all(|fragment| fragment.is_key), "{name}");
        assert!(plan.fragments.windows(2).all(|pair| pair[0].end == pair[1].start), "{name}: {:?}", plan.fragments);
        starts.push(plan.fragments.iter().map(|fragment| fragment.start.round() as u32).collect::<Vec<_>>());
        let init = film.initialization(Choice::default(), 0).unwrap();
        let mut pictures = 0;
        for (number, fragment) in plan.fragments.iter().enumerate() {
            let copy = rig.recordings_dir().join("fragment.bin");
            let bytes = film.fragment(Choice::default(), number).unwrap();
            std::fs::write(&copy, [init.as_ref(), bytes.as_ref()].concat()).unwrap();
            let seen = packets(&copy, "v");
            pictures += seen.len();
            assert!((seen[0].pts - fragment.start).abs() < 0.1, "{name} {number}: {:?} {fragment:?}", seen[0]);
            assert_eq!(decoded(&copy).iter().filter(|row| row.starts_with('0')).count(), seen.len(), "{name} {number}");
        }
        assert_eq!(pictures, 325, "{name}");
    }
    assert_eq!(starts, vec![vec![0, 4, 8, 12]; 3]);
}

/// What a player has seen of a film so far.
#[derive(Default)]
struct Seen {
    fragments: Vec<(Fragment, Bytes)>,
    /// How often there was more.
    times: usize,
}

impl Seen {
    /// Looks again: what it has seen is still the same.
    fn look(&mut self, film: &Film, what: &str) {
        let plan = film.plan(Choice::default()).unwrap();
        let fragment = |number| film.fragment(Choice::default(), number).unwrap();
        let now: Vec<_> = plan.fragments.iter().enumerate().map(|(at, one)| (*one, fragment(at))).collect();
        let same = now.iter().zip(&self.fragments).take_while(|(now, before)| now == before).count();
        assert_eq!(same, self.fragments.len(), "{what}: {} fragments now", now.len());
        self.times += usize::from(now.len() > same);
        self.fragments = now;
    }
}

#[tokio::test]
async fn what_is_still_recorded_plays_so_far_and_its_fragments_stay_as_they_are() {
    for container in [Container::Flv, Container::Mp4] {
        let what = format!("{container:?}");
        let rig = Rig::start(|config| {
            config.recording.record_all = true;
            config.recording.container = container;
        })
        .await;
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        let recordings = rig.engine.recordings();
        let name = || Some(recordings.status().first()?.file.as_ref()?.file_name()?.to_str()?.to_owned());
        let mut seen = Seen::default();
        for second in 0..25 {
            write(&mut publisher, &frames(&tracks(), second * 1_000, (second + 1) * 1_000));
            // The player looks whenever it gets a turn, wherever the file ends then.
            until(&rig.engine, "the second in the file", || {
                // Before anything in it is whole there is nothing to play.
                if let Some(film) = name().and_then(|name| recordings.film(&name).ok()) {
                    assert!(film.is_growing());
                    seen.look(&film, &what);
                } else {
                    assert!(seen.fragments.is_empty(), "{what}: it can no longer be opened");
                }
                (recordings.status().first()?.duration_ms > second as u64 * 1_000 + 900).then_some(())
            })
            .await;
        }
        assert!(seen.fragments.len() >= 4 && seen.times >= 2, "{what}: {} fragments", seen.fragments.len());
        drop(publisher);
        recordings.stop(&stream("live/show"));
        until(&rig.engine, "the end", || {
            recordings.status().first().filter(|one| one.state == State::Complete).map(drop)
        })
        .await;
        let film = recordings.film(&name().unwrap()).unwrap();
        assert!(!film.is_growing());
        seen.look(&film, &what);
    }
}

#[tokio::test]
async fn a_change_of_pictures_in_the_middle_of_a_foreign_file_has_an_initialization_of_its_own() {
    let mut writer = weir_flv::file::FileWriter::new(weir_flv::file::FileOptions { key_frames: 0 });
    let mut out = Vec::new();
    writer.set_tracks(&video_tracks(), &mut out);
    for frame in frames(&video_tracks(), 0, 3_000) {
        writer.write(&frame, &mut out).unwrap();
    }
    let mut changed = weir_media::Track::clone(video_tracks().find(TrackId::VIDEO).unwrap());
    let mut config = changed.config.clone().unwrap().to_vec();
    config[3] += 1;
    changed.config = Some(config.into());
    writer.set_tracks(&video_tracks().with(changed), &mut out);
    for frame in frames(&video_tracks(), 3_000, 6_000) {
        writer.write(&frame, &mut out).unwrap();
    }
    let bytes: Vec<u8> = out
        .iter()
        .filter_map(|write| match write {
            weir_flv::file::Write::Append(bytes) => Some(bytes.to_vec()),
            weir_flv::file::Write::Patch { .. } => None,
        })
        .flatten()
        .collect();
    let rig = Rig::start(|_| {}).await;
    rig.put("changed.flv", &bytes);
    let film = rig.engine.recordings().film("changed.flv").unwrap();
    let plan = film.plan(Choice::default()).unwrap();
    let sections: Vec<_> = plan.fragments.iter().map(|fragment| fragment.initialization).collect();
    assert_eq!((plan.initializations.len(), sections), (2, vec![0, 1]));
    assert_ne!(plan.initializations[0], plan.initializations[1]);
    let init = |number| film.initialization(Choice::default(), number).unwrap();
    assert_ne!(init(0), init(1));
}

/// Whatever stands in a file, playing it ends with an answer.
#[tokio::test]
async fn damaged_files_are_refused_or_played_and_never_end_the_program() {
    let rig = Rig::start(|_| {}).await;
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    rig.put("good.flv", &std::fs::read(vector("ffmpeg-9-h264-bframes-aac.flv")).unwrap());
    let mp4 = std::fs::read(rig.convert("good.flv").await).unwrap();
    let flv = std::fs::read(rig.recordings_dir().join("good.flv")).unwrap();
    let recordings = rig.engine.recordings();
    for round in 0..300 {
        let (source, name) = if round % 2 == 0 { (&flv, "bad.flv") } else { (&mp4, "bad.mp4") };
        let mut bytes = source.clone();
        for _ in 0..=random(8) {
            // Half of the faults in the headers, where they do most.
            let at = if random(2) == 0 { random(bytes.len().min(2_000)) } else { random(bytes.len()) };
            let at = if name == "bad.mp4" && random(3) == 0 { bytes.len() - 1 - at } else { at };
            bytes[at] = random(256) as u8;
        }
        if random(3) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        rig.put(name, &bytes);
        let _ = recordings.entry(name).unwrap();
        let _ = recordings.picture(name).map(|picture| picture.map(|picture| picture.film()));
        if let Ok(film) = recordings.film(name)
            && let Ok(plan) = film.plan(Choice::default())
        {
            for number in 0..plan.fragments.len() {
                let _ = film.fragment(Choice::default(), number);
            }
        }
        recordings.delete(name, Removal::Permanent).unwrap();
    }
    assert_eq!(recordings.list().unwrap().len(), 2);
}

/// The trash is the one of a home folder made for this: the test runs itself again with it.
#[cfg(target_os = "linux")]
#[test]
fn a_deleted_recording_lies_in_the_trash() {
    const FOLDER: &str = "WEIR_TEST_TRASH_FOLDER";
    if let Ok(folder) = std::env::var(FOLDER) {
        throw_away(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_deleted_recording_lies_in_the_trash"])
        .env(FOLDER, folder.path())
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path().join("share"))
        .status()
        .unwrap();
    assert!(status.success());
    let trash = folder.path().join("share/Trash");
    let home = std::fs::read(trash.join("files/clip.flv"));
    // Where the temporary folder is a disk of its own, its own trash is the right one.
    let found = home.is_ok() || walk(folder.path()).iter().any(|path| path.ends_with("files/clip.flv"));
    assert!(found, "{:?}", walk(folder.path()));
}

#[cfg(target_os = "linux")]
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn throw_away(folder: &Path) {
    let mut config = weir_engine::Config::default();
    config.rtmp.enabled = false;
    let settings = weir_engine::Settings::new(config, weir_engine::Profile::Desktop);
    let engine = weir_engine::Engine::start(settings, weir_engine::Paths::under(folder)).await.unwrap();
    let recordings = folder.join("recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    std::fs::write(recordings.join("clip.flv"), b"FLV\x01\x05\0\0\0\x09\0\0\0\0").unwrap();
    engine.recordings().delete("clip.flv", Removal::Trash).unwrap();
    assert!(!recordings.join("clip.flv").exists());
    engine.shutdown().await;
}
