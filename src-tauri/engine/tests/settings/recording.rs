//! Settings of recordings: what is written where, and what makes room.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::json;
use weir_engine::config::Seconds;
use weir_engine::recording::{FailureCode, State};
use weir_engine::status::StreamState;

use crate::stage::{Row, Stage, rows, send_seconds};
use crate::support::film::labelled;
use crate::support::rtmp::Peer;
use crate::support::{stream, until};

pub(crate) const ROWS: &[Row] = rows![
    "recording.record_all" => record_all,
    "recording.dir" => dir,
    "recording.container" => container,
    "recording.segment_seconds" => segment_seconds,
    "recording.segment_pattern" => segment_pattern,
    "recording.on_return" => on_return,
    "recording.rules.streams" | "recording.rules.record" => which_are_recorded,
    "recording.rules.container" | "recording.rules.folder" | "recording.rules.segment_seconds" => how_it_is_recorded,
    "recording.reserve_bytes" => reserve_bytes,
    "recording.when_full" => when_full,
    "recording.keep_days" => keep_days,
    "recording.keep_bytes" => keep_bytes,
];

/// More than any disk has, and no more than a settings file can say.
const EVERYTHING: u64 = 4_000_000_000_000_000_000;

/// The witness is being recorded.
async fn recorded() -> Stage {
    let stage = Stage::start(|config| config.recording.record_all = true).await;
    until(stage.engine(), "a file", || (!files(&stage, "live/witness").is_empty()).then_some(())).await;
    stage
}

/// Files of a stream, by what is known of its recordings.
fn files(stage: &Stage, path: &str) -> Vec<PathBuf> {
    let all = stage.engine().recordings().status().into_iter();
    all.filter(|one| one.path == path).filter_map(|one| one.file).collect()
}

/// Names in a folder.
fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Publishes `name` for some seconds of the stream's time, and waits until its recording has a file.
async fn publish(stage: &Stage, name: &str, seconds: u32) -> Peer {
    let mut peer = stage.server.publish(name).await;
    peer.send_headers(0).await;
    send_seconds(&mut peer, 0, seconds).await;
    let path = format!("live/{name}");
    until(stage.engine(), "a file", || {
        let failed = stage.engine().recordings().status().into_iter().find(|one| matches!(one.state, State::Failed(_)));
        assert!(failed.is_none(), "{failed:?}");
        (!files(stage, &path).is_empty()).then_some(())
    })
    .await;
    peer
}

async fn record_all() {
    let mut stage = Stage::start(|_| ()).await;
    assert!(files(&stage, "live/witness").is_empty());
    stage.set("recording.record_all", true).await;
    until(stage.engine(), "a file", || (!files(&stage, "live/witness").is_empty()).then_some(())).await;
    stage.unharmed().await;
    stage.set("recording.record_all", false).await;
    assert!(stage.engine().recordings().is_recording(&stream("live/witness")), "what runs goes on");
    stage.unharmed().await;
}

async fn dir() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = recorded().await;
    stage.set("recording.dir", folder.path().to_str().unwrap()).await;
    let _peer = publish(&stage, "next", 1).await;
    assert!(files(&stage, "live/next")[0].starts_with(folder.path()));
    assert!(!files(&stage, "live/witness")[0].starts_with(folder.path()), "what runs goes on where it is");
    stage.unharmed().await;
    stage.engine().recordings().shutdown().await;
}

async fn container() {
    let mut stage = recorded().await;
    stage.set("recording.container", "mp4").await;
    let _peer = publish(&stage, "next", 1).await;
    assert_eq!(files(&stage, "live/next")[0].extension().unwrap(), "mp4");
    assert_eq!(files(&stage, "live/witness")[0].extension().unwrap(), "flv");
    stage.unharmed().await;
}

async fn segment_seconds() {
    let mut stage = recorded().await;
    stage.set("recording.segment_seconds", 1).await;
    let _peer = publish(&stage, "cut", 5).await;
    let count = || names(&stage.engine().recordings().folder()).iter().filter(|name| name.contains("cut")).count();
    until(stage.engine(), "several files", || (count() >= 3).then_some(())).await;
    stage.unharmed().await;
}

async fn segment_pattern() {
    let mut stage = Stage::start(|config| {
        config.recording.record_all = true;
        config.recording.segment_seconds = Seconds::new(1);
    })
    .await;
    stage.set("recording.segment_pattern", "%s-part%d").await;
    let _peer = publish(&stage, "cut", 5).await;
    let has = |part: &str| names(&stage.engine().recordings().folder()).iter().any(|name| name.contains(part));
    until(stage.engine(), "the name", || has("live_cut-part2").then_some(())).await;
    stage.unharmed().await;
}

async fn on_return() {
    let mut stage = recorded().await;
    stage.set("recording.on_return", "new_file").await;
    drop(publish(&stage, "back", 2).await);
    let live = |stage: &Stage| {
        let all = stage.engine().streams();
        all.iter().any(|known| known.path.as_str() == "live/back" && known.state == StreamState::Live)
    };
    until(stage.engine(), "it is away", || (!live(&stage)).then_some(())).await;
    let _peer = publish(&stage, "back", 2).await;
    let count = || names(&stage.engine().recordings().folder()).iter().filter(|name| name.contains("back")).count();
    until(stage.engine(), "another file", || (count() == 2).then_some(())).await;
    stage.unharmed().await;
}

async fn which_are_recorded() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("recording.rules", json!([{ "streams": "live/ruled", "record": true }])).await;
    let _other = stage.server.publish("other").await;
    let _peer = publish(&stage, "ruled", 1).await;
    let recordings = stage.engine().recordings();
    assert!(!recordings.is_recording(&stream("live/other")) && !recordings.is_recording(&stream("live/witness")));
    stage.unharmed().await;
}

async fn how_it_is_recorded() {
    let mut stage = recorded().await;
    let rule = json!([{ "streams": "live/ruled", "container": "mp4", "folder": "mine", "segment_seconds": 1 }]);
    stage.set("recording.rules", rule).await;
    let _peer = publish(&stage, "ruled", 5).await;
    let folder = stage.engine().recordings().folder().join("mine");
    until(stage.engine(), "several files", || (names(&folder).len() >= 3).then_some(())).await;
    assert!(names(&folder).iter().all(|name| name.ends_with(".mp4")), "{:?}", names(&folder));
    stage.unharmed().await;
}

async fn reserve_bytes() {
    let mut stage = recorded().await;
    stage.set("recording.reserve_bytes", EVERYTHING).await;
    let code = until(stage.engine(), "it stops", || {
        let status = stage.engine().recordings().status().into_iter().find(|one| one.path == "live/witness")?;
        if let State::Failed(failure) = status.state { Some(failure.code) } else { None }
    })
    .await;
    assert_eq!(code, FailureCode::LowSpace);
    stage.unharmed().await;
}

/// Recordings of 1000 bytes that are so many days old.
fn old(stage: &Stage, days: &[u64]) {
    let folder = stage.engine().recordings().folder();
    std::fs::create_dir_all(&folder).unwrap();
    for days in days {
        let path = folder.join(format!("{days}.flv"));
        std::fs::write(&path, labelled()).unwrap();
        let time = SystemTime::now() - Duration::from_secs(days * 24 * 3600 + 60);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
}

async fn gone(stage: &Stage, name: &str) {
    let folder = stage.engine().recordings().folder();
    until(stage.engine(), "the old one goes", || (!folder.join(name).exists()).then_some(())).await;
}

async fn when_full() {
    let mut stage = recorded().await;
    old(&stage, &[3]);
    stage.set("recording.when_full", "delete_oldest").await;
    stage.set("recording.reserve_bytes", EVERYTHING).await;
    gone(&stage, "3.flv").await;
    stage.unharmed().await;
}

async fn keep_days() {
    let mut stage = Stage::start(|_| ()).await;
    old(&stage, &[1, 9]);
    stage.set("recording.keep_days", 5).await;
    gone(&stage, "9.flv").await;
    assert!(names(&stage.engine().recordings().folder()).contains(&"1.flv".to_owned()));
    stage.unharmed().await;
}

async fn keep_bytes() {
    let mut stage = Stage::start(|_| ()).await;
    old(&stage, &[1, 2, 3]);
    stage.set("recording.keep_bytes", 2500).await;
    gone(&stage, "3.flv").await;
    assert!(names(&stage.engine().recordings().folder()).contains(&"2.flv".to_owned()));
    stage.unharmed().await;
}
