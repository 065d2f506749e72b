//! The life cycle: every event of real RTMP sessions, in order.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use support::PATIENCE;
use support::rtmp::Server;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;
use weir_engine::config::Seconds;
use weir_engine::lifecycle::{Event, Kind, Totals};

/// Everything up to and with the first of `kind`.
async fn up_to(events: &mut Receiver<Arc<Event>>, kind: Kind) -> Vec<Arc<Event>> {
    let mut seen = Vec::new();
    let search = async {
        loop {
            let event = events.recv().await.unwrap();
            seen.push(Arc::clone(&event));
            if event.kind() == kind {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("{kind} never came"));
    seen
}

fn kinds(events: &[Arc<Event>]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind().name()).collect()
}

#[tokio::test]
async fn a_publisher_and_a_player_over_rtmp_are_told_in_order_with_what_they_did() {
    let server = Server::start(|config| config.streams.grace_seconds = Seconds::from(Duration::from_millis(50))).await;
    let life = server.engine.context().life.clone();
    let mut events = life.listen();

    let mut publisher = server.publish("show").await;
    let began = up_to(&mut events, Kind::PublishStart).await;
    assert_eq!(kinds(&began), ["connection_accept", "handshake_complete", "stream_create", "publish_start"]);
    let id = began[0].connection.unwrap();
    assert!(began.iter().all(|event| event.connection == Some(id)), "{began:?}");
    assert_eq!(began[3].path.as_ref().unwrap().as_str(), "live/show");
    let data = began[0].what.data(None);
    assert_eq!((&data["tls"], &data["protocol"]), (&json!(false), &json!("rtmp")));
    assert!(data["remote_addr"].as_str().unwrap().starts_with("127.0.0.1:"));
    let data = began[3].what.data(began[3].path.as_ref());
    assert_eq!((&data["app"], &data["publishing_name"]), (&json!("live"), &json!("show")));

    publisher.send_headers(0).await;
    for at in 0..3 {
        publisher.send_video(at * 40, at == 0, b"picture").await;
        publisher.send_audio(at * 40, b"sound").await;
    }
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"sound")).await;
    let played = up_to(&mut events, Kind::SubscriberCount).await;
    let names = kinds(&played);
    // Each once, although picture and sound became known one after the other.
    let codecs = names.iter().filter(|name| **name == "codec_detected").count();
    assert_eq!(codecs, 2, "{names:?}");
    let rest: Vec<_> = names.into_iter().filter(|name| *name != "codec_detected").collect();
    assert_eq!(rest, ["connection_accept", "handshake_complete", "play_start", "subscriber_count"]);
    assert_eq!(played.last().unwrap().what.data(None)["count"], 1);
    let open = life.connections();
    assert_eq!(open.iter().map(|open| open.role.name()).collect::<Vec<_>>(), ["publisher", "subscriber"]);

    drop(player);
    let left = up_to(&mut events, Kind::ConnectionClose).await;
    assert_eq!(kinds(&left), ["play_stop", "subscriber_count", "connection_close"]);
    assert_eq!(left[1].what.data(None)["count"], 0);
    assert_eq!(left[2].what.data(None)["role"], "subscriber");

    drop(publisher);
    let left = up_to(&mut events, Kind::StreamDelete).await;
    assert_eq!(kinds(&left), ["publish_stop", "connection_close", "stream_delete"]);
    let data = left[0].what.data(None);
    assert_eq!((&data["video_packets"], &data["audio_packets"]), (&json!(3), &json!(3)));
    assert_eq!((&data["video_codec"], &data["audio_codec"]), (&json!("H.264"), &json!("AAC")));
    assert!(data["total_bytes"].as_u64().unwrap() > 0);
    assert_eq!(left[1].what.data(None)["role"], "publisher");
    let totals = life.totals();
    assert_eq!(Totals::now(&totals.connections), 2);
    assert_eq!((Totals::now(&totals.publishers), Totals::now(&totals.players)), (1, 1));
    assert_eq!((Totals::now(&totals.video_frames), Totals::now(&totals.audio_frames)), (3, 3));
    assert!(life.connections().is_empty());
}

#[tokio::test]
async fn a_stranger_is_accepted_counted_and_closed_but_never_shakes_hands() {
    let server = Server::start(|_| ()).await;
    let life = server.engine.context().life.clone();
    let mut events = life.listen();
    let mut stranger = TcpStream::connect(server.address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let seen = up_to(&mut events, Kind::ConnectionClose).await;
    assert_eq!(kinds(&seen), ["connection_accept", "connection_close"]);
    assert_eq!(seen[1].what.data(None)["role"], "none");
    assert_eq!(Totals::now(&life.totals().handshake_failures), 1);
}

/// Fault 44 of the predecessor: after failed auths its shutdown timed out, so that recordings were not closed.
#[tokio::test]
async fn fault_44_a_shutdown_after_refused_clients_is_quick_and_closes_recordings() {
    use weir_engine::recording::EntryState;

    let server = Server::start(|config| {
        config.recording.record_all = true;
        config.streams.play_wait_seconds = Seconds::new(0);
    })
    .await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"picture").await;
    publisher.send_video(40, false, b"picture").await;
    // Refused in both ways there are: a path in use, and one that nobody publishes.
    let mut refused = Vec::new();
    for _ in 0..10 {
        let mut second = server.peer().await;
        second.publish("show").await;
        assert_eq!(second.status().await, "NetStream.Publish.BadName");
        let mut nobody = server.peer().await;
        nobody.play("nothing").await;
        nobody.last_words().await;
        refused.extend([second, nobody]);
    }
    support::until(&server.engine, "the recording", || {
        server.engine.recordings().status().iter().any(|recording| recording.file.is_some()).then_some(())
    })
    .await;
    let began = std::time::Instant::now();
    server.engine.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Each task was asked to end, and does.
    let left = server.engine.context().supervisor.shutdown(PATIENCE).await;
    assert_eq!(left, 0, "tasks that do not listen");
    let files = server.engine.recordings().list().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0].state, EntryState::Complete, "{files:?}");
}
