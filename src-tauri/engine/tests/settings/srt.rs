//! Settings of the SRT server, each with a caller of its own; the witnesses are by RTMP.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_engine::protocol::srt::{Role, passphrases};
use weir_engine::status::{ListenerState, StreamState};
use weir_media::Secret;
use weir_srt::crypto::KeyLength;
use weir_srt::handshake::Reject;

use crate::stage::{Row, Stage, rows};
use crate::support::srt::{self, Caller};
use crate::support::{frames, stream, tracks, until};

pub(crate) const ROWS: &[Row] = rows![
    "srt.enabled" => enabled,
    "srt.listen" => listen,
    "srt.latency_ms" => latency_ms,
    "srt.delivery" => delivery,
    "srt.bare_stream_id" => bare_stream_id,
    "srt.default_path" => default_path,
    "srt.encryption" => encryption,
    "srt.streams" => streams,
    "srt.key_length" => key_length,
    "srt.passphrase_file" => passphrase_file,
];

async fn call(stage: &Stage, id: &str) -> Result<Caller, Reject> {
    Caller::call(srt::address(stage.engine()), id).await
}

async fn call_with(stage: &Stage, id: &str, secret: &str, key: Option<KeyLength>) -> Result<Caller, Reject> {
    Caller::call_with(srt::address(stage.engine()), id, Some(secret), key).await
}

/// Sends a second of pictures and sound; returns when they are in the hub.
async fn publish(stage: &Stage, caller: &mut Caller, path: &str) {
    let count = || {
        let live = stage.engine().streams().into_iter().find(|known| known.path.as_str() == path);
        live.map_or(0, |live| live.tracks.iter().map(|track| track.frames).sum::<u64>())
    };
    let before = count();
    caller.send_frames(&tracks(), &frames(&tracks(), 0, 1000)).await;
    caller.run(|_| count() > before + 10).await;
}

async fn enabled() {
    let mut stage = Stage::start(|config| config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()]).await;
    assert_eq!(stage.engine().srt().listeners().remove(0).state, ListenerState::Off);
    stage.set("srt.enabled", true).await;
    let mut caller = call(&stage, "publish:live/a").await.unwrap();
    publish(&stage, &mut caller, "live/a").await;
    stage.unharmed().await;
    stage.set("srt.enabled", false).await;
    caller.last().await;
    assert_eq!(stage.engine().srt().listeners().remove(0).state, ListenerState::Off);
    stage.unharmed().await;
}

async fn listen() {
    let mut stage = Stage::start(srt::on).await;
    let before = srt::address(stage.engine());
    let mut caller = call(&stage, "publish:live/a").await.unwrap();
    stage.set("srt.listen", json!(["localhost:0"])).await;
    assert_ne!(srt::address(stage.engine()), before);
    call(&stage, "publish:live/b").await.unwrap();
    // One socket carries all connections of a port, so those of the old one end with it.
    caller.last().await;
    stage.unharmed().await;
}

async fn latency_ms() {
    let mut stage = Stage::start(srt::on).await;
    let before = call(&stage, "publish:live/a").await.unwrap().connection().latency();
    stage.set("srt.latency_ms", 640).await;
    let after = call(&stage, "publish:live/b").await.unwrap().connection().latency();
    assert_eq!(before.send, Duration::from_secs(8));
    assert_eq!(after.send, Duration::from_millis(640));
    stage.unharmed().await;
}

async fn delivery() {
    let mut stage = Stage::start(|config| {
        srt::on(config);
        config.srt.latency_ms = 700.try_into().unwrap();
    })
    .await;
    stage.set("srt.delivery", "exact").await;
    let mut caller = call(&stage, "publish:live/a").await.unwrap();
    let began = Instant::now();
    publish(&stage, &mut caller, "live/a").await;
    assert!(began.elapsed() >= Duration::from_millis(650), "exactly one latency after it was sent, and no sooner");
    stage.unharmed().await;
}

async fn bare_stream_id() {
    let mut stage = Stage::start(srt::on).await;
    let role = |stage: &Stage| stage.engine().srt().links().first().map(|link| link.role);
    stage.set("srt.bare_stream_id", "publish").await;
    let caller = call(&stage, "live/a").await.unwrap();
    // Before a single byte was sent.
    until(stage.engine(), "its role", || (role(&stage) == Some(Role::Publish)).then_some(())).await;
    caller.close().await;
    until(stage.engine(), "its end", || role(&stage).is_none().then_some(())).await;
    stage.set("srt.bare_stream_id", "play").await;
    let _caller = call(&stage, "live/b").await.unwrap();
    until(stage.engine(), "its role", || matches!(role(&stage), Some(Role::Play(_))).then_some(())).await;
    stage.unharmed().await;
}

async fn default_path() {
    let mut stage = Stage::start(srt::on).await;
    stage.set("srt.default_path", "live/other").await;
    let mut caller = call(&stage, "").await.unwrap();
    publish(&stage, &mut caller, "live/other").await;
    stage.set("srt.default_path", "").await;
    assert_eq!(call(&stage, "").await.err(), Some(Reject::BAD_REQUEST));
    publish(&stage, &mut caller, "live/other").await;
    stage.unharmed().await;
}

async fn encryption() {
    let mut stage = Stage::start(srt::on).await;
    let secret = Secret::new("correct-horse".to_owned());
    stage.engine().secrets().set(passphrases::ONE, Some(secret)).unwrap();
    let mut before = call(&stage, "publish:live/a").await.unwrap();
    stage.set("srt.encryption", "one").await;
    assert_eq!(call(&stage, "publish:live/b").await.err(), Some(Reject::UNSECURE));
    let mut caller = call_with(&stage, "publish:live/b", "correct-horse", None).await.unwrap();
    publish(&stage, &mut caller, "live/b").await;
    publish(&stage, &mut before, "live/a").await;
    stage.unharmed().await;
}

async fn streams() {
    let mut stage = Stage::start(|config| {
        srt::on(config);
        config.srt.encryption = weir_engine::protocol::srt::Encryption::PerStream;
    })
    .await;
    let secret = Secret::new("correct-horse".to_owned());
    stage.engine().secrets().set(&passphrases::secret_of(&stream("live/a")), Some(secret)).unwrap();
    assert_eq!(call_with(&stage, "publish:live/a", "correct-horse", None).await.err(), Some(Reject::NOT_FOUND));
    stage.set("srt.streams", json!(["live/a"])).await;
    let mut caller = call_with(&stage, "publish:live/a", "correct-horse", None).await.unwrap();
    publish(&stage, &mut caller, "live/a").await;
    stage.unharmed().await;
}

async fn key_length() {
    let mut stage = Stage::start(|config| {
        srt::on(config);
        config.srt.encryption = weir_engine::protocol::srt::Encryption::One;
    })
    .await;
    let secret = Secret::new("correct-horse".to_owned());
    stage.engine().secrets().set(passphrases::ONE, Some(secret)).unwrap();
    stage.engine().apply(stage.engine().config()).await.unwrap();
    let key = Some(KeyLength::Aes128);
    let mut before = call_with(&stage, "publish:live/a", "correct-horse", key).await.unwrap();
    stage.set("srt.key_length", 32).await;
    let short = call_with(&stage, "publish:live/b", "correct-horse", key).await;
    assert_eq!(short.err(), Some(Reject::UNACCEPTABLE));
    call_with(&stage, "publish:live/b", "correct-horse", Some(KeyLength::Aes256)).await.unwrap();
    publish(&stage, &mut before, "live/a").await;
    stage.unharmed().await;
}

async fn passphrase_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, phrase: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, json!({ "live/a": phrase }).to_string()).unwrap();
        file
    };
    let (first, second) = (write("first.json", "first-phrase"), write("second.json", "second-phrase"));
    let mut stage = Stage::start(|config| {
        srt::on(config);
        config.srt.encryption = weir_engine::protocol::srt::Encryption::File;
        config.srt.passphrase_file = Some(first);
    })
    .await;
    let mut before = call_with(&stage, "publish:live/a", "first-phrase", None).await.unwrap();
    stage.set("srt.passphrase_file", second.to_str().unwrap()).await;
    assert_eq!(call_with(&stage, "read:live/a", "first-phrase", None).await.err(), Some(Reject::BAD_SECRET));
    call_with(&stage, "read:live/a", "second-phrase", None).await.unwrap();
    publish(&stage, &mut before, "live/a").await;
    assert!(stage.engine().streams().iter().any(|known| known.state == StreamState::Live));
    stage.unharmed().await;
}
