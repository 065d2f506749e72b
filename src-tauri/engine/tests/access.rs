//! Who may publish and play: each mode against right, wrong, missing and revoked keys.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use support::callback::{Callback, answer};
use support::rtmp::{Peer, Server};
use support::{stream, until};
use weir_engine::Config;
use weir_engine::auth::{Action, Attempt, Given, Mode};
use weir_engine::config::Seconds;
use weir_engine::status::{ListenerState, StreamState};
use weir_media::Secret;

fn given(path: &str, action: Option<Action>, token: &str) -> Given {
    Given { path: stream(path), action, token: Secret::new(token.to_owned()) }
}

async fn with_tokens() -> Server {
    let tokens = [
        given("live/show", None, "both"),
        given("live/split", Some(Action::Publish), "send"),
        given("live/split", Some(Action::Play), "watch"),
    ];
    Server::start_with(|config| config.auth.mode = Mode::Token, |settings| settings.lend_tokens(tokens)).await
}

#[tokio::test]
async fn fault_07_a_right_token_publishes_and_plays_and_any_other_is_told_so_before_the_close() {
    let server = with_tokens().await;
    let mut publisher = server.publish("show?token=both").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show?token=both").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;

    for (name, problem) in [
        ("other?token=both", "wrong_key"),
        ("split?token=watch", "wrong_kind_of_key"),
        ("split?token=", "missing_key"),
        ("split", "missing_key"),
    ] {
        let mut refused = server.peer().await;
        refused.publish(name).await;
        assert_eq!(refused.last_words().await, ["NetStream.Publish.Denied"], "{name}");
        until(&server.engine, problem, || server.problems().contains(&problem.to_owned()).then_some(())).await;
    }
    for name in ["show?token=wrong", "split?token=send", "show"] {
        let mut refused = server.peer().await;
        refused.play(name).await;
        assert_eq!(refused.last_words().await, ["NetStream.Play.Failed"], "{name}");
    }
    let listed = server.engine.context().problems.list();
    assert!(listed.iter().all(|problem| problem.peer.as_deref() == Some("127.0.0.1")), "{listed:?}");
}

#[tokio::test]
async fn watching_can_be_open_although_publishing_needs_a_key() {
    let tokens = [given("live/show", None, "both")];
    let change = |config: &mut Config| {
        config.auth.mode = Mode::Token;
        config.auth.open_playback = true;
    };
    let server = Server::start_with(change, |settings| settings.lend_tokens(tokens)).await;
    let mut publisher = server.publish("show?token=both").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    server.play("show").await.media_until(|message| message.payload.ends_with(b"first")).await;
    let mut refused = server.peer().await;
    refused.publish("another").await;
    assert_eq!(refused.last_words().await, ["NetStream.Publish.Denied"]);
}

/// Waits until nobody listens there any more.
async fn until_refused(url: &str) {
    let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/auth")).unwrap();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn refused_publish(server: &Server, name: &str) -> Vec<String> {
    let mut peer = server.peer().await;
    peer.publish(name).await;
    peer.last_words().await
}

#[tokio::test]
async fn a_callback_is_asked_in_the_words_of_the_predecessor_and_any_2xx_lets_in() {
    let callback =
        Callback::start(|body| answer(if body.contains("right") { "204 No Content" } else { "403 Forbidden" })).await;
    let server = Server::start(callback.config()).await;
    let mut publisher = server.publish("show?token=right").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    server.play("show?token=right").await.media_until(|message| message.payload.ends_with(b"first")).await;
    assert_eq!(refused_publish(&server, "other?token=wrong").await, ["NetStream.Publish.Denied"]);
    let asked = callback.asked.lock().unwrap().clone();
    let first: serde_json::Value = serde_json::from_str(&asked[0]).unwrap();
    for (field, value) in [
        ("action", "publish"),
        ("app", "live"),
        ("stream_name", "show"),
        ("stream_key", "live/show"),
        ("token", "right"),
        ("protocol", "rtmp"),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    assert!(first["remote_addr"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(asked[1].contains("\"action\":\"play\""));
    assert!(server.problems().contains(&"callback_refused".to_owned()));
}

#[tokio::test]
async fn a_callback_that_is_busy_or_broken_shuts_nobody_out_and_puts_nobody_out() {
    let well = Arc::new(AtomicBool::new(true));
    let (is_well, status) = (Arc::clone(&well), Arc::new(AtomicUsize::new(0)));
    let callback = Callback::start(move |_| {
        let broken = ["500 Broken", "503 Busy", "429 Slowly", "408 Late"];
        let next = status.fetch_add(1, Ordering::SeqCst);
        answer(if is_well.load(Ordering::SeqCst) { "200 OK" } else { broken[next % broken.len()] })
    })
    .await;
    let server = Server::start(callback.config()).await;
    let mut publisher = server.publish("show?token=right").await;
    publisher.send_headers(0).await;
    well.store(false, Ordering::SeqCst);
    for _ in 0..12 {
        assert_eq!(refused_publish(&server, "other?token=right").await, ["NetStream.Publish.Rejected"]);
    }
    // It is asked about who is in, and says nothing about him.
    let (asked, mut config) = (callback.asked.lock().unwrap().len(), server.engine.config());
    config.auth.open_playback = true;
    server.engine.apply(config).await.unwrap();
    until(&server.engine, "the question", || (callback.asked.lock().unwrap().len() > asked).then_some(())).await;
    well.store(true, Ordering::SeqCst);
    let _other = server.publish("other?token=right").await;
    publisher.send_video(0, true, b"first").await;
    server.play("show").await.media_until(|message| message.payload.ends_with(b"first")).await;
    assert!(!server.problems().contains(&"too_many_wrong_keys".to_owned()));
}

/// The answer comes when somebody else is to decide already.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_says_no_after_it_was_put_aside_puts_nobody_out() {
    let (answers, turns) = std::sync::mpsc::channel::<()>();
    let turns = std::sync::Mutex::new(turns);
    let callback = Callback::start(move |_| {
        // Else what this thread was to run next would wait with it.
        let _ = tokio::task::block_in_place(|| turns.lock().unwrap().recv());
        answer("403 Forbidden")
    })
    .await;
    let server = Server::start(|_| {}).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    let before = server.engine.config();
    let mut config = before.clone();
    callback.config()(&mut config);
    server.engine.apply(config).await.unwrap();
    until(&server.engine, "the question", || (!callback.asked.lock().unwrap().is_empty()).then_some(())).await;
    server.engine.apply(before).await.unwrap();
    answers.send(()).unwrap();
    // Time for the answer to do harm.
    tokio::time::sleep(Duration::from_millis(300)).await;
    publisher.send_video(0, true, b"first").await;
    server.play("show").await.media_until(|message| message.payload.ends_with(b"first")).await;
}

#[tokio::test]
async fn who_is_shut_out_is_counted_each_time_and_told_to_hooks_once() {
    let server = with_tokens().await;
    let mut told = server.engine.context().life.listen();
    for _ in 0..30 {
        assert_eq!(refused_publish(&server, "show?token=wrong").await, ["NetStream.Publish.Denied"]);
    }
    let mut failed = 0;
    while let Ok(event) = told.try_recv() {
        failed += usize::from(event.kind() == weir_engine::lifecycle::Kind::AuthFailed);
    }
    assert!((11..=20).contains(&failed), "{failed} of 30: ten tries, and now and then that it is shut out");
    assert_eq!(server.engine.context().life.totals().auth_failures.load(Ordering::Relaxed), 30);
}

#[tokio::test]
async fn a_callback_that_hangs_is_dead_fails_or_talks_without_end_refuses_and_holds_up_nobody() {
    let mut huge = b"HTTP/1.1 500 No\r\nContent-Length: 100000000\r\n\r\n".to_vec();
    huge.resize(8_000_000, b'x');
    let cases: Vec<(&str, Callback)> = vec![
        ("slow", Callback::start(|_| None).await),
        ("500", Callback::start(|_| answer("500 Broken")).await),
        ("no http", Callback::start(|_| Some(b"canary\r\n".to_vec())).await),
        ("huge", Callback::start(move |_| Some(huge.clone())).await),
        (
            "moved",
            Callback::start(|_| Some(b"HTTP/1.1 302 Found\r\nLocation: /yes\r\nContent-Length: 0\r\n\r\n".to_vec()))
                .await,
        ),
    ];
    for (what, callback) in &cases {
        let change = callback.config();
        let server = Server::start(|config| {
            change(config);
            config.auth.callback_timeout_seconds = Seconds::from(Duration::from_millis(1500));
            config.auth.open_playback = true;
        })
        .await;
        // Somebody waits for the callback; a player that needs none is served meanwhile.
        let mut waiting = server.peer().await;
        waiting.publish("show?token=x").await;
        let mut player = server.peer().await;
        player.play("nothing").await;
        player.command(0, &weir_rtmp::command::Command::new("getStreamLength", 9.0, [])).await;
        while player.answer().await.transaction != 9.0 {}
        let words = waiting.last_words().await;
        let expected = if *what == "moved" { "NetStream.Publish.Denied" } else { "NetStream.Publish.Rejected" };
        assert_eq!(words, [expected], "{what}");
    }
    let gone = Callback::start(|_| None).await;
    let (change, url) = (gone.config(), gone.url.clone());
    gone.task.abort();
    until_refused(&url).await;
    let server = Server::start(change).await;
    assert_eq!(refused_publish(&server, "show?token=x").await, ["NetStream.Publish.Rejected"]);
    assert!(server.problems().contains(&"callback_failed".to_owned()));
}

#[tokio::test]
async fn one_address_that_keeps_the_callback_busy_leaves_room_for_others() {
    let callback = Callback::start(|body| if body.contains("live/slow") { None } else { answer("200 OK") }).await;
    let change = callback.config();
    let server = Server::start(|config| {
        change(config);
        config.auth.callback_timeout_seconds = Seconds::new(60);
    })
    .await;
    let gate = &server.engine.context().gate;
    let attempt = |path: &str, peer: &str| Attempt {
        action: Action::Play,
        path: stream(path),
        token: None,
        peer: Some(peer.parse().unwrap()),
        protocol: "rtmp",
        agent: None,
    };
    // More than may be asked at a time, and more than may wait, all of one network.
    let flood: Vec<_> = (0..2000)
        .map(|n| {
            let (gate, attempt) = (gate.clone(), attempt("live/slow", &format!("[2001:db8::{n:x}]:1")));
            tokio::spawn(async move { gate.check(attempt).await })
        })
        .collect();
    let asked = || callback.asked.lock().unwrap().len();
    until(&server.engine, "half of the calls", || (asked() >= 32).then_some(())).await;
    let other = tokio::time::timeout(Duration::from_secs(30), gate.check(attempt("live/quick", "192.0.2.7:1"))).await;
    assert!(other.unwrap().is_ok());
    assert_eq!(asked(), 33, "no more of the flood was asked");
    let waits = || flood.iter().filter(|task| !task.is_finished()).count();
    until(&server.engine, "the rest is told that too many wait", || (waits() == 544).then_some(())).await;
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_file_of_tokens_is_followed_and_what_leaves_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(&file, r#"{"live/show": {"publish": "send", "play": "watch"}, "live/other": "both"}"#).unwrap();
    let server = Server::start(|config| {
        config.auth.mode = Mode::File;
        config.auth.file = Some(file.clone());
    })
    .await;
    let mut publisher = server.publish("show?token=send").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show?token=watch").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let _other = server.publish("other?token=both").await;
    assert_eq!(refused_publish(&server, "show?token=watch").await, ["NetStream.Publish.Denied"]);

    // A broken file changes nothing and is told.
    std::fs::write(&file, "{\"live/show\": ").unwrap();
    until(&server.engine, "the report", || server.problems().contains(&"auth_file_unusable".into()).then_some(()))
        .await;
    assert!(server.engine.context().gate.file().trouble.is_some());
    publisher.send_video(40, true, b"second").await;
    player.media_until(|message| message.payload.ends_with(b"second")).await;

    // A good one is taken as a whole: who is no longer in it goes, the rest stays.
    std::fs::write(&file, r#"{"live/show": {"publish": "new", "play": "watch"}}"#).unwrap();
    assert_eq!(publisher.last_words().await.last().map(String::as_str), Some("NetStream.Publish.Denied"));
    until(&server.engine, "the file", || server.engine.context().gate.file().trouble.is_none().then_some(())).await;
    let mut publisher = server.publish("show?token=new").await;
    publisher.send_headers(0).await;
    publisher.send_video(80, true, b"third").await;
    player.media_until(|message| message.payload.ends_with(b"third")).await;
}

#[tokio::test]
async fn revoking_a_key_drops_its_publisher_and_its_players_and_nobody_else() {
    let server = Server::start(|config| config.auth.mode = Mode::Token).await;
    let gate = server.engine.context().gate.clone();
    let every = || "live/*".to_owned().try_into().unwrap();
    let (publish, send) = gate.create_key("OBS", every(), Action::Publish).unwrap();
    let (_, other) = gate.create_key("camera", every(), Action::Publish).unwrap();
    let (view, watch) = gate.create_key("friends", every(), Action::Play).unwrap();
    let (_, stay) = gate.create_key("family", every(), Action::Play).unwrap();
    let name = |stream: &str, key: &Secret<String>| format!("{stream}?token={}", key.expose());
    let mut publisher = server.publish(&name("show", &send)).await;
    let mut camera = server.publish(&name("camera", &other)).await;
    for peer in [&mut publisher, &mut camera] {
        peer.send_headers(0).await;
        peer.send_video(0, true, b"first").await;
    }
    let first = |message: &weir_rtmp::chunk::Message| message.payload.ends_with(b"first");
    let mut friend = server.play(&name("camera", &watch)).await;
    friend.media_until(first).await;
    let mut family = server.play(&name("camera", &stay)).await;
    family.media_until(first).await;
    // A player that waits for its stream is put out too.
    let mut waiting = server.peer().await;
    waiting.play(&name("nothing", &watch)).await;

    assert!(gate.revoke_key(&view.id).unwrap());
    assert_eq!(friend.last_words().await.last().map(String::as_str), Some("NetStream.Play.Failed"));
    assert_eq!(waiting.last_words().await, ["NetStream.Play.Failed"]);
    assert!(gate.revoke_key(&publish.id).unwrap());
    assert_eq!(publisher.last_words().await.last().map(String::as_str), Some("NetStream.Publish.Denied"));
    assert_eq!(refused_publish(&server, &name("show", &send)).await, ["NetStream.Publish.Denied"]);

    camera.send_video(40, true, b"second").await;
    family.media_until(|message| message.payload.ends_with(b"second")).await;
    assert!(gate.keys().iter().find(|key| key.name == "family").unwrap().last_used_at.is_some());
}

/// A peer over RTMP, or over RTMPS with whatever certificate is shown.
async fn by(server: &Server, secure: bool) -> Peer {
    if !secure {
        return server.peer().await;
    }
    let listener = server.engine.listeners().into_iter().find(|listener| listener.protocol == "rtmps").unwrap();
    let ListenerState::Listening { bound } = listener.state else { panic!("must listen") };
    let pem = server.engine.context().certificates.status().unwrap().pem;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(bound[0]).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    Peer::over(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()).await
}

#[tokio::test]
async fn every_mode_over_rtmp_and_rtmps_lets_in_the_right_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(&file, r#"{"live/show": {"publish": "send", "play": "watch"}}"#).unwrap();
    let callback = Callback::start(|body| {
        let right = body.contains("\"action\":\"publish\"") && body.contains("\"token\":\"send\"")
            || body.contains("\"action\":\"play\"") && body.contains("\"token\":\"watch\"");
        answer(if right { "200 OK" } else { "401 Unauthorized" })
    })
    .await;
    for mode in [Mode::None, Mode::Token, Mode::File, Mode::Callback] {
        for secure in [false, true] {
            let (file, url) = (file.clone(), callback.url.clone());
            let tokens =
                [given("live/show", Some(Action::Publish), "send"), given("live/show", Some(Action::Play), "watch")];
            let change = |config: &mut Config| {
                config.rtmps.enabled = true;
                config.rtmps.listen = vec!["127.0.0.1:0".parse().unwrap()];
                (config.auth.mode, config.auth.file, config.auth.callback) = (mode, Some(file), Some(url));
                config.auth.wrong_tries = 100;
            };
            let server = Server::start_with(change, |settings| settings.lend_tokens(tokens)).await;
            let open = mode == Mode::None;
            for bad in ["show?token=wrong", "show?token=watch", "show"] {
                let mut peer = by(&server, secure).await;
                peer.publish(bad).await;
                let expected = if open { "NetStream.Publish.Start" } else { "NetStream.Publish.Denied" };
                assert_eq!(peer.status().await, expected, "{mode:?} {secure} {bad}");
                drop(peer);
                until(&server.engine, "the end", || {
                    server.engine.streams().iter().all(|it| it.state != StreamState::Live).then_some(())
                })
                .await;
            }
            let mut publisher = by(&server, secure).await;
            publisher.publish("show?token=send").await;
            assert_eq!(publisher.status().await, "NetStream.Publish.Start", "{mode:?} {secure}");
            publisher.send_headers(0).await;
            publisher.send_video(0, true, b"first").await;
            for bad in ["show?token=wrong", "show?token=send", "show"] {
                let mut peer = by(&server, secure).await;
                peer.play(bad).await;
                let expected = if open { "NetStream.Play.Reset" } else { "NetStream.Play.Failed" };
                assert_eq!(peer.status().await, expected, "{mode:?} {secure} {bad}");
            }
            let mut player = by(&server, secure).await;
            player.play("show?token=watch").await;
            player.media_until(|message| message.payload.ends_with(b"first")).await;
        }
    }
}
