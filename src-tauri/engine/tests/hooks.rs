//! Hooks against programs and servers that behave, and that do not.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use support::rtmp::Server;
use support::target::{Manner, Target as Receiver};
use support::{PATIENCE, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use weir_engine::config::Seconds;
use weir_engine::destination::Config;
use weir_engine::hook::{Hook, SecretKind, Target, secret_name};
use weir_engine::lifecycle::Kind;
use weir_media::Secret;
use weir_rtmp::session::server::Rejection;

fn script(id: &str, events: &[Kind], path: &Path, arguments: &[&str]) -> Hook {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let target = Target::Script { path: path.to_owned(), arguments };
    Hook::new(id.to_owned(), String::new(), true, events.to_vec(), target).unwrap()
}

fn webhook(id: &str, events: &[Kind], address: SocketAddr) -> Hook {
    let target = Target::Webhook { url: format!("http://{address}") };
    Hook::new(id.to_owned(), String::new(), true, events.to_vec(), target).unwrap()
}

fn program(folder: &Path, text: &str) -> std::path::PathBuf {
    let file = folder.join("hook.sh");
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

async fn a_session(server: &Server) {
    let mut publisher = server.publish("show?token=canary").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"picture").await;
    publisher.send_audio(0, b"sound").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"sound")).await;
    drop(player);
    until(&server.engine, "the player is gone", || {
        let streams = server.engine.streams();
        streams.iter().all(|stream| stream.readers.is_empty()).then_some(())
    })
    .await;
}

/// Predecessor fault 39 and 40: its time-out did nothing, its scripts had no PATH.
#[tokio::test]
async fn fault_40_a_script_is_told_every_event_of_an_rtmp_session_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = program(
        folder.path(),
        &format!(
            "test -n \"$PATH\" -a -n \"$HOME\" || exit 1\necho \"$RTMP_EVENT_TYPE $RTMP_STREAM_KEY\" >> {}",
            out.display()
        ),
    );
    let server = Server::start(|config| {
        config.streams.grace_seconds = Seconds::from(Duration::from_millis(50));
        config.hooks.list = vec![script("all", Kind::ALL, &file, &[])];
        config.hooks.concurrency = 1.try_into().unwrap();
    })
    .await;
    a_session(&server).await;
    let lines = || std::fs::read_to_string(&out).unwrap_or_default();
    until(&server.engine, "the end of the stream", || lines().contains("stream_delete").then_some(())).await;
    let lines = lines();
    let seen: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.starts_with("codec_detected")).collect();
    assert_eq!(
        seen,
        [
            "connection_accept",
            "handshake_complete",
            "stream_create live/show",
            "publish_start live/show",
            "connection_accept",
            "handshake_complete",
            "play_start live/show",
            "subscriber_count live/show",
            "play_stop live/show",
            "subscriber_count live/show",
            "connection_close live/show",
            "publish_stop live/show",
            "connection_close live/show",
            "stream_delete live/show",
        ]
    );
    assert!(lines.contains("codec_detected live/show") && !lines.contains("canary"));
    let report = server.engine.hooks().report("all");
    assert_eq!((report.failed, report.left_out), (0, 0), "{report:?}");
    server.engine.shutdown().await;
}

#[tokio::test]
async fn fault_39_a_script_that_hangs_is_stopped_and_the_next_event_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "test \"$RTMP_EVENT_TYPE\" = stream_create && sleep 300\nexit 0");
    let server = Server::start(|config| {
        config.hooks.timeout_seconds = Seconds::from(Duration::from_millis(300));
        config.hooks.list = vec![script("slow", &[Kind::StreamCreate, Kind::PublishStart], &file, &[])];
    })
    .await;
    let _publisher = server.publish("show").await;
    let report = until(&server.engine, "both calls", || {
        let report = server.engine.hooks().report("slow");
        (report.results.len() == 2).then_some(report)
    })
    .await;
    assert_eq!((report.succeeded, report.failed), (1, 1));
    assert_eq!(report.results[1].event, Kind::StreamCreate);
    assert!(report.results[1].error.as_ref().unwrap().contains("within 0.3 s"), "{report:?}");
    server.engine.shutdown().await;
}

#[tokio::test]
async fn more_than_can_wait_is_left_out_counted_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "sleep 300");
    let server = Server::start(|config| {
        config.hooks.list = vec![script("stuck", &[Kind::StreamHealth], &file, &[])];
        config.hooks.concurrency = 1.try_into().unwrap();
        config.hooks.timeout_seconds = Seconds::new(60);
    })
    .await;
    // A connection is the cheapest event: nothing is called for it, and then everything.
    let mut config = server.engine.config();
    config.hooks.list = vec![script("stuck", &[Kind::ConnectionAccept], &file, &[])];
    server.engine.apply(config).await.unwrap();
    let life = &server.engine.context().life;
    for _ in 0..3 {
        for _ in 0..700 {
            drop(life.accept("rtmp", None, false));
        }
        // The hooks hear of them before more happens.
        tokio::time::timeout(PATIENCE, tokio::task::yield_now()).await.unwrap();
    }
    until(&server.engine, "the problem", || server.problems().contains(&"hooks_left_out".into()).then_some(())).await;
    let hooks = server.engine.hooks();
    until(&server.engine, "all heard", || (hooks.left_out() >= 1).then_some(())).await;
    let began = std::time::Instant::now();
    server.engine.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// A request as it came: head and body.
struct Request {
    head: String,
    body: serde_json::Value,
}

/// A server that answers each request as `answer` says by its number, and hands requests over.
async fn receiver(
    answer: impl Fn(usize) -> Option<&'static str> + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, requests) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut number = 0;
        let mut stalled = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = request(&mut stream).await;
            let answer = answer(number);
            number += 1;
            let _ = tell.send(request).await;
            match answer {
                Some(status) => {
                    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    let _ = stream.write_all(text.as_bytes()).await;
                }
                None => stalled.push(stream),
            }
        }
    });
    (address, requests)
}

async fn request(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.unwrap().parse().unwrap() {
                return Request { head: head.to_owned(), body: serde_json::from_str(body).unwrap() };
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "{text}");
    }
}

#[tokio::test]
async fn a_webhook_is_called_with_signature_and_headers_and_tried_again() {
    let (address, mut requests) = receiver(|number| Some(if number < 2 { "503 Busy" } else { "204 No Content" })).await;
    let server =
        Server::start(|config| config.hooks.list = vec![webhook("tell", &[Kind::PublishStart], address)]).await;
    let secrets = server.engine.secrets();
    let set = |kind, value: String| secrets.set(&secret_name("tell", kind), Some(Secret::new(value))).unwrap();
    set(SecretKind::Url, format!("http://{address}/canary-path?a=b"));
    set(SecretKind::Headers, r#"{"authorization": "Bearer canary-header"}"#.to_owned());
    set(SecretKind::SigningKey, "canary-key".to_owned());
    server.engine.apply(server.engine.config()).await.unwrap();
    let _publisher = server.publish("show").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let Request { head, body } = tokio::time::timeout(PATIENCE, requests.recv()).await.unwrap().unwrap();
        assert!(head.starts_with("POST /canary-path?a=b HTTP/1.1"), "{head}");
        assert_eq!((&body["type"], &body["stream_key"]), (&"publish_start".into(), &"live/show".into()));
        assert!(body["timestamp"].as_u64().unwrap() > 1_700_000_000 && body["conn_id"].is_string(), "{body}");
        let head = head.to_lowercase();
        for part in [
            "authorization: bearer canary-header",
            "content-type: application/json",
            "user-agent: weir/",
            "x-weir-event: publish_start",
        ] {
            assert!(head.contains(part), "{part}: {head}");
        }
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap();
        assert_eq!(field("x-weir-signature-256: sha256=").len(), 64);
        ids.push(field("x-weir-delivery: "));
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "a repetition can be told: {ids:?}");
    let report = until(&server.engine, "the result", || {
        Some(server.engine.hooks().report("tell")).filter(|report| !report.results.is_empty())
    })
    .await;
    assert!(report.results[0].ok && report.results[0].tries == 3, "{report:?}");
    assert!(!format!("{report:?}").contains("canary"));
}

#[tokio::test]
async fn a_webhook_that_stalls_or_refuses_costs_only_its_time() {
    let (stalls, _kept) = receiver(|_| None).await;
    let (refuses, mut refused) = receiver(|_| Some("404 Not Found")).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::start(|config| {
        config.hooks.timeout_seconds = Seconds::from(Duration::from_millis(600));
        config.hooks.list = [("stalls", stalls), ("refuses", refuses), ("gone", gone)]
            .map(|(id, address)| webhook(id, &[Kind::PublishStart, Kind::PublishStop], address))
            .into();
    })
    .await;
    let publisher = server.publish("show").await;
    drop(publisher);
    for (id, tries, words) in
        [("stalls", 3, "in time, 3 times"), ("refuses", 1, "answered 404"), ("gone", 3, "cannot be reached")]
    {
        let report = until(&server.engine, id, || {
            Some(server.engine.hooks().report(id)).filter(|report| report.results.len() == 2)
        })
        .await;
        let events: Vec<Kind> = report.results.iter().map(|result| result.event).collect();
        assert_eq!(events, [Kind::PublishStop, Kind::PublishStart], "the newest first, in order");
        assert!(report.results.iter().all(|result| !result.ok && result.tries == tries), "{report:?}");
        assert!(report.results[0].error.as_ref().unwrap().contains(words), "{report:?}");
    }
    assert!(refused.recv().await.is_some() && refused.recv().await.is_some());
    assert!(refused.try_recv().is_err(), "what is refused is not sent again");
    server.engine.shutdown().await;
}

#[tokio::test]
async fn a_sample_is_fired_by_hand_and_says_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "echo \"$1 $RTMP_EVENT_TYPE $RTMP_SAMPLE\"; exit 4");
    let server = Server::start(|config| {
        let mut hook = script("mine", &[Kind::RecordingComplete], &file, &["a b"]);
        hook.enabled = false;
        config.hooks.list = vec![hook];
    })
    .await;
    let hooks = server.engine.hooks();
    let result = hooks.fire_sample("mine", None).await.unwrap();
    assert!(!result.ok && result.sample, "{result:?}");
    assert_eq!(result.output, "a b recording_complete true");
    assert!(result.error.as_ref().unwrap().contains("exit status: 4"));
    let other = hooks.fire_sample("mine", Some(Kind::AuthFailed)).await.unwrap();
    assert!(other.output.contains("auth_failed"));
    assert_eq!(hooks.fire_sample("none", None).await, None);
    assert_eq!(hooks.report("mine").results.len(), 2);
}

#[tokio::test]
async fn recordings_are_told_to_hooks() {
    let server = Server::start(|config| config.recording.record_all = true).await;
    let mut life = server.engine.context().life.listen();
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    for at in 0..20 {
        publisher.send_video(at * 40, at == 0, b"picture").await;
    }
    let next = async |life: &mut tokio::sync::broadcast::Receiver<_>, kind: Kind| {
        let search = async {
            loop {
                let event: std::sync::Arc<weir_engine::lifecycle::Event> = life.recv().await.unwrap();
                if event.kind() == kind {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap()
    };
    let began = next(&mut life, Kind::RecordingStart).await;
    assert_eq!(began.path.as_ref().unwrap().as_str(), "live/show");
    let file = began.what.data(None)["file"].as_str().unwrap().to_owned();
    assert!(file.ends_with(".flv"), "{file}");
    server.engine.recordings().stop(began.path.as_ref().unwrap());
    let done = next(&mut life, Kind::RecordingComplete).await;
    assert_eq!(done.what.data(None)["file"], file.as_str());
}

#[tokio::test]
async fn each_segment_of_a_recording_is_told_when_it_begins_and_when_it_is_whole() {
    let server = Server::start(|config| {
        config.recording.record_all = true;
        config.recording.segment_seconds = Seconds::new(2);
    })
    .await;
    let mut life = server.engine.context().life.listen();
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    for at in 0..150 {
        publisher.send_video(at * 40, at % 25 == 0, b"picture").await;
    }
    let (mut began, mut whole) = (Vec::new(), Vec::new());
    let search = async {
        while whole.len() < 3 {
            if began.len() == 3 {
                server.engine.recordings().stop(&support::stream("live/show"));
            }
            let event = life.recv().await.unwrap();
            let data = event.what.data(None);
            match event.kind() {
                Kind::RecordingStart => began.push(data["file"].as_str().unwrap().to_owned()),
                Kind::RecordingComplete => whole.push(serde_json::Value::from(data)),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap();
    let files: Vec<&str> = whole.iter().map(|data| data["file"].as_str().unwrap()).collect();
    assert_eq!(files, began);
    for (data, file) in whole.iter().zip(files) {
        assert_eq!(data["total_bytes"], std::fs::metadata(file).unwrap().len(), "{data}");
        let lasted = data["duration_sec"].as_f64().unwrap();
        assert!((1.9..2.1).contains(&lasted), "{data}");
    }
}

#[tokio::test]
async fn the_states_of_a_destination_are_told_to_a_hook_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = program(folder.path(), &format!("echo \"$RTMP_ID $RTMP_STATE\" >> {}", out.display()));
    let target = Receiver::start(|visit| match visit {
        0 => Manner::HangUp(20),
        _ => Manner::Refuse(Rejection::Denied, "not you"),
    })
    .await;
    let server = Server::start(|config| {
        config.hooks.list = vec![script("states", &[Kind::DestinationState], &file, &[])];
        config.hooks.concurrency = 1.try_into().unwrap();
        config.destinations = vec![Config { enabled: false, ..Config::new("a", target.url()) }];
    })
    .await;
    let told = || std::fs::read_to_string(&out).unwrap_or_default();
    let heard = async |state: &str| {
        let line = format!("a {state}\n");
        until(&server.engine, &format!("{state}, after {:?}", told()), || told().contains(&line).then_some(())).await;
    };
    let mut config = server.engine.config();
    config.destinations[0].enabled = true;
    server.engine.apply(config).await.unwrap();
    heard("waiting_for_stream").await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    for at in 0..5 {
        publisher.send_video(at * 40, at == 0, b"picture").await;
    }
    heard("live").await;
    for at in 5..40 {
        publisher.send_video(at * 40, false, b"picture").await;
    }
    heard("retrying").await;
    server.engine.destinations().retry("a");
    heard("stopped").await;
    // On a slow machine it may be behind or without data for a while in between.
    let (told, mut expected) =
        (told(), ["waiting_for_stream", "connecting", "live", "retrying", "connecting", "stopped"].iter());
    let mut next = expected.next();
    for line in told.lines() {
        if next.is_some_and(|state| line == format!("a {state}")) {
            next = expected.next();
        }
    }
    assert_eq!(next, None, "{told}");
    assert!(told.ends_with("a stopped\n"), "{told}");
    server.engine.shutdown().await;
}
