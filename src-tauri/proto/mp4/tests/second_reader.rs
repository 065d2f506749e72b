//! What a reader that is not ours sees in our files: every packet of real encoders, with its bytes and its times.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up its case has failed")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use weir_flv::MessageKind;
use weir_flv::file::{FileReader, TagKind};
use weir_media::{Frame, TimeDelta, TrackKind, Tracks};
use weir_mp4::{Muxer, Options};

fn skip(test: &str) -> bool {
    let missing = Command::new("ffprobe").arg("-version").output().is_err();
    if missing {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: ffprobe is not installed");
    }
    missing
}

fn vectors(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors").join(folder)
}

/// Tracks and frames of a recorded stream, in order.
fn load(name: &str) -> Vec<(Option<Tracks>, Option<Frame>)> {
    let mut list = Vec::new();
    if name.ends_with(".m2t") {
        let mut demuxer = weir_mpegts::Demuxer::new();
        demuxer.push(&std::fs::read(vectors("mpegts").join(name)).unwrap());
        demuxer.finish();
        while let Some(item) = demuxer.poll() {
            list.push(match item {
                weir_mpegts::Item::Tracks(tracks) => (Some(tracks), None),
                weir_mpegts::Item::Frame(frame) => (None, Some(frame)),
            });
        }
        return list;
    }
    let mut reader = FileReader::new();
    reader.push(&std::fs::read(vectors("flv").join(name)).unwrap());
    let mut ingest = weir_flv::Ingest::new();
    while let Ok(Some(tag)) = reader.next_tag() {
        let TagKind::Message(kind) = tag.kind else { continue };
        if kind == MessageKind::Data {
            continue;
        }
        let mut items = Vec::new();
        ingest.handle(kind, i64::from(tag.millis), &tag.body, &mut items).unwrap();
        list.extend(items.into_iter().map(|item| match item {
            weir_flv::Item::Tracks(tracks) => (Some(tracks), None),
            weir_flv::Item::Frame(frame) => (None, Some(frame)),
        }));
    }
    list
}

/// Writes the stream as it comes; leaves the file open when `closed` is false, as a kill would.
fn write(path: &Path, stream: &[(Option<Tracks>, Option<Frame>)], closed: bool) {
    let mut muxer = None;
    let mut file = Vec::new();
    for (tracks, frame) in stream {
        if let Some(tracks) = tracks {
            match &mut muxer {
                None => muxer = Muxer::new(tracks, Options::default()).ok(),
                Some(muxer) => {
                    muxer.set_tracks(tracks).unwrap_or_else(|e| panic!("{}: {e} {tracks:?}", path.display()))
                }
            }
        }
        if let (Some(muxer), Some(frame)) = (&mut muxer, frame) {
            muxer.write(frame).unwrap();
            file.extend(muxer.take_output().concat());
        }
    }
    let mut muxer = muxer.unwrap();
    let closing = muxer.finish().unwrap();
    file.extend(muxer.take_output().concat());
    if closed {
        file.extend_from_slice(&closing.append);
        let patch = closing.patch.unwrap();
        let at = patch.position as usize;
        file[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    std::fs::write(path, file).unwrap();
}

#[derive(Debug, PartialEq)]
struct Packet {
    pts: f64,
    dts: f64,
    size: usize,
    key: bool,
}

/// What ffprobe lists of a kind; it must have nothing to complain about.
fn probe(path: &Path, kind: &str) -> Vec<Packet> {
    let entries = "packet=pts_time,dts_time,size,flags";
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-select_streams", &format!("{kind}:0"), "-show_entries", entries, "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row.len() >= 4);
    let time = |text: &str| text.parse().unwrap_or_else(|_| panic!("{}: no time in {text:?}", path.display()));
    rows.map(|row| Packet {
        pts: time(row[0]),
        dts: time(row[1]),
        size: row[2].parse().unwrap(),
        key: row[3].starts_with('K'),
    })
    .collect()
}

const STREAMS: [&str; 12] = [
    "ffmpeg-5.1-h264-aac.m2t",
    "ffmpeg-5.1-h265-ac3.m2t",
    "ffmpeg-5.1-h264-opus.m2t",
    "ffmpeg-5.1-h264-eac3-wrap.m2t",
    "ffmpeg-5.1-h264-bframes-aac.flv",
    "ffmpeg-5.1-h264-mp3.flv",
    "ffmpeg-5.1-h264-only.flv",
    "ffmpeg-5.1-aac-only.flv",
    "ffmpeg-9-h264-bframes-aac.flv",
    "ffmpeg-9-hevc-opus.flv",
    "ffmpeg-9-av1-flac.flv",
    "ffmpeg-9-vp9-ac3.flv",
];

#[test]
fn every_packet_is_there_with_its_size_and_its_times() {
    if skip("every_packet_is_there_with_its_size_and_its_times") {
        return;
    }
    for name in STREAMS {
        every_packet_is_in_its_place(name, &load(name));
    }
}

/// Its track stands in the header already, where nothing of its times is known.
#[test]
fn a_track_that_comes_after_the_header_was_written_is_in_its_place() {
    if skip("a_track_that_comes_after_the_header_was_written_is_in_its_place") {
        return;
    }
    for (name, late) in [
        ("ffmpeg-5.1-h264-bframes-aac.flv", TrackKind::Audio),
        ("ffmpeg-5.1-h264-bframes-aac.flv", TrackKind::Video),
        ("ffmpeg-9-hevc-opus.flv", TrackKind::Audio),
    ] {
        let mut stream = load(name);
        for frame in stream.iter_mut().filter_map(|(_, frame)| frame.as_mut()).filter(|it| it.track.kind == late) {
            frame.dts += TimeDelta::from_millis(1_250);
            frame.pts += TimeDelta::from_millis(1_250);
        }
        // What is said of the tracks comes first, as it did.
        stream.sort_by_key(|(_, frame)| frame.as_ref().map(|frame| frame.dts));
        every_packet_is_in_its_place(&format!("{name} with late {late:?}"), &stream);
    }
}

fn every_packet_is_in_its_place(name: &str, stream: &[(Option<Tracks>, Option<Frame>)]) {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<&Frame> = stream.iter().filter_map(|(_, frame)| frame.as_ref()).collect();
    let zero = frames.iter().filter(|f| f.track.kind != TrackKind::Data).map(|frame| frame.pts).min().unwrap();
    for closed in [true, false] {
        let path = folder.path().join(format!("{closed}.mp4"));
        write(&path, stream, closed);
        for (kind, letter) in [(TrackKind::Video, "v"), (TrackKind::Audio, "a")] {
            let sent: Vec<_> = frames.iter().filter(|f| f.track.kind == kind && f.track.index == 0).collect();
            let seen = probe(&path, letter);
            assert_eq!(seen.len(), sent.len(), "{name}, closed {closed}, {letter}");
            for (sent, seen) in sent.iter().zip(&seen) {
                assert_eq!((seen.size, seen.key), (sent.data.len(), sent.is_key()), "{name} {letter}");
                let wanted = (sent.pts - zero).as_secs_f64();
                let what = format!("{name}, closed {closed}, {letter}");
                assert!((seen.pts - wanted).abs() < 0.000_06, "{what}: {} is not {wanted}", seen.pts);
                let reordered = (sent.pts - sent.dts).as_secs_f64();
                assert!((seen.pts - seen.dts - reordered).abs() < 0.000_06, "{what}: {seen:?}");
            }
        }
    }
}

#[test]
fn a_decoder_gets_the_same_pictures_and_the_same_sound() {
    if skip("a_decoder_gets_the_same_pictures_and_the_same_sound") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let hashes = |path: &Path| -> Vec<String> {
        let arguments = ["-v", "error", "-i"];
        let rest = ["-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-"];
        let raw = Command::new("ffmpeg").args(arguments).arg(path).args(rest).output().unwrap();
        assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
        let rest = ["-map", "0", "-f", "framemd5", "-"];
        let decoded = Command::new("ffmpeg").args(arguments).arg(path).args(rest).output().unwrap();
        let complaints = String::from_utf8_lossy(&decoded.stderr).into_owned();
        assert!(decoded.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
        let text = String::from_utf8(decoded.stdout).unwrap();
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        // Stream and hash; times are the other test's matter.
        rows.map(|row| format!("{}{}", &row[..1], row.rsplit(',').next().unwrap_or_default())).collect()
    };
    for name in ["ffmpeg-5.1-h264-bframes-aac.flv", "ffmpeg-5.1-h264-only.flv"] {
        let path = folder.path().join("copy.mp4");
        write(&path, &load(name), true);
        let (mut sent, mut seen) = (hashes(&vectors("flv").join(name)), hashes(&path));
        sent.sort();
        seen.sort();
        assert_eq!(seen, sent, "{name}");
    }
    for name in ["ffmpeg-5.1-h265-ac3.m2t", "ffmpeg-5.1-h264-eac3-wrap.m2t"] {
        let path = folder.path().join("copy.mp4");
        write(&path, &load(name), true);
        assert_eq!(hashes(&path).len(), hashes(&vectors("mpegts").join(name)).len(), "{name}");
    }
}

#[test]
fn the_picture_has_its_size_whether_the_configuration_or_a_frame_tells_it() {
    if skip("the_picture_has_its_size_whether_the_configuration_or_a_frame_tells_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["ffmpeg-9-vp9-ac3.flv", "ffmpeg-9-av1-flac.flv", "ffmpeg-9-hevc-opus.flv"] {
        let path = folder.path().join("size.mp4");
        write(&path, &load(name), true);
        // With the decoder left out only the container can tell.
        let size = |path: &Path| {
            let arguments = ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height"];
            let output = Command::new("ffprobe").args(arguments).args(["-of", "csv=p=0"]).arg(path).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(size(&path), "160,90", "{name}");
        let bytes = std::fs::read(&path).unwrap();
        let entry = [&b"vp09"[..], b"av01", b"hvc1"]
            .iter()
            .find_map(|kind| bytes.windows(4).rposition(|window| window == *kind).map(|at| at + 4));
        let at = entry.unwrap() + 24;
        assert_eq!(bytes[at..at + 4], [0, 160, 0, 90], "{name}");
    }
}
