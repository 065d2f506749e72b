//! What the muxer writes is what the demuxer, and a second reader, read.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use bytes::BytesMut;
use weir_media::{Frame, TrackKind, Tracks};
use weir_mpegts::{Demuxer, Faults, Item, Muxer, PACKET_LEN};

fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/mpegts");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn demux(bytes: &[u8]) -> (Vec<Item>, Faults) {
    let mut demuxer = Demuxer::new();
    demuxer.push(bytes);
    demuxer.finish();
    (std::iter::from_fn(|| demuxer.poll()).collect(), demuxer.faults())
}

fn mux(items: &[Item]) -> BytesMut {
    let mut muxer = Muxer::new();
    let mut out = BytesMut::new();
    for item in items {
        match item {
            Item::Tracks(tracks) => muxer.set_tracks(tracks),
            Item::Frame(frame) => muxer.write(frame, &mut out),
        }
    }
    out
}

fn frames(items: &[Item], kind: TrackKind) -> Vec<&Frame> {
    let frames = items.iter().filter_map(|item| match item {
        Item::Frame(frame) => Some(frame),
        Item::Tracks(_) => None,
    });
    frames.filter(|frame| frame.track.kind == kind).collect()
}

fn last_tracks(items: &[Item]) -> Tracks {
    let tracks = items.iter().rev().find_map(|item| match item {
        Item::Tracks(tracks) => Some(tracks.clone()),
        Item::Frame(_) => None,
    });
    tracks.unwrap()
}

const VECTORS: [&str; 5] = [
    "ffmpeg-5.1-h264-aac.m2t",
    "ffmpeg-5.1-h265-ac3.m2t",
    "ffmpeg-5.1-h264-opus.m2t",
    "ffmpeg-5.1-mp2.m2t",
    "ffmpeg-5.1-h264-eac3-wrap.m2t",
];

#[test]
fn every_frame_survives_with_its_bytes_and_its_times() {
    for name in VECTORS {
        let (sent, _) = demux(&vector(name));
        let bytes = mux(&sent);
        assert_eq!(bytes.len() % PACKET_LEN, 0, "{name}");
        let (seen, faults) = demux(&bytes);
        assert_eq!(faults, Faults::default(), "{name}");
        let configs = |items| last_tracks(items).iter().map(|t| (t.codec, t.config.clone())).collect::<Vec<_>>();
        assert_eq!(configs(&seen), configs(&sent), "{name}");
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let (sent, seen) = (frames(&sent, kind), frames(&seen, kind));
            assert_eq!(seen.len(), sent.len(), "{name}");
            for (sent, seen) in sent.iter().zip(&seen) {
                assert_eq!((&seen.data, seen.kind), (&sent.data, sent.kind), "{name}");
                let moved = |a: weir_media::Timestamp, b: weir_media::Timestamp| (a - b).as_ticks(90_000);
                // Half a second, and a tick of rounding.
                let (pts, dts) =
                    (moved(seen.pts, sent.pts) & ((1 << 33) - 1), moved(seen.dts, sent.dts) & ((1 << 33) - 1));
                assert!(pts.abs_diff(45_000) <= 1 && dts.abs_diff(45_000) <= 1, "{name}: {pts} {dts}");
            }
        }
    }
}

#[test]
fn a_receiver_can_begin_at_any_key_frame() {
    let (sent, _) = demux(&vector("ffmpeg-5.1-h264-aac.m2t"));
    let key =
        sent.iter().rposition(|item| matches!(item, Item::Frame(f) if f.track.kind == TrackKind::Video && f.is_key()));
    let whole = mux(&sent);
    let before = mux(&sent[..key.unwrap()]);
    let (seen, _) = demux(&whole[before.len()..]);
    let video = frames(&seen, TrackKind::Video);
    assert!(video[0].is_key() && !video.is_empty());
    let expected = frames(&sent[key.unwrap()..], TrackKind::Video);
    assert_eq!(video.iter().map(|f| &f.data).collect::<Vec<_>>(), expected.iter().map(|f| &f.data).collect::<Vec<_>>());
}

/// Packets that say that time has jumped: their identifier, and whether they carry the clock.
fn breaks(bytes: &[u8]) -> Vec<(u16, bool)> {
    let cells = bytes.chunks(PACKET_LEN).filter(|cell| cell[3] & 0x20 != 0 && cell[4] > 0 && cell[5] & 0x80 != 0);
    cells.map(|cell| (u16::from_be_bytes([cell[1] & 0x1F, cell[2]]), cell[5] & 0x10 != 0)).collect()
}

#[test]
fn a_jump_of_time_is_said_once_on_each_stream_and_costs_no_frame() {
    let (sent, _) = demux(&vector("ffmpeg-5.1-h264-aac.m2t"));
    let is_key = |item: &Item| matches!(item, Item::Frame(f) if f.track.kind == TrackKind::Video && f.is_key());
    let key = sent.iter().rposition(is_key).unwrap();
    let (mut muxer, mut out) = (Muxer::new(), BytesMut::new());
    for (at, item) in sent.iter().enumerate() {
        if at == key {
            assert_eq!(breaks(&out), []);
            muxer.break_off();
        }
        match item {
            Item::Tracks(tracks) => muxer.set_tracks(tracks),
            Item::Frame(frame) => muxer.write(frame, &mut out),
        }
    }
    let mut said = breaks(&out);
    // The picture comes first, and has the clock.
    assert_eq!(said[0], (0x100, true));
    said.sort_unstable();
    assert_eq!(said, [(0x100, true), (0x101, false)]);
    let (seen, faults) = demux(&out);
    assert_eq!(faults, Faults::default());
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let data = |items| frames(items, kind).iter().map(|frame| frame.data.clone()).collect::<Vec<_>>();
        assert_eq!(data(&seen), data(&sent));
    }
}

#[test]
fn ffmpeg_decodes_what_is_written_without_a_complaint() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        let name = "ffmpeg_decodes_what_is_written_without_a_complaint";
        let _ = writeln!(std::io::stderr(), "SKIPPED {name}: ffmpeg is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in VECTORS {
        let (sent, _) = demux(&vector(name));
        let path = folder.path().join(name);
        std::fs::write(&path, mux(&sent)).unwrap();
        let arguments = ["-v", "warning", "-xerror", "-i"];
        let output = Command::new("ffmpeg").args(arguments).arg(&path).args(["-f", "framemd5", "-"]).output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && complaints.is_empty(), "{name}: {complaints}");
        let text = String::from_utf8(output.stdout).unwrap();
        let pictures = text.lines().filter(|line| line.starts_with("0,")).count();
        let wanted = frames(&sent, TrackKind::Video).len();
        assert!(wanted == 0 || pictures == wanted, "{name}: {pictures} of {wanted}");
    }
}
