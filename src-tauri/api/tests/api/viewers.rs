//! Keys for watching over HTTP: every mode of access, with right, wrong, missing and revoked keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use weir_engine::auth::{Action, Given, Mode};
use weir_engine::config::{Config, Seconds, Settings};
use weir_engine::lifecycle::Kind;
use weir_media::{Secret, StreamPath};

use crate::bench::{Bench, Encoder};
use crate::preview::{Door, message};

const PATIENCE: Duration = Duration::from_secs(30);

fn given(action: Action, token: &str) -> Given {
    let path = StreamPath::parse("live/show").unwrap();
    Given { path, action: Some(action), token: Secret::new(token.to_owned()) }
}

/// A door with a live stream behind it.
async fn door(change: impl FnOnce(&mut Config)) -> (Door, Encoder) {
    let lend = |settings: &mut Settings| {
        settings.lend_tokens([given(Action::Publish, "canary-send"), given(Action::Play, "canary-watch")]);
    };
    let door = Door::of(Bench::lent(change, lend).await).await;
    let mut encoder = door.bench.publish("live/show");
    encoder.write(1);
    (door, encoder)
}

/// Asks for the picture as a program does that has no cookie; returns the connection and the answer's head and body.
async fn ask(door: &Door, query: &str, bearer: Option<&str>) -> (TcpStream, String) {
    ask_from(door, [127, 0, 0, 1], query, bearer).await
}

async fn ask_from(door: &Door, from: [u8; 4], query: &str, bearer: Option<&str>) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(door.address).await.unwrap();
    let bearer = bearer.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head = format!(
        "GET /api/v1/streams/live%2Fshow/preview{query} HTTP/1.1\r\nHost: {}\r\nUser-Agent: a player\r\n{bearer}\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        door.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let read = async {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let mut answer = String::from_utf8(answer).unwrap();
        let length = answer.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.unwrap();
        answer.push_str(&String::from_utf8(body).unwrap());
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, read).await.unwrap();
    (stream, answer)
}

#[track_caller]
fn refused(answer: &str, status: u16, words: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words), "{status} {words}: {answer}");
    assert_eq!(answer.contains("www-authenticate: Bearer"), status == 401, "{answer}");
}

/// A program that lets in whoever brings `canary-watch` to watch, and counts how often it is asked.
async fn callback() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/auth", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = vec![0; 4096];
            let mut length = 0;
            // The body is JSON and ends with a brace.
            while !question[..length].ends_with(b"}") {
                length += stream.read(&mut question[length..]).await.unwrap();
            }
            let question = String::from_utf8_lossy(&question[..length]);
            counted.fetch_add(1, Ordering::SeqCst);
            let of_http = question.contains("\"protocol\":\"http\"") && question.contains("\"agent\":\"a player\"");
            let right = of_http && question.contains("\"action\":\"play\"") && question.contains("\"canary-watch\"");
            let status = if right { "204 Yes" } else { "403 No" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

#[tokio::test]
async fn every_mode_lets_in_the_right_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(&file, r#"{"live/show": {"publish": "canary-send", "play": "canary-watch"}}"#).unwrap();
    let (url, asked) = callback().await;
    for mode in [Mode::None, Mode::Token, Mode::File, Mode::Callback] {
        let (file, url) = (file.clone(), url.clone());
        let (door, _encoder) = door(|config| {
            (config.auth.mode, config.auth.file, config.auth.callback) = (mode, Some(file), Some(url));
            config.auth.wrong_tries = 100;
        })
        .await;
        for (query, bearer) in [
            ("", None),
            ("?token=", None),
            ("?token=canary-wrong", None),
            ("?token=canary-send", None),
            ("", Some("canary-wrong")),
            ("?mode=segments&token=canary-watch2", None),
        ] {
            let (_, answer) = ask(&door, query, bearer).await;
            refused(&answer, 401, "\"code\":\"unauthorized\"");
            assert!(!answer.contains("canary"), "{answer}");
        }
        for (query, bearer) in [("?token=canary-watch", None), ("", Some("canary-watch"))] {
            let (mut stream, answer) = ask(&door, query, bearer).await;
            if mode == Mode::None {
                // Nobody is asked for keys, so no key opens what is always shut.
                refused(&answer, 401, "\"code\":\"unauthorized\"");
            } else {
                assert!(answer.starts_with("HTTP/1.1 101 "), "{mode:?}: {answer}");
                assert_eq!(message(&mut stream).await.0, 2, "a message of the picture");
            }
        }
    }
    assert!(asked.load(Ordering::SeqCst) >= 6);
}

#[tokio::test]
async fn a_key_opens_its_picture_and_nothing_else() {
    let (door, _encoder) = door(|config| config.auth.mode = Mode::Token).await;
    let _other = door.bench.publish("live/other");
    for path in ["status", "streams", "streams/live%2Fshow", "streams/live%2Fother/preview", "recordings", "events"] {
        for (query, bearer) in [("?token=canary-watch", ""), ("", "Authorization: Bearer canary-watch\r\n")] {
            let mut stream = TcpStream::connect(door.address).await.unwrap();
            let head = format!(
                "GET /api/v1/{path}{query} HTTP/1.1\r\nHost: {}\r\n{bearer}Connection: close\r\n\r\n",
                door.address
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            refused(&answer, if answer.contains("too_many_tries") { 429 } else { 401 }, "\"code\"");
        }
    }
}

#[tokio::test]
async fn who_watches_is_a_player_and_whose_key_is_revoked_is_told_so() {
    let (door, _encoder) = door(|config| config.auth.mode = Mode::Token).await;
    let engine = &door.bench.engine;
    let mut told = engine.context().life.listen();
    let streams = || "live/*".to_owned().try_into().unwrap();
    let (key, secret) = engine.context().gate.create_key("friends", streams(), Action::Play).unwrap();
    let (_, stays) = engine.context().gate.create_key("family", streams(), Action::Play).unwrap();
    let query = |key: &Secret<String>| format!("?token={}", key.expose());
    let (mut friend, answer) = ask(&door, &query(&secret), None).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    message(&mut friend).await;
    let (mut family, _) = ask(&door, &query(&stays), None).await;
    message(&mut family).await;
    let shown = door.bench.get("/streams/live%2Fshow").await.json();
    let readers = shown["readers"].as_array().unwrap();
    assert_eq!(readers.len(), 2, "{shown}");
    assert!(readers.iter().all(|it| it["kind"] == "player" && it["protocol"] == "http"), "{shown}");

    assert!(engine.context().gate.revoke_key(&key.id).unwrap());
    let last = loop {
        let (opcode, payload) = message(&mut friend).await;
        if opcode == 8 {
            break payload;
        }
    };
    assert_eq!(u16::from_be_bytes([last[0], last[1]]), 1008, "a policy, in the words of WebSocket");
    refused(&ask(&door, &query(&secret), None).await.1, 401, "The key is not valid for watching live/show.");

    let mut kinds = Vec::new();
    let search = async {
        while kinds.iter().filter(|kind| **kind == Kind::ConnectionClose).count() < 2 {
            let event = told.recv().await.unwrap();
            let data = event.what.data(event.path.as_ref());
            assert!(data.get("protocol").is_none_or(|protocol| protocol == "http"), "{data:?}");
            kinds.push(event.kind());
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap();
    for kind in [Kind::ConnectionAccept, Kind::HandshakeComplete, Kind::PlayStart, Kind::PlayStop, Kind::AuthFailed] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    drop(family);
}

#[tokio::test]
async fn who_guesses_is_shut_out_with_its_right_key_too_and_others_are_not() {
    let (door, _encoder) = door(|config| {
        config.auth.mode = Mode::Token;
        config.auth.wrong_tries = 3;
        config.auth.wrong_try_seconds = Seconds::new(3600);
    })
    .await;
    for n in 0..100 {
        let (_, answer) = ask(&door, &format!("?token=guess{n}"), None).await;
        let (status, code) = if n < 3 { (401, "unauthorized") } else { (429, "too_many_tries") };
        refused(&answer, status, code);
    }
    refused(&ask(&door, "?token=canary-watch", None).await.1, 429, "too_many_tries");
    // The same address is shut out at the other doors as well, and another one at none.
    assert!(door.bench.engine.context().gate.is_shut_out([127, 0, 0, 1].into()));
    if cfg!(target_os = "linux") {
        let (_, answer) = ask_from(&door, [127, 0, 0, 2], "?token=canary-watch", None).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    }
    let problems = door.bench.engine.context().problems.list();
    assert!(problems.len() < 5 && problems.iter().any(|it| it.code == "too_many_wrong_keys"), "{problems:?}");
}

#[tokio::test]
async fn limits_hold_and_a_callback_that_is_down_says_neither_yes_nor_no() {
    let (door, _encoder) = door(|config| {
        config.auth.mode = Mode::Token;
        config.limits.players_per_stream = 1;
        config.limits.connections = 2;
    })
    .await;
    let (mut first, _) = ask(&door, "?token=canary-watch", None).await;
    message(&mut first).await;
    refused(&ask(&door, "?token=canary-watch", None).await.1, 503, "as many players as it may have");
    let mut config = door.bench.engine.config();
    config.limits.connections = 1;
    door.bench.engine.apply(config).await.unwrap();
    refused(&ask(&door, "?token=canary-watch", None).await.1, 503, "Too many programs are connected.");
    let codes: Vec<String> = door.bench.engine.context().problems.list().into_iter().map(|it| it.code).collect();
    assert!(
        codes.contains(&"too_many_players".to_owned()) && codes.contains(&"too_many_connections".to_owned()),
        "{codes:?}"
    );

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut config = door.bench.engine.config();
    config.limits.connections = 9;
    (config.auth.mode, config.auth.callback) = (Mode::Callback, Some(format!("http://{gone}/")));
    door.bench.engine.apply(config).await.unwrap();
    refused(&ask(&door, "?token=canary-watch", None).await.1, 503, "\"code\":\"access_unknown\"");
}
