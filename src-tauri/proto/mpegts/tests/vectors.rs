//! Transport streams of real programs against what a second reader, ffprobe, sees in them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up its case has failed")]

use std::path::PathBuf;

use weir_media::{Codec, Frame, Timestamp, TrackKind, Tracks};
use weir_mpegts::{Demuxer, Faults, Item, PACKET_LEN};

fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/mpegts");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn drain(demuxer: &mut Demuxer, tracks: &mut Tracks, frames: &mut Vec<Frame>) {
    while let Some(item) = demuxer.poll() {
        match item {
            Item::Tracks(told) => *tracks = told,
            Item::Frame(frame) => frames.push(frame),
        }
    }
}

fn read(bytes: &[u8], piece: usize) -> (Tracks, Vec<Frame>, Faults) {
    let mut demuxer = Demuxer::new();
    let (mut tracks, mut frames) = (Tracks::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        demuxer.push(piece);
        drain(&mut demuxer, &mut tracks, &mut frames);
    }
    demuxer.finish();
    drain(&mut demuxer, &mut tracks, &mut frames);
    (tracks, frames, demuxer.faults())
}

/// (pts, dts, key) of each packet of a kind as ffprobe lists them.
fn expected(name: &str, kind: &str) -> Vec<(i64, i64, bool)> {
    let text = String::from_utf8(vector(&format!("{name}.packets.csv"))).unwrap();
    let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row[0] == kind);
    rows.map(|row| (row[1].parse().unwrap(), row[2].parse().unwrap(), row[3].starts_with('K'))).collect()
}

/// Times behind the wrap of the 33-bit clock are what ffprobe calls negative before it.
const WRAP: i64 = 1 << 33;

fn ticks(time: Timestamp) -> i64 {
    let ticks = time.as_ticks(90_000);
    if ticks > WRAP / 2 { ticks - WRAP } else { ticks }
}

fn found(frames: &[Frame], kind: TrackKind) -> Vec<(i64, i64, bool)> {
    let of_kind = frames.iter().filter(|frame| frame.track.kind == kind);
    of_kind.map(|frame| (ticks(frame.pts), ticks(frame.dts), frame.is_key())).collect()
}

const VECTORS: [(&str, &[Codec]); 5] = [
    ("ffmpeg-5.1-h264-aac", &[Codec::H264, Codec::Aac]),
    ("ffmpeg-5.1-h265-ac3", &[Codec::H265, Codec::Ac3]),
    ("ffmpeg-5.1-h264-opus", &[Codec::H264, Codec::Opus]),
    ("ffmpeg-5.1-mp2", &[Codec::Mp2]),
    ("ffmpeg-5.1-h264-eac3-wrap", &[Codec::H264, Codec::Eac3]),
];

#[test]
fn every_frame_comes_with_the_times_that_a_second_reader_sees() {
    for (name, codecs) in VECTORS {
        let (tracks, frames, faults) = read(&vector(&format!("{name}.m2t")), 1316);
        assert_eq!(tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), codecs, "{name}");
        assert_eq!(faults, Faults::default(), "{name}");
        assert_eq!(found(&frames, TrackKind::Video), expected(name, "video"), "{name}");
        let (sound, wanted) = (found(&frames, TrackKind::Audio), expected(name, "audio"));
        assert_eq!(sound.len(), wanted.len(), "{name}");
        for (sound, wanted) in sound.iter().zip(&wanted) {
            assert!((sound.0 - wanted.0).abs() <= 1, "{name}: {sound:?} {wanted:?}");
        }
    }
}

#[test]
fn the_pieces_in_which_bytes_arrive_make_no_difference() {
    let bytes = vector("ffmpeg-5.1-h264-aac.m2t");
    let whole = read(&bytes, bytes.len());
    for piece in [1, 7, 187, 188, 189, 1316, 4096] {
        assert_eq!(read(&bytes, piece), whole, "in pieces of {piece}");
    }
}

#[test]
fn garbage_before_and_between_packets_is_passed_over() {
    let bytes = vector("ffmpeg-5.1-h264-aac.m2t");
    let (_, clean, _) = read(&bytes, 1316);
    for garbage in [&b"G"[..], b"GGGGGGGG", &[0; 300], b"HTTP/1.1 200 OK\r\n\r\n"] {
        let mut dirty = garbage.to_vec();
        dirty.extend_from_slice(&bytes);
        let (_, frames, faults) = read(&dirty, 1316);
        assert_eq!((frames, faults.bytes_skipped), (clean.clone(), garbage.len() as u64), "{garbage:?}");
    }
}

#[test]
fn a_lost_packet_costs_what_it_held_and_is_counted() {
    let bytes = vector("ffmpeg-5.1-h264-aac.m2t");
    let (_, clean, _) = read(&bytes, 1316);
    let packets = bytes.len() / PACKET_LEN;
    // Not the first picture: with it go the parameter sets, and with them everything up to the next ones.
    for lost in (20..packets).step_by(5) {
        let mut damaged = bytes.clone();
        damaged.drain(lost * PACKET_LEN..(lost + 1) * PACKET_LEN);
        let (_, frames, faults) = read(&damaged, 1316);
        assert!(faults.continuity_errors <= 1, "{faults:?}");
        // ffmpeg puts some twenty audio frames into one PES packet.
        assert!(frames.len() + 24 > clean.len(), "packet {lost}: {} of {}", frames.len(), clean.len());
        let known = frames.iter().filter(|frame| clean.contains(frame)).count();
        assert!(known + 2 > frames.len(), "packet {lost}: frames that were never sent");
    }
}

#[test]
fn a_packet_sent_twice_counts_once() {
    let bytes = vector("ffmpeg-5.1-h264-aac.m2t");
    let doubled: Vec<u8> = bytes.chunks(PACKET_LEN).flat_map(|packet| [packet, packet].concat()).collect();
    assert_eq!(read(&doubled, 1316).1, read(&bytes, 1316).1);
}

#[test]
fn no_bytes_make_it_panic_and_it_finds_its_way_back() {
    let bytes = vector("ffmpeg-5.1-h265-ac3.m2t");
    let mut state = 1_u64;
    for _ in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 20) as usize % damaged.len();
            damaged[at] = (state >> 56) as u8;
        }
        let mut demuxer = Demuxer::new();
        demuxer.push(&damaged);
        demuxer.push(&bytes);
        demuxer.finish();
        let frames = std::iter::from_fn(|| demuxer.poll()).filter(|item| matches!(item, Item::Frame(_))).count();
        assert!(frames > 100, "{frames}");
    }
}
