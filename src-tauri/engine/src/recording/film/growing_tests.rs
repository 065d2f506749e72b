//! Files that grow while they are played: a fragment that was offered once stays as it is, wherever the file ended then.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use bytes::Bytes;
use weir_flv::file::{FileOptions, FileWriter, Write};
use weir_media::{Codec, Frame, FrameKind, Timestamp, Track, TrackId, TrackKind, Tracks};
use weir_mp4::{Muxer, Options};

use super::{Choice, Film};

/// Media of every case, in milliseconds.
const LENGTH: i64 = 22_000;

/// Every how many steps of writing a player looks: FLV is written in three steps a frame.
const LOOK_EVERY: [(&str, usize); 2] = [("FLV", 37), ("MP4", 1)];

/// How a stream comes.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    /// By how much sound comes after the pictures it belongs to.
    late: i64,
    /// When there is no sound, and no picture.
    no_sound: std::ops::Range<i64>,
    no_pictures: std::ops::Range<i64>,
    /// Between two key frames.
    group: i64,
    /// Room in the index of an FLV file.
    room: usize,
}

const PLAIN: Case = Case { name: "plain", late: 0, no_sound: 0..0, no_pictures: 0..0, group: 1_000, room: 64 };

const CASES: [Case; 8] = [
    PLAIN,
    Case { name: "late sound", late: 900, ..PLAIN },
    Case { name: "a gap in the sound", no_sound: 6_500..9_700, ..PLAIN },
    Case { name: "a gap in the pictures", no_pictures: 5_200..8_900, ..PLAIN },
    Case { name: "a gap in both", no_sound: 5_300..8_900, no_pictures: 5_200..8_900, ..PLAIN },
    Case { name: "sound that begins later", no_sound: 0..2_300, ..PLAIN },
    Case { name: "sound that ends", no_sound: 9_100..LENGTH, ..PLAIN },
    Case { name: "an index that is thinned out", group: 1_500, room: 6, ..PLAIN },
];

/// A step of whoever writes the file.
enum Step {
    Append(Bytes),
    Patch(u64, Bytes),
}

fn tracks() -> Tracks {
    let avcc = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
    let video = Track { config: Some(Bytes::from_static(avcc)), ..Track::new(TrackId::VIDEO, Codec::H264) };
    let audio = Track { config: Some(Bytes::from_static(b"\x11\x90")), ..Track::new(TrackId::AUDIO, Codec::Aac) };
    Tracks::default().with(video).with(audio)
}

/// 25 pictures and nearly 47 sounds a second, in the order in which they come.
fn frames(case: &Case) -> Vec<Frame> {
    let mut all = Vec::new();
    for at in (0..LENGTH).step_by(40).filter(|at| !case.no_pictures.contains(at)) {
        let is_key = at % case.group == 0 || at % case.group < 40;
        let kind = if is_key { FrameKind::Key } else { FrameKind::Delta };
        let data = format!("\0\0\0\x0e{}{at:013}", if is_key { 'e' } else { 'A' });
        let (dts, pts) = (Timestamp::from_millis(at), Timestamp::from_millis(at + 80));
        all.push((at, Frame { track: TrackId::VIDEO, dts, pts, kind, data: data.into() }));
    }
    for sound in 0..LENGTH * 3 / 64 {
        let at = sound * 64 / 3;
        if !case.no_sound.contains(&at) {
            let time = Timestamp::from_millis(at);
            let data = format!("sound at {at}");
            let frame = Frame { track: TrackId::AUDIO, dts: time, pts: time, kind: FrameKind::Key, data: data.into() };
            all.push((at + case.late, frame));
        }
    }
    all.sort_by_key(|(arrival, frame)| (*arrival, frame.track));
    all.into_iter().map(|(_, frame)| frame).collect()
}

fn as_flv(case: &Case) -> Vec<Step> {
    let mut writer = FileWriter::new(FileOptions { key_frames: case.room });
    let mut out = Vec::new();
    writer.set_tracks(&tracks(), &mut out);
    for (number, frame) in frames(case).iter().enumerate() {
        writer.write(frame, &mut out).unwrap();
        if number % 97 == 96 {
            writer.checkpoint(&mut out);
        }
    }
    writer.finish(&mut out);
    let step = |write| match write {
        Write::Append(bytes) => Step::Append(bytes),
        Write::Patch { offset, bytes } => Step::Patch(offset, bytes),
    };
    out.into_iter().map(step).collect()
}

fn as_mp4(case: &Case) -> Vec<Step> {
    let mut muxer = Muxer::new(&tracks(), Options::default()).unwrap();
    let mut steps = Vec::new();
    for frame in frames(case) {
        muxer.write(&frame).unwrap();
        steps.extend(muxer.take_output().into_iter().map(Step::Append));
    }
    let closing = muxer.finish().unwrap();
    steps.extend(muxer.take_output().into_iter().map(Step::Append));
    steps.push(Step::Append(closing.append));
    let patch = closing.patch.unwrap();
    steps.push(Step::Patch(patch.position, patch.bytes));
    // A fragment is large: a player comes while it is being written, too.
    let pieces = |step| match step {
        Step::Append(bytes) => {
            let len = bytes.len().div_ceil(6).max(1);
            (0..bytes.len()).step_by(len).map(|at| Step::Append(bytes.slice(at..bytes.len().min(at + len)))).collect()
        }
        patch => vec![patch],
    };
    steps.into_iter().flat_map(pieces).collect()
}

fn fragments(film: &Film) -> Vec<(super::Fragment, Bytes)> {
    let plan = film.plan(Choice::default()).unwrap();
    let fragment =
        |(number, fragment): (usize, &super::Fragment)| (*fragment, film.fragment(Choice::default(), number).unwrap());
    plan.fragments.iter().enumerate().map(fragment).collect()
}

/// Lets the file grow step by step, before the eyes of a player; returns what it saw last, and the film of the whole file.
fn watch(steps: &[Step], every: usize, path: &Path, what: &str) -> (Vec<(super::Fragment, Bytes)>, Film) {
    let mut file = std::fs::File::create(path).unwrap();
    let mut film: Option<Film> = None;
    let mut known = Vec::new();
    let mut times = 0;
    // The last steps close the file.
    let growing = steps.len() - 8;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Append(bytes) => {
                file.seek(SeekFrom::End(0)).unwrap();
                file.write_all(bytes).unwrap();
            }
            Step::Patch(at, bytes) => {
                file.seek(SeekFrom::Start(*at)).unwrap();
                file.write_all(bytes).unwrap();
            }
        }
        let looks = number % every == 0 || matches!(step, Step::Patch(..));
        if !looks || number >= growing {
            continue;
        }
        // Before anything in it is whole there is nothing to play.
        let Ok(now) = Film::open_growing(path, film.as_ref()) else { continue };
        let seen = fragments(&now);
        assert!(seen.len() >= known.len(), "{what}, step {number}: {} fragments were {}", seen.len(), known.len());
        for (at, (before, now)) in known.iter().zip(&seen).enumerate() {
            assert!(before == now, "{what}, step {number}: fragment {at} was\n{before:?} and is\n{now:?}");
        }
        times += usize::from(seen.len() > known.len());
        (known, film) = (seen, Some(now));
    }
    assert!(times >= 2, "{what}: it grew {times} times");
    (known, Film::open(path).unwrap())
}

#[test]
fn what_was_offered_once_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for case in &CASES {
        for (container, every) in LOOK_EVERY {
            let steps = if container == "FLV" { as_flv(case) } else { as_mp4(case) };
            let what = format!("{} in {container}", case.name);
            let (known, whole) = watch(&steps, every, &folder.path().join("film"), &what);
            let whole = fragments(&whole);
            // Nothing is lost and nothing doubled: together they hold every sound and picture.
            let count = |kind: TrackKind| frames(case).iter().filter(|frame| frame.track.kind == kind).count();
            let held: usize = whole.iter().map(|(_, bytes)| samples(bytes)).sum();
            assert_eq!(held, count(TrackKind::Video) + count(TrackKind::Audio), "{what}");
            // An index that was thinned out cuts up the file in another way when it is closed.
            if case.room > 6 {
                assert!(whole.len() > known.len(), "{what}: the end is played when the file is closed");
                let same = known.iter().zip(&whole).take_while(|(a, b)| a == b).count();
                assert_eq!(same, known.len(), "{what}: closed it plays as before");
            }
        }
    }
}

/// Samples that a media segment says it holds.
fn samples(segment: &Bytes) -> usize {
    let runs = segment.windows(4).enumerate().filter(|(_, window)| *window == b"trun").map(|(at, _)| at);
    let count = |at: usize| u32::from_be_bytes(segment.get(at + 8..at + 12).unwrap().try_into().unwrap());
    runs.map(|at| count(at) as usize).sum()
}
