//! Files of real programs, and the way through the crate that every test takes.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use weir_flv::file::{FileReader, FileTag, TagKind, Write};
use weir_flv::{Ingest, Item, MessageKind};
use weir_media::{Frame, TrackId, Tracks};

/// All vectors; the README beside them says where they come from.
pub const VECTORS: [&str; 14] = [
    "ffmpeg-5.1-aac-only.flv",
    "ffmpeg-5.1-h263-pcm.flv",
    "ffmpeg-5.1-h264-bframes-aac.flv",
    "ffmpeg-5.1-h264-intra-refresh.flv",
    "ffmpeg-5.1-h264-mp3.flv",
    "ffmpeg-5.1-h264-only.flv",
    "ffmpeg-5.1-h264-open-gop.flv",
    "ffmpeg-5.1-speex.flv",
    "ffmpeg-9-av1-flac.flv",
    "ffmpeg-9-h264-bframes-aac.flv",
    "ffmpeg-9-hevc-opus.flv",
    "ffmpeg-9-multitrack.flv",
    "ffmpeg-9-vp9-ac3.flv",
    "ffmpeg-9-vvc-eac3.flv",
];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/flv")
}

pub fn vector(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

pub fn tags(file: &[u8]) -> Vec<FileTag> {
    let mut reader = FileReader::new();
    reader.push(file);
    reader.end();
    std::iter::from_fn(|| reader.next_tag().unwrap()).collect()
}

/// Messages of a file: kind, time, body.
pub fn messages(file: &[u8]) -> Vec<(MessageKind, i64, Bytes)> {
    let message = |tag: FileTag| match tag.kind {
        TagKind::Message(kind) => (kind, i64::from(tag.millis), tag.body),
        TagKind::Other(kind) => panic!("a tag of type {kind}"),
    };
    tags(file).into_iter().map(message).collect()
}

pub fn items(messages: &[(MessageKind, i64, Bytes)]) -> Vec<Item> {
    let (mut ingest, mut out) = (Ingest::new(), Vec::new());
    for (kind, millis, body) in messages {
        ingest.handle(*kind, *millis, body, &mut out).unwrap();
    }
    out
}

pub fn flow(name: &str) -> Vec<Item> {
    items(&messages(&vector(name)))
}

pub fn frames(items: &[Item]) -> Vec<Frame> {
    items.iter().filter_map(|item| if let Item::Frame(frame) = item { Some(frame.clone()) } else { None }).collect()
}

pub fn frames_of(items: &[Item], id: TrackId) -> Vec<Frame> {
    frames(items).into_iter().filter(|frame| frame.track == id).collect()
}

pub fn last_tracks(items: &[Item]) -> Tracks {
    let tracks = |item: &Item| if let Item::Tracks(tracks) = item { Some(tracks.clone()) } else { None };
    items.iter().rev().find_map(tracks).unwrap_or_default()
}

/// Carries out what a file writer asks for.
pub fn apply(file: &mut Vec<u8>, writes: impl IntoIterator<Item = Write>) {
    for write in writes {
        match write {
            Write::Append(bytes) => file.extend_from_slice(&bytes),
            Write::Patch { offset, bytes } => {
                let start = usize::try_from(offset).unwrap();
                file[start..start + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }
}

/// Writes items to a file; closes it when asked.
pub fn write_file(items: &[Item], close: bool) -> Vec<u8> {
    let mut writer = weir_flv::file::FileWriter::new(weir_flv::file::FileOptions { key_frames: 64 });
    let (mut file, mut writes) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Tracks(tracks) => writer.set_tracks(tracks, &mut writes),
            Item::Frame(frame) => writer.write(frame, &mut writes).unwrap(),
        }
        apply(&mut file, writes.drain(..));
        assert_eq!(writer.len(), file.len() as u64);
    }
    if close {
        writer.finish(&mut writes);
        apply(&mut file, writes);
    }
    file
}
