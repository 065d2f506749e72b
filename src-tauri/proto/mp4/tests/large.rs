//! A file of more than 4 GiB: its places have 64 bits, in the index that we write and for readers that are not ours.
#![expect(clippy::unwrap_used, clippy::disallowed_types, reason = "a test that cannot set up its case has failed")]

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use weir_media::{Codec, Frame, FrameKind, Timestamp, Track, TrackId, Tracks, VideoInfo};
use weir_mp4::segment::{Limits, MovieIndex};
use weir_mp4::{Muxer, Options};

/// Each picture is so large and lasts a second; all but its first bytes are holes in the file.
const PICTURE: usize = 16 << 20;
const COUNT: i64 = 330;

/// Writes bytes that are nearly all zeros as a hole.
fn append(file: &mut File, bytes: &[u8]) {
    const PAGE: usize = 64 << 10;
    static ZEROS: [u8; PAGE] = [0; PAGE];
    for page in bytes.chunks(PAGE) {
        if page == ZEROS {
            file.seek(SeekFrom::Current(PAGE as i64)).unwrap();
        } else {
            file.write_all(page).unwrap();
        }
    }
}

#[test]
fn a_file_beyond_four_gibibytes_is_sought_in_to_its_end() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("large.mp4");
    let mut file = File::create(&path).unwrap();
    let mut video = Track::new(TrackId::VIDEO, Codec::H264);
    video.config = Some(Bytes::from_static(&[1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]));
    video.video = Some(VideoInfo { width: Some(320), height: Some(180), ..VideoInfo::default() });
    let mut muxer = Muxer::new(&Tracks::default().with(video), Options::default()).unwrap();
    let mut picture = vec![0; PICTURE];
    picture[..5].copy_from_slice(&[0x00, 0xFF, 0xFF, 0xFC, 0x65]);
    let data = Bytes::from(picture);
    for second in 0..COUNT {
        let time = Timestamp::from_millis(second * 1000);
        let (track, kind, data) = (TrackId::VIDEO, FrameKind::Key, data.clone());
        muxer.write(&Frame { track, dts: time, pts: time, kind, data }).unwrap();
        muxer.take_output().iter().for_each(|bytes| append(&mut file, bytes));
    }
    let closing = muxer.finish().unwrap();
    muxer.take_output().iter().for_each(|bytes| append(&mut file, bytes));
    append(&mut file, &closing.append);
    let size = file.stream_position().unwrap();
    file.set_len(size).unwrap();
    let patch = closing.patch.unwrap();
    file.seek(SeekFrom::Start(patch.position)).unwrap();
    file.write_all(&patch.bytes).unwrap();
    drop(file);
    assert!(size > 5 << 30, "{size}");

    let index = MovieIndex::parse(&closing.append).unwrap();
    let last = index.plan(&[0], Limits::default()).pop().unwrap();
    let extent = index.extent(&[0], &last);
    assert!(extent.end - extent.start == PICTURE as u64 && extent.end <= size - closing.append.len() as u64);
    assert!(extent.start > 5 << 30, "{extent:?}");

    if Command::new("ffprobe").arg("-version").output().is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED the second reader: ffprobe is not installed");
        return;
    }
    let seen = packet_at(&path, COUNT - 1);
    assert_eq!(seen, Some(extent.start), "where another reader finds the last picture");
}

/// Where ffprobe finds the packet of this second in the file.
fn packet_at(path: &Path, second: i64) -> Option<u64> {
    let interval = format!("{second}%+#1");
    let arguments = ["-v", "error", "-read_intervals", &interval, "-show_entries", "packet=pos", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(arguments).arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').parse().ok()
}
