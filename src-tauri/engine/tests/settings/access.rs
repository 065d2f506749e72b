//! Settings of who may enter, and of how much strangers may ask.

use serde_json::json;
use weir_amf0::Value;
use weir_engine::auth::Mode;
use weir_engine::config::Seconds;
use weir_rtmp::command::Command;

use crate::stage::{Row, Stage, rows};
use crate::support::callback::{Callback, answer};
use crate::support::rtmp::Peer;

pub(crate) const ROWS: &[Row] = rows![
    "auth.mode" => mode,
    "auth.open_playback" => open_playback,
    "auth.file" => file,
    "auth.callback" => callback,
    "auth.callback_timeout_seconds" => callback_timeout_seconds,
    "auth.wrong_tries" => wrong_tries,
    "auth.wrong_try_seconds" => wrong_try_seconds,
    "limits.connections" => connections,
    "limits.connections_per_address" => connections_per_address,
    "limits.streams" => streams,
    "limits.players_per_stream" => players_per_stream,
    "limits.publisher_megabits" => publisher_megabits,
];

const DENIED: &str = "NetStream.Publish.Denied";
const START: &str = "NetStream.Publish.Start";

/// Who could not enter now has to go; the witness has a key.
async fn mode() {
    let mut stage = Stage::start(|_| ()).await;
    let (started, mut stranger) = stage.try_publish("stranger").await;
    assert_eq!(started, START);
    let (_, mut viewer) = stage.try_play("witness").await;
    stage.set("auth.mode", "token").await;
    assert_eq!(stranger.last_words().await.last().map(String::as_str), Some(DENIED));
    assert_eq!(viewer.last_words().await.last().map(String::as_str), Some("NetStream.Play.Failed"));
    assert_eq!(stage.try_publish("stranger").await.0, DENIED);
    stage.unharmed().await;
    stage.set("auth.mode", "none").await;
    assert_eq!(stage.try_publish("stranger").await.0, START);
    stage.unharmed().await;
}

async fn open_playback() {
    let mut stage = Stage::start(|config| config.auth.mode = Mode::Token).await;
    assert_eq!(stage.try_play("witness").await.0, "NetStream.Play.Failed");
    stage.set("auth.open_playback", true).await;
    let (started, mut viewer) = stage.try_play("witness").await;
    assert_eq!(started, "NetStream.Play.Reset");
    stage.unharmed().await;
    stage.set("auth.open_playback", false).await;
    assert_eq!(viewer.last_words().await.last().map(String::as_str), Some("NetStream.Play.Failed"));
    stage.unharmed().await;
}

async fn file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, token: &str| {
        let file = folder.path().join(name);
        let text = json!({ "live/witness": "witness-key", "live/show": token }).to_string();
        std::fs::write(&file, text).unwrap();
        file
    };
    let (first, second) = (write("first.json", "one"), write("second.json", "two"));
    let mut stage = Stage::start(|config| {
        config.auth.mode = Mode::File;
        config.auth.file = Some(first);
    })
    .await;
    let (_, mut old) = stage.try_publish("show?token=one").await;
    stage.set("auth.file", second.to_str().unwrap()).await;
    assert_eq!(old.last_words().await.last().map(String::as_str), Some(DENIED), "its token is in the file no more");
    assert_eq!(stage.try_publish("show?token=two").await.0, START);
    stage.unharmed().await;
}

async fn callback() {
    let (first, second) = (Callback::allowing(&["witness", "stranger"]).await, Callback::allowing(&["witness"]).await);
    let mut stage = Stage::start(first.config()).await;
    let (started, mut stranger) = stage.try_publish("stranger").await;
    assert_eq!(started, START);
    stage.set("auth.callback", second.url.clone()).await;
    assert_eq!(stranger.last_words().await.last().map(String::as_str), Some(DENIED), "the new one was asked");
    assert_eq!(stage.try_publish("stranger").await.0, DENIED);
    stage.unharmed().await;
}

async fn callback_timeout_seconds() {
    let slow = Callback::start(|body| if body.contains("witness") { answer("200 OK") } else { None }).await;
    let mut stage = Stage::start(|config| {
        slow.config()(config);
        config.auth.callback_timeout_seconds = Seconds::new(3600);
    })
    .await;
    stage.set("auth.callback_timeout_seconds", 0.2).await;
    assert_eq!(stage.try_publish("stranger").await.0, "NetStream.Publish.Rejected");
    stage.unharmed().await;
}

async fn wrong_tries() {
    let mut stage = Stage::start(|config| {
        config.auth.mode = Mode::Token;
        config.auth.wrong_tries = 1000;
        config.auth.wrong_try_seconds = Seconds::new(3600);
    })
    .await;
    for _ in 0..5 {
        assert_eq!(stage.try_publish("show?token=guess").await.0, DENIED);
    }
    assert!(!stage.server.problems().contains(&"too_many_wrong_keys".to_owned()));
    stage.set("auth.wrong_tries", 3).await;
    assert_eq!(stage.try_publish("show?token=guess").await.0, DENIED);
    stage.reported("too_many_wrong_keys").await;
    stage.unharmed().await;
}

async fn wrong_try_seconds() {
    let mut stage = Stage::start(|config| {
        config.auth.mode = Mode::Token;
        config.auth.wrong_tries = 1;
        config.auth.wrong_try_seconds = Seconds::new(3600);
    })
    .await;
    stage.try_publish("show?token=guess").await;
    assert_eq!(stage.try_play("witness?token=witness-key").await.0, "NetStream.Play.Failed", "it is shut out");
    stage.set("auth.wrong_try_seconds", 0.001).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(stage.try_play("witness?token=witness-key").await.0, "NetStream.Play.Reset", "it is forgiven");
    stage.unharmed().await;
}

/// What a new connection is told.
async fn told(stage: &Stage) -> String {
    let mut peer = Peer::shake_hands(stage.server.address).await;
    let object = Value::object([("app", "live"), ("tcUrl", "rtmp://127.0.0.1/live")]);
    peer.command(0, &Command::new("connect", 1.0, []).with_object(object)).await;
    peer.answer().await.name
}

async fn connections() {
    let mut stage = Stage::start(|_| ()).await;
    assert_eq!(told(&stage).await, "_result");
    stage.set("limits.connections", 2).await;
    assert_eq!(told(&stage).await, "_error");
    stage.reported("too_many_connections").await;
    stage.unharmed().await;
    stage.set("limits.connections", 9).await;
    assert_eq!(told(&stage).await, "_result");
}

async fn connections_per_address() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("limits.connections_per_address", 2).await;
    assert_eq!(told(&stage).await, "_error");
    stage.reported("too_many_connections_from_address").await;
    stage.unharmed().await;
}

async fn streams() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("limits.streams", 1).await;
    assert_eq!(stage.try_publish("another").await.0, "NetStream.Publish.Rejected");
    stage.reported("too_many_streams").await;
    stage.unharmed().await;
}

async fn players_per_stream() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("limits.players_per_stream", 1).await;
    assert_eq!(stage.try_play("witness").await.0, "NetStream.Play.Failed");
    stage.reported("too_many_players").await;
    stage.unharmed().await;
}

async fn publisher_megabits() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("limits.publisher_megabits", 1).await;
    let (_, mut fast) = stage.try_publish("fast").await;
    fast.send_headers(0).await;
    let picture = vec![1; 100_000];
    for n in 0..14 {
        fast.send_video(n * 40, n == 0, &picture).await;
    }
    assert_eq!(fast.last_words().await, ["NetStream.Publish.Rejected"]);
    stage.reported("publisher_too_fast").await;
    stage.unharmed().await;
}
