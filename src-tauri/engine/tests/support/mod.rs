//! What tests of outputs share: an engine without listeners, streams made here or by FFmpeg, and readers of what came out.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod callback;
pub(crate) mod dice;
pub(crate) mod film;
pub(crate) mod lateness;
pub(crate) mod proxy;
pub(crate) mod rtmp;
pub(crate) mod srt;
pub(crate) mod target;
pub(crate) mod tls;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use weir_engine::{Config, Engine, Event, Paths, Profile, Settings};
use weir_flv::{Ingest, Item, MessageKind};
use weir_hub::{Hub, Origin, Publisher};
use weir_media::{Codec, Frame, FrameKind, StreamPath, Timestamp, Track, TrackId, Tracks};

/// How long anything may take before a test gives up; far more than it needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An engine that nobody reaches from outside, in a folder of its own.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) folder: TempDir,
}

impl Rig {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.rtmp.enabled = false;
        change(&mut config);
        let engine = Engine::start(Settings::new(config, Profile::Desktop), Paths::under(folder.path())).await.unwrap();
        Self { engine, folder }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.engine.context().hub
    }

    pub(crate) fn publish(&self, path: &str) -> Publisher {
        self.hub().publish(&stream(path), Origin::internal("test")).unwrap()
    }

    pub(crate) fn recordings_dir(&self) -> PathBuf {
        self.engine.recordings().folder()
    }
}

pub(crate) fn stream(path: &str) -> StreamPath {
    StreamPath::parse(path).unwrap()
}

/// Waits until `look` finds what it looks for. The engine's events wake it; a short timer covers what has no event.
pub(crate) async fn until<T>(engine: &Engine, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut events = engine.context().events.listen();
    let search = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            let _: Result<Result<Event, _>, _> = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// H.264 and AAC whose every frame has bytes of its own; 25 pictures and some 47 sounds a second, a key frame each second.
pub(crate) fn tracks() -> Tracks {
    video_tracks().with(audio_track())
}

pub(crate) fn video_tracks() -> Tracks {
    // A configuration of 320x180 as x264 writes it.
    let avcc = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
    let video = Track { config: Some(Bytes::from_static(avcc)), ..Track::new(TrackId::VIDEO, Codec::H264) };
    Tracks::default().with(video)
}

pub(crate) fn audio_track() -> Track {
    Track { config: Some(Bytes::from_static(b"\x11\x90")), ..Track::new(TrackId::AUDIO, Codec::Aac) }
}

/// The frames of `tracks` from `from` to `to` milliseconds, in order of time.
pub(crate) fn frames(tracks: &Tracks, from: i64, to: i64) -> Vec<Frame> {
    let frame = |track: TrackId, millis: i64, kind: FrameKind, len: usize| {
        let mut data = format!("{track:?} {millis}").into_bytes();
        data.resize(len, millis as u8);
        // A length-prefixed NAL unit, so that the frame is one for whoever looks into it.
        if track == TrackId::VIDEO {
            let nal = (len as u32 - 4).to_be_bytes();
            data.splice(..5, [nal[0], nal[1], nal[2], nal[3], if kind == FrameKind::Key { 0x65 } else { 0x41 }]);
        }
        let time = Timestamp::from_millis(millis);
        Frame { track, dts: time, pts: time, kind, data: data.into() }
    };
    let mut all = Vec::new();
    for track in tracks.iter().map(|track| track.id) {
        let (step, len) = if track == TrackId::VIDEO { (40, 2000) } else { (21, 300) };
        for millis in (0..to).step_by(step).filter(|millis| *millis >= from) {
            let key = track != TrackId::VIDEO || millis % 1000 == 0;
            all.push(frame(track, millis, if key { FrameKind::Key } else { FrameKind::Delta }, len));
        }
    }
    all.sort_by_key(|frame| (frame.dts, frame.track));
    all
}

/// Writes frames as they are, all at once.
pub(crate) fn write(publisher: &mut Publisher, frames: &[Frame]) {
    for frame in frames {
        publisher.write(frame.clone()).unwrap();
    }
    publisher.flush();
}

/// A tag of an FLV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) kind: MessageKind,
    pub(crate) millis: u32,
    pub(crate) body: Bytes,
}

/// Every tag of an FLV file, read by the letter of the specification; panics at anything else.
pub(crate) fn flv_tags(file: &[u8]) -> Vec<Tag> {
    let (tags, rest) = flv_prefix(file);
    assert!(rest.is_empty(), "{} bytes after the last whole tag", rest.len());
    tags
}

/// The whole tags of an FLV file that may have been cut off, and what is left.
pub(crate) fn flv_prefix(file: &[u8]) -> (Vec<Tag>, &[u8]) {
    assert_eq!(&file[..4], b"FLV\x01");
    assert_eq!(&file[5..13], [0, 0, 0, 9, 0, 0, 0, 0]);
    let mut rest = &file[13..];
    let mut tags = Vec::new();
    while let Some(header) = rest.get(..11) {
        let size = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        let Some(trailer) = rest.get(11 + size..15 + size) else { break };
        assert_eq!(u32::from_be_bytes(trailer.try_into().unwrap()) as usize, 11 + size, "PreviousTagSize");
        tags.push(Tag {
            kind: MessageKind::from_type_id(header[0]).expect("tag type"),
            millis: u32::from_be_bytes([header[7], header[4], header[5], header[6]]),
            body: Bytes::copy_from_slice(&rest[11..11 + size]),
        });
        rest = &rest[15 + size..];
    }
    (tags, rest)
}

/// What the tags mean: the latest tracks and every frame.
pub(crate) fn ingest(tags: &[Tag]) -> (Tracks, Vec<Frame>) {
    let (mut ingest, mut items) = (Ingest::new(), Vec::new());
    for tag in tags {
        ingest.handle(tag.kind, i64::from(tag.millis), &tag.body, &mut items).unwrap();
    }
    let frames = items.into_iter().filter_map(|item| if let Item::Frame(frame) = item { Some(frame) } else { None });
    let frames = frames.filter(|frame| frame.track != TrackId::DATA).collect();
    (ingest.tracks().clone(), frames)
}

/// Track, milliseconds and bytes of each frame, time from the first frame of all: what must be equal in and out.
pub(crate) fn essence(frames: &[Frame]) -> Vec<(TrackId, i64, i64, Bytes)> {
    let zero = frames.iter().map(|frame| frame.dts).min().unwrap_or_default();
    let at = |time: Timestamp| (time - zero).as_millis();
    frames.iter().map(|frame| (frame.track, at(frame.dts), at(frame.pts), frame.data.clone())).collect()
}

/// The `onMetaData` of a file.
pub(crate) fn metadata(tags: &[Tag]) -> weir_amf0::Value {
    let first = tags.iter().find(|tag| tag.kind == MessageKind::Data).expect("a data tag");
    weir_amf0::Value::decode_all(&first.body).unwrap().pop().unwrap()
}

/// Resident memory of this process, bytes.
#[cfg(target_os = "linux")]
pub(crate) fn memory() -> usize {
    let pages: usize = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Whether a program is there; says past the capture of test output that a test is skipped when it is not.
pub(crate) fn have(program: &str) -> bool {
    let there = Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {program} is not installed");
    }
    there
}

/// A clip made by FFmpeg, as the tags of an FLV file; `args` choose codecs and length.
pub(crate) fn clip(args: &[&str]) -> Vec<Tag> {
    let sources = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000"];
    let quiet = ["-hide_banner", "-loglevel", "error", "-nostdin"];
    let output =
        Command::new("ffmpeg").args(quiet).args(sources).args(args).args(["-f", "flv", "pipe:1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    flv_tags(&output.stdout)
}

/// Two seconds of H.264 with B-frames and AAC.
pub(crate) fn h264_clip(seconds: &str) -> Vec<Tag> {
    clip(&["-t", seconds, "-c:v", "libx264", "-g", "25", "-bf", "2", "-c:a", "aac", "-ac", "2"])
}

/// Publishes tags as an encoder would, each as soon as the one before.
pub(crate) fn publish_tags(publisher: &mut Publisher, tags: &[Tag]) {
    Encoder::default().send(publisher, tags);
}

/// An encoder that sends tags in several goes.
#[derive(Default)]
pub(crate) struct Encoder(Ingest);

impl Encoder {
    /// Returns how many frames of picture and sound the tags held.
    pub(crate) fn send(&mut self, publisher: &mut Publisher, tags: &[Tag]) -> u64 {
        let (mut items, mut frames) = (Vec::new(), 0);
        for tag in tags {
            self.0.handle(tag.kind, i64::from(tag.millis), &tag.body, &mut items).unwrap();
            for item in items.drain(..) {
                match item {
                    Item::Tracks(tracks) => publisher.set_tracks(&tracks).unwrap(),
                    Item::Frame(frame) => {
                        frames += u64::from(frame.track != TrackId::DATA);
                        publisher.write(frame).unwrap();
                    }
                }
            }
        }
        publisher.flush();
        frames
    }
}

/// What ffprobe says of a file: `-of json` with format, streams and packets counted.
pub(crate) fn ffprobe(file: &Path) -> serde_json::Value {
    let args = ["-v", "error", "-count_packets", "-show_format", "-show_streams", "-of", "json"];
    let output = Command::new("ffprobe").args(args).arg(file).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
