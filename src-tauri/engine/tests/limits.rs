//! Every limit with its effect, and that nothing else is hit by it.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use support::rtmp::{Peer, Server};
use support::until;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use weir_amf0::Value;
use weir_engine::Config;
use weir_engine::config::Seconds;
use weir_rtmp::command::Command;
use weir_rtmp::message::kind;

async fn reported(server: &Server, code: &str) {
    until(&server.engine, code, || server.problems().iter().any(|known| known == code).then_some(())).await;
}

/// What a client that only shakes hands and connects is told.
async fn told(server: &Server) -> String {
    let mut peer = Peer::shake_hands(server.address).await;
    let object = Value::object([("app", "live"), ("tcUrl", "rtmp://127.0.0.1/live")]);
    peer.command(0, &Command::new("connect", 1.0, []).with_object(object)).await;
    let answer = peer.answer().await;
    let text = answer.argument(0).get("description").and_then(Value::as_str).unwrap().to_owned();
    assert!(answer.name == "_result" || peer.next().await.is_none(), "it is closed after that");
    format!("{}: {text}", answer.name)
}

#[tokio::test]
async fn connections_beyond_the_limits_are_told_so_and_become_possible_again() {
    for (change, code, words) in [
        ((|config| config.limits.connections = 2) as fn(&mut Config), "too_many_connections", "already 2 connections."),
        (
            |config| config.limits.connections_per_address = 2,
            "too_many_connections_from_address",
            "2 connections from this address",
        ),
    ] {
        let server = Server::start(change).await;
        let publisher = server.publish("show").await;
        let _other = server.publish("other").await;
        let told_full = told(&server).await;
        assert!(told_full.starts_with("_error: The server is full") && told_full.contains(words), "{told_full}");
        reported(&server, code).await;
        drop(publisher);
        until(&server.engine, "a free place", || (server.engine.context().places.taken_now() < 2).then_some(())).await;
        assert!(told(&server).await.starts_with("_result"));
    }
}

#[tokio::test]
async fn a_limit_can_be_changed_while_it_holds() {
    let server = Server::start(|config| config.limits.connections = 1).await;
    let _publisher = server.publish("show").await;
    assert!(told(&server).await.starts_with("_error"));
    let mut config = server.engine.config();
    config.limits.connections = 5;
    server.engine.apply(config).await.unwrap();
    assert!(told(&server).await.starts_with("_result"));
}

#[tokio::test]
async fn streams_and_players_beyond_the_limits_are_refused() {
    let server = Server::start(|config| (config.limits.streams, config.limits.players_per_stream) = (1, 1)).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut peer = server.peer().await;
    peer.publish("another").await;
    assert_eq!(peer.last_words().await, ["NetStream.Publish.Rejected"]);
    reported(&server, "too_many_streams").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let mut peer = server.peer().await;
    peer.play("show").await;
    assert_eq!(peer.last_words().await, ["NetStream.Play.Failed"]);
    reported(&server, "too_many_players").await;
    publisher.send_video(40, true, b"second").await;
    player.media_until(|message| message.payload.ends_with(b"second")).await;
}

#[tokio::test]
async fn a_publisher_that_sends_too_much_is_ended_and_told() {
    let server = Server::start(|config| config.limits.publisher_megabits = 1).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    // Ten seconds' worth may come at once: 1.25 MB.
    let picture = vec![1; 100_000];
    for n in 0..11 {
        publisher.send_video(n * 40, n == 0, &picture).await;
    }
    publisher.command(0, &Command::new("getStreamLength", 9.0, [])).await;
    while publisher.answer().await.transaction != 9.0 {}
    for n in 11..14 {
        publisher.send_video(n * 40, false, &picture).await;
    }
    assert_eq!(publisher.last_words().await, ["NetStream.Publish.Rejected"]);
    reported(&server, "publisher_too_fast").await;
}

#[tokio::test]
async fn messages_chunk_streams_and_nesting_beyond_the_limits_end_one_connection() {
    let change = |config: &mut Config| {
        config.rtmp.max_message_bytes = 50_000;
        config.rtmp.max_chunk_streams = 4;
        config.rtmp.max_amf_depth = 3;
    };
    let server = Server::start(change).await;
    let mut good = server.publish("good").await;
    good.send_headers(0).await;

    let mut long = server.publish("long").await;
    long.send(1, kind::VIDEO, 0, &vec![0x17; 50_001]).await;
    assert!(long.last_words().await.is_empty());

    let mut many = server.publish("many").await;
    // Commands came by one chunk stream so far; these come by others.
    for csid in 10..14_u8 {
        many.send_raw(&[csid, 0, 0, 0, 0, 0, 0, 0x12, 1, 0, 0, 0]).await;
    }
    assert!(many.last_words().await.is_empty());
    until(&server.engine, "two reports", || {
        (server.problems().iter().filter(|code| *code == "protocol_error").count() == 2).then_some(())
    })
    .await;

    // What is nested too deep is not read: a connect without an application cannot be understood.
    let mut deep = Value::from("live");
    for _ in 0..4 {
        deep = Value::object([("app", deep)]);
    }
    let mut peer = Peer::shake_hands(server.address).await;
    peer.command(0, &Command::new("connect", 1.0, []).with_object(deep)).await;
    assert!(peer.last_words().await.is_empty(), "closed without an answer");

    good.send_video(0, true, b"still here").await;
    server.play("good").await.media_until(|message| message.payload.ends_with(b"still here")).await;
}

#[tokio::test]
async fn who_talks_on_and_on_before_connecting_is_cut() {
    let server = Server::start(|config| config.rtmp.max_bytes_before_connect = 5_000).await;
    let mut peer = Peer::shake_hands(server.address).await;
    for _ in 0..50 {
        peer.send(0, kind::DATA, 0, &[0; 100]).await;
    }
    assert!(peer.last_words().await.is_empty());
    reported(&server, "protocol_error").await;
    assert!(server.engine.context().problems.list()[0].message.contains("5000 bytes"));
}

#[tokio::test]
async fn a_silent_peer_is_cut_and_a_player_that_pauses_is_not() {
    let change = |config: &mut Config| config.rtmp.idle_seconds = Seconds::from(Duration::from_millis(600));
    let server = Server::start(change).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut paused = server.play("show").await;
    paused.media_until(|message| message.payload.ends_with(b"first")).await;
    paused.command(1, &Command::new("pause", 0.0, [Value::from(true), Value::from(0.0)])).await;
    while paused.status().await != "NetStream.Pause.Notify" {}
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // The encoder falls silent: it answers no ping and is cut.
    publisher.answers_pings = false;
    reported(&server, "peer_silent").await;
    assert_eq!(server.problems().iter().filter(|code| *code == "peer_silent").count(), 1);
    // The player has said nothing for as long and goes on where it likes.
    paused.command(1, &Command::new("pause", 0.0, [Value::from(false), Value::from(0.0)])).await;
    while paused.status().await != "NetStream.Unpause.Notify" {}
    let _ = silent.read(&mut [0]).await;
}
