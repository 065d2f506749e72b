//! What tests of recordings share: the settings, the files, and what ffprobe says of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_engine::config::Seconds;
use weir_engine::recording::{self, Container, State};

use super::{Rig, until};

pub(crate) fn record_all(config: &mut weir_engine::Config) {
    config.recording.record_all = true;
    config.streams.grace_seconds = Seconds::from(Duration::from_millis(50));
}

pub(crate) fn record_mp4(config: &mut weir_engine::Config) {
    record_all(config);
    config.recording.container = Container::Mp4;
}

impl Rig {
    /// Every recording, once all of them have ended.
    pub(crate) async fn all_over(&self, count: usize) -> Vec<recording::Status> {
        until(&self.engine, "the recordings end", || {
            let status = self.engine.recordings().status();
            (status.len() == count && status.iter().all(|one| one.state != State::Recording)).then_some(status)
        })
        .await
    }

    /// The files in the order of their names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut names: Vec<_> = self.engine.recordings().list().unwrap().into_iter().map(|entry| entry.name).collect();
        names.sort();
        names.into_iter().map(|name| self.recordings_dir().join(name)).collect()
    }
}

/// What ffprobe says of the container; the pictures made here are none that it can decode.
pub(crate) fn probed(file: &Path) -> serde_json::Value {
    let args = ["-v", "quiet", "-count_packets", "-show_format", "-show_streams", "-of", "json"];
    let output = std::process::Command::new("ffprobe").args(args).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", file.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Packets of each kind.
pub(crate) fn packets(file: &Path) -> Vec<(String, u64)> {
    let probed = probed(file);
    let streams = probed["streams"].as_array().unwrap().iter();
    let mut packets: Vec<(String, u64)> = streams
        .map(|stream| {
            let count = stream["nb_read_packets"].as_str().unwrap().parse().unwrap();
            (stream["codec_type"].as_str().unwrap().to_owned(), count)
        })
        .collect();
    packets.sort();
    packets
}

/// A file of 1000 bytes that says that it is a recording of Weir's.
pub(crate) fn labelled() -> Vec<u8> {
    let label = weir_amf0::Value::object([
        ("stream", weir_amf0::Value::from("live/show")),
        ("creation_time", "2026-11-26T12:00:00Z".into()),
    ]);
    let mut body = bytes::BytesMut::new();
    weir_amf0::encode_all(&["onMetaData".into(), label], &mut body);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let tag = [&[18], &length[1..], &[0; 7], &body].concat();
    let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    file.extend_from_slice(&tag);
    file.extend_from_slice(&u32::try_from(tag.len()).unwrap().to_be_bytes());
    file.resize(1000, 0);
    file
}
