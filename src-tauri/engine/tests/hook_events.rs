//! Every event that hooks know, made to happen by real sessions over RTMP and over SRT, as a script is told of it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use support::rtmp::{Peer, Server};
use support::srt::{self, Caller};
use support::target::{Manner, Target as Receiver};
use support::{frames, stream, tracks, until};
use weir_engine::auth::{Given, Mode};
use weir_engine::config::Seconds;
use weir_engine::destination;
use weir_engine::hook::{Hook, Target};
use weir_engine::lifecycle::Kind;
use weir_media::Secret;
use weir_srt::handshake::Reject;

/// Whom an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Encoder,
    Player,
    Stranger,
    /// No connection, but a stream or what is made of it.
    Nobody,
}

/// An event, and what a hook is told of it.
struct Row {
    kind: Kind,
    whose: Whose,
    /// Looks at the data; it is given the protocol too.
    is_right: fn(&Value, &str) -> bool,
}

macro_rules! rows {
    ($($kind:ident of $whose:ident: $is_right:expr),* $(,)?) => {
        &[$(Row { kind: Kind::$kind, whose: Whose::$whose, is_right: $is_right }),*]
    };
}

/// Each of them is told at least once in each session.
const ROWS: &[Row] = rows![
    ConnectionAccept of Encoder: |data, protocol| is_here(data) && data["protocol"] == protocol && data["tls"] == false,
    HandshakeComplete of Encoder: |data, _| data.is_null(),
    AuthFailed of Stranger: |data, _| data["action"] == "publish" && says(data, "error", "key is not valid"),
    StreamCreate of Encoder: |data, _| data.is_null(),
    PublishStart of Encoder: |data, protocol| {
        is_here(data) && data["protocol"] == protocol && data["app"] == "live" && data["publishing_name"] == "show"
            && data["resumed"] == false
    },
    CodecDetected of Encoder: |data, _| data["kind"] == "video" && data["codec"] == "H.264" && data["track"] == 0,
    DestinationState of Nobody: |data, _| data["id"] == "leg" && data["name"] == "Leg" && data["state"] == "live",
    PlayStart of Player: |data, protocol| is_here(data) && data["protocol"] == protocol && data["app"] == "live",
    SubscriberCount of Nobody: |data, _| data["count"] == 1,
    PlayStop of Player: |data, protocol| data["protocol"] == protocol && some(data, "frames") && some(data, "total_bytes"),
    RecordingStart of Nobody: |data, _| says(data, "file", "recordings") && says(data, "id", ""),
    RecordingComplete of Nobody: |data, _| {
        says(data, "file", "recordings") && some(data, "total_bytes") && some(data, "duration_sec")
    },
    RecordingError of Nobody: |data, _| data["code"] == "folder_missing" && says(data, "error", "folder"),
    StreamHealth of Nobody: |data, _| data["health"] == "bad" && says(data, "reason", "Nothing has arrived for"),
    PublishStop of Encoder: |data, protocol| {
        data["protocol"] == protocol && data["video_codec"] == "H.264" && data["audio_codec"] == "AAC"
            && some(data, "video_packets") && some(data, "audio_packets") && some(data, "total_bytes")
    },
    ConnectionClose of Encoder: |data, protocol| {
        data["role"] == "publisher" && data["protocol"] == protocol && some(data, "duration_sec")
    },
    StreamDelete of Nobody: |data, _| says(data, "reason", ""),
];

fn is_here(data: &Value) -> bool {
    says(data, "remote_addr", "127.0.0.1:")
}

fn says(data: &Value, name: &str, words: &str) -> bool {
    data[name].as_str().is_some_and(|text| !text.is_empty() && text.contains(words))
}

fn some(data: &Value, name: &str) -> bool {
    data[name].as_f64().is_some_and(|number| number > 0.0)
}

#[test]
fn every_event_has_one_row() {
    let rows: Vec<Kind> = ROWS.iter().map(|row| row.kind).collect();
    let once: BTreeSet<Kind> = rows.iter().copied().collect();
    assert_eq!(once.len(), rows.len(), "an event is there twice: {rows:?}");
    let missing: Vec<_> = Kind::ALL.iter().filter(|kind| !once.contains(kind)).collect();
    assert!(missing.is_empty(), "events without a row: {missing:?}");
}

/// What the script was told so far, each event a line of JSON.
#[derive(Clone)]
struct Told(PathBuf);

impl Told {
    fn all(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn of(&self, kind: Kind) -> Vec<Value> {
        self.all().into_iter().filter(|event| event["type"] == kind.name()).collect()
    }

    fn has(&self, kind: Kind, is_it: impl Fn(&Value) -> bool) -> bool {
        self.of(kind).iter().any(|event| is_it(&event["data"]))
    }
}

const RIGHT: &str = "canary-right";

/// One end of a session.
enum End {
    Rtmp(Peer),
    Srt(Box<Caller>),
}

impl End {
    async fn publish(server: &Server, protocol: &str) -> Self {
        match protocol {
            "rtmp" => Self::Rtmp(server.publish(&format!("show?token={RIGHT}")).await),
            _ => Self::Srt(call(server, &format!("publish:live/show?token={RIGHT}")).await.ok().unwrap()),
        }
    }

    async fn play(server: &Server, protocol: &str) -> Self {
        match protocol {
            "rtmp" => Self::Rtmp(server.play(&format!("show?token={RIGHT}")).await),
            _ => Self::Srt(call(server, &format!("read:live/show?token={RIGHT}")).await.ok().unwrap()),
        }
    }

    /// Sends the part of a stream that begins at so many milliseconds.
    async fn send(&mut self, from: u32, to: u32) {
        match self {
            Self::Rtmp(peer) => {
                if from == 0 {
                    peer.send_headers(0).await;
                }
                for at in (from..to).step_by(40) {
                    peer.send_video(at, at % 1000 == 0, &at.to_be_bytes()).await;
                    peer.send_audio(at, &at.to_be_bytes()).await;
                }
            }
            Self::Srt(caller) => caller.send_frames(&tracks(), &frames(&tracks(), from.into(), to.into())).await,
        }
    }

    /// Stays connected until it is so.
    async fn stay(&mut self, server: &Server, what: &str, mut is_so: impl FnMut() -> bool) {
        match self {
            Self::Rtmp(_) => until(&server.engine, what, || is_so().then_some(())).await,
            Self::Srt(caller) => {
                caller.run(|_| is_so()).await;
                assert!(caller.closed.is_none(), "closed before: {what}");
            }
        }
    }

    /// Receives something of the stream.
    async fn receive(&mut self) {
        match self {
            Self::Rtmp(peer) => drop(peer.media_until(|message| message.type_id == 9).await),
            Self::Srt(caller) => caller.run(|caller| caller.received.len() > 10_000).await,
        }
    }

    async fn leave(self) {
        match self {
            Self::Rtmp(peer) => drop(peer),
            Self::Srt(caller) => caller.close().await,
        }
    }
}

async fn call(server: &Server, id: &str) -> Result<Box<Caller>, Reject> {
    Caller::call(srt::address(&server.engine), id).await.map(Box::new)
}

/// Somebody with a wrong key.
async fn strange(server: &Server, protocol: &str) {
    if protocol == "rtmp" {
        let mut peer = server.peer().await;
        peer.publish("show?token=canary-wrong").await;
        assert_eq!(peer.last_words().await, ["NetStream.Publish.Denied"]);
    } else {
        let refused = call(server, "publish:live/show?token=canary-wrong").await;
        assert_eq!(refused.err(), Some(Reject::UNAUTHORIZED));
    }
}

fn script(folder: &Path) -> (Hook, Told) {
    let told = folder.join("told");
    let target =
        Target::Script { path: "sh".into(), arguments: vec!["-c".to_owned(), format!("cat >> {}", told.display())] };
    (Hook::new("all".to_owned(), String::new(), true, Kind::ALL.to_vec(), target).unwrap(), Told(told))
}

/// A session in which everything happens, in the order of [`ROWS`].
async fn session(protocol: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (hook, told) = script(folder.path());
    let platform = Receiver::start(|_| Manner::Take).await;
    let leg = destination::Config { name: "Leg".to_owned(), ..destination::Config::new("leg", platform.url()) };
    let token = Given { path: stream("live/show"), action: None, token: Secret::new(RIGHT.to_owned()) };
    let change = |config: &mut weir_engine::Config| {
        srt::on(config);
        // Each step of the session waits for it.
        config.srt.latency_ms = 2000.try_into().unwrap();
        config.auth.mode = Mode::Token;
        config.streams.grace_seconds = Seconds::from(Duration::from_millis(50));
        config.hooks.list = vec![hook];
        // One after the other, so that the order is that in which it happened.
        config.hooks.concurrency = 1.try_into().unwrap();
        config.destinations = vec![leg];
    };
    let server = Server::start_with(change, |settings| settings.lend_tokens([token])).await;
    let (engine, path) = (&server.engine, stream("live/show"));

    strange(&server, protocol).await;
    let mut encoder = End::publish(&server, protocol).await;
    encoder.send(0, 2000).await;
    encoder.stay(&server, "the destination", || told.has(Kind::DestinationState, |data| data["state"] == "live")).await;

    let mut player = End::play(&server, protocol).await;
    encoder.send(2000, 4000).await;
    let watched = async {
        player.receive().await;
        player.leave().await;
    };
    tokio::join!(watched, encoder.stay(&server, "the player's end", || told.has(Kind::PlayStop, |_| true)));

    engine.recordings().record(&path).unwrap();
    encoder.send(4000, 6000).await;
    encoder.stay(&server, "the recording", || told.has(Kind::RecordingStart, |_| true)).await;
    engine.recordings().stop(&path);
    encoder.stay(&server, "its end", || told.has(Kind::RecordingComplete, |_| true)).await;

    // A file is in the place of the folder.
    let mut config = engine.config();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "no folder").unwrap();
    config.recording.dir = Some(taken.join("below"));
    engine.apply(config).await.unwrap();
    engine.recordings().record(&path).unwrap();
    encoder.send(6000, 8000).await;
    encoder.stay(&server, "the fault", || told.has(Kind::RecordingError, |_| true)).await;

    encoder.stay(&server, "that it is silent", || told.has(Kind::StreamHealth, |data| data["health"] == "bad")).await;
    encoder.leave().await;
    until(engine, "the end of the stream", || told.has(Kind::StreamDelete, |_| true).then_some(())).await;

    let events = told.all();
    let ids = |kind: Kind| told.of(kind).into_iter().map(|event| event["conn_id"].clone()).collect::<Vec<_>>();
    let (encoder, player) = (ids(Kind::PublishStart).remove(0), ids(Kind::PlayStart).remove(0));
    assert!(encoder.is_string() && player.is_string() && encoder != player);
    let mut last = 0;
    for Row { kind, whose, is_right } in ROWS {
        let of_whom = |event: &Value| match whose {
            Whose::Encoder => event["conn_id"] == encoder,
            Whose::Player => event["conn_id"] == player,
            Whose::Stranger => event["conn_id"] != encoder && event["conn_id"] != player,
            Whose::Nobody => event.get("conn_id").is_none(),
        };
        let is_it = |event: &Value| {
            event["type"] == kind.name()
                && of_whom(event)
                && is_right(event.get("data").unwrap_or(&Value::Null), protocol)
        };
        let at =
            events.iter().position(is_it).unwrap_or_else(|| panic!("{kind} over {protocol}: {:#?}", told.of(*kind)));
        let event = &events[at];
        assert!(event["timestamp"].as_u64().unwrap() > 1_700_000_000, "{event}");
        let is_of_stream = !matches!(kind, Kind::ConnectionAccept | Kind::HandshakeComplete);
        assert_eq!(event["stream_key"], if is_of_stream { "live/show".into() } else { Value::Null }, "{event}");
        // A stranger comes and goes beside the others, and on a slow machine a stream may be silent more than once.
        if *whose != Whose::Stranger && *kind != Kind::StreamHealth {
            assert!(at >= last, "{kind} over {protocol} is told too early: {events:#?}");
            last = at;
        }
    }
    assert!(!std::fs::read_to_string(&told.0).unwrap().contains("canary"), "no key is told");
    let report = engine.hooks().report("all");
    assert_eq!((report.failed, report.left_out), (0, 0), "{report:?}");
    engine.shutdown().await;
}

#[tokio::test]
async fn every_event_of_a_session_over_rtmp_is_told_in_order() {
    session("rtmp").await;
}

#[tokio::test]
async fn every_event_of_a_session_over_srt_is_told_in_order() {
    session("srt").await;
}
