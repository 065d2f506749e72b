//! Settings of the RTMP server and of live streams.

use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use weir_amf0::Value;
use weir_engine::config::Seconds;
use weir_engine::status::ListenerState;
use weir_rtmp::message::kind;

use crate::stage::{Row, Stage, rows};
use crate::support::rtmp::Peer;
use crate::support::until;

pub(crate) const ROWS: &[Row] = rows![
    "rtmp.enabled" => enabled,
    "rtmp.listen" => listen,
    "rtmp.chunk_size" => chunk_size,
    "rtmp.handshake_seconds" => handshake_seconds,
    "rtmp.idle_seconds" => idle_seconds,
    "rtmp.write_seconds" => write_seconds,
    "rtmp.max_message_bytes" => max_message_bytes,
    "rtmp.max_bytes_before_connect" => max_bytes_before_connect,
    "rtmp.max_chunk_streams" => max_chunk_streams,
    "rtmp.max_amf_depth" => max_amf_depth,
    "streams.grace_seconds" => grace_seconds,
    "streams.play_wait_seconds" => play_wait_seconds,
    "streams.duplicate_publisher" => duplicate_publisher,
];

/// Where the first RTMP listener is now.
fn bound(stage: &Stage) -> Option<std::net::SocketAddr> {
    match stage.engine().listeners().remove(0).state {
        ListenerState::Listening { bound } => bound.first().copied(),
        _ => None,
    }
}

async fn enabled() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.enabled", false).await;
    // This is what ends connections: that the server is switched off.
    let _ = stage.publisher.last_words().await;
    assert!(TcpStream::connect(stage.server.address).await.is_err());
    stage.set("rtmp.enabled", true).await;
    Peer::connect(bound(&stage).expect("it listens again")).await;
}

async fn listen() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.listen", json!(["localhost:0"])).await;
    Peer::connect(bound(&stage).expect("it listens there")).await;
    assert!(TcpStream::connect(stage.server.address).await.is_err(), "and no longer where it was");
    stage.unharmed().await;
}

async fn chunk_size() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.chunk_size", 777).await;
    assert_eq!(stage.server.peer().await.told_chunk_size(), 777);
    assert_ne!(stage.player.told_chunk_size(), 777, "who came before has what it was told");
    stage.unharmed().await;
}

async fn handshake_seconds() {
    let mut stage = Stage::start(|config| config.rtmp.handshake_seconds = Seconds::new(3600)).await;
    let mut before = TcpStream::connect(stage.server.address).await.unwrap();
    stage.unharmed().await;
    stage.set("rtmp.handshake_seconds", 0.2).await;
    let mut silent = TcpStream::connect(stage.server.address).await.unwrap();
    let _ = silent.read(&mut [0]).await;
    stage.reported("handshake_timeout").await;
    let quiet = tokio::time::timeout(std::time::Duration::from_millis(50), before.read(&mut [0])).await;
    assert!(quiet.is_err(), "who came before has the time it was given");
    stage.unharmed().await;
}

async fn idle_seconds() {
    let mut stage = Stage::start(|config| config.rtmp.idle_seconds = Seconds::new(3600)).await;
    stage.set("rtmp.idle_seconds", 0.4).await;
    let mut silent = stage.server.publish("silent").await;
    silent.answers_pings = false;
    let _ = silent.last_words().await;
    stage.reported("peer_silent").await;
    stage.unharmed().await;
}

async fn write_seconds() {
    let mut stage = Stage::start(|config| config.rtmp.write_seconds = Seconds::new(3600)).await;
    stage.set("rtmp.write_seconds", 0.4).await;
    let mut publisher = stage.server.publish("bulk").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let _stalled = stage.server.play("bulk").await;
    let filler = vec![1; 200_000];
    for n in 1..100_u32 {
        publisher.send_video(n * 40, n % 25 == 0, &filler).await;
    }
    stage.reported("player_stalled").await;
    stage.unharmed().await;
}

async fn max_message_bytes() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.max_message_bytes", 50_000).await;
    let mut long = stage.server.publish("long").await;
    long.send(1, kind::VIDEO, 0, &vec![0x17; 50_001]).await;
    assert!(long.last_words().await.is_empty());
    stage.unharmed().await;
}

async fn max_bytes_before_connect() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.max_bytes_before_connect", 5_000).await;
    let mut peer = Peer::shake_hands(stage.server.address).await;
    for _ in 0..50 {
        peer.send(0, kind::DATA, 0, &[0; 100]).await;
    }
    assert!(peer.last_words().await.is_empty());
    stage.reported("protocol_error").await;
    assert!(stage.engine().context().problems.list()[0].message.contains("5000 bytes"));
    stage.unharmed().await;
}

async fn max_chunk_streams() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.max_chunk_streams", 4).await;
    let mut many = stage.server.publish("many").await;
    for csid in 10..14_u8 {
        many.send_raw(&[csid, 0, 0, 0, 0, 0, 0, 0x12, 1, 0, 0, 0]).await;
    }
    assert!(many.last_words().await.is_empty());
    stage.reported("protocol_error").await;
    stage.unharmed().await;
}

async fn max_amf_depth() {
    let mut stage = Stage::start(|_| ()).await;
    stage.set("rtmp.max_amf_depth", 3).await;
    let nested = |levels: usize| (0..levels).fold(Value::from(1.0), |inside, _| Value::object([("a", inside)]));
    let data = |levels| crate::support::rtmp::data(&[Value::from("onCuePoint"), nested(levels)]);
    let mut publisher = stage.server.publish("deep").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = stage.server.play("deep").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    publisher.send(1, kind::DATA, 40, &data(4)).await;
    publisher.send(1, kind::DATA, 40, &data(3)).await;
    publisher.send_video(80, false, b"last").await;
    let seen = player.media_until(|message| message.payload.ends_with(b"last")).await;
    let cues = seen.iter().filter(|message| message.payload.get(3..).is_some_and(|it| it.starts_with(b"onCuePoint")));
    let passed: Vec<_> = cues.map(|message| &message.payload[..]).collect();
    assert_eq!(passed, [&data(3)[..]], "what is deeper is left out");
    stage.unharmed().await;
}

async fn grace_seconds() {
    let mut stage = Stage::start(|config| config.streams.grace_seconds = Seconds::new(3600)).await;
    let there = |stage: &Stage| stage.engine().streams().iter().any(|stream| stream.path.as_str() == "live/gone");
    stage.set("streams.grace_seconds", 0.1).await;
    drop(stage.server.publish("gone").await);
    until(stage.engine(), "its end", || (!there(&stage)).then_some(())).await;
    stage.unharmed().await;
}

async fn play_wait_seconds() {
    let mut stage = Stage::start(|config| config.streams.play_wait_seconds = Seconds::new(3600)).await;
    stage.set("streams.play_wait_seconds", 0.1).await;
    assert_eq!(stage.try_play("nothing").await.0, "NetStream.Play.StreamNotFound");
    stage.unharmed().await;
}

async fn duplicate_publisher() {
    let mut stage = Stage::start(|_| ()).await;
    let mut first = stage.server.publish("twice").await;
    assert_eq!(stage.try_publish("twice").await.0, "NetStream.Publish.BadName");
    stage.set("streams.duplicate_publisher", "replace").await;
    assert_eq!(stage.try_publish("twice").await.0, "NetStream.Publish.Start");
    assert!(!first.last_words().await.is_empty(), "it is told that another took over");
    stage.unharmed().await;
}
