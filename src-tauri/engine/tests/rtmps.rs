//! RTMP over TLS, beside a TLS client that is not ours.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::rtmp::{Peer, Server};
use support::until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use weir_engine::Config;
use weir_engine::config::Seconds;
use weir_engine::status::ListenerState;
use weir_engine::tls::{RENEW_BEFORE, Source};
use weir_rtmp::command::Command;
use weir_rtmp::message::kind;

fn both(config: &mut Config) {
    config.rtmps.enabled = true;
    config.rtmps.listen = vec!["127.0.0.1:0".parse().unwrap()];
}

fn secure_address(server: &Server) -> SocketAddr {
    let listener = server.engine.listeners().into_iter().find(|listener| listener.protocol == "rtmps").unwrap();
    let ListenerState::Listening { bound } = listener.state else { panic!("must listen: {:?}", listener.state) };
    bound[0]
}

/// A client that trusts what Weir shows now, or nothing at all.
fn connector(server: &Server, trusting: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if trusting {
        let pem = server.engine.context().certificates.status().unwrap().pem;
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn connect(server: &Server, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(secure_address(server)).await.unwrap();
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn secure_peer(server: &Server) -> Peer {
    Peer::over(connect(server, &connector(server, true)).await.unwrap()).await
}

async fn reported(server: &Server, code: &str) {
    until(&server.engine, code, || server.problems().iter().any(|known| known == code).then_some(())).await;
}

#[tokio::test]
async fn a_stream_goes_in_and_out_encrypted_and_plain_players_see_the_same() {
    let server = Server::start(both).await;
    let mut publisher = secure_peer(&server).await;
    publisher.publish("show").await;
    assert_eq!(publisher.status().await, "NetStream.Publish.Start");
    publisher.send_headers(0).await;
    // Larger than a TLS record, than what is encrypted at once, and than a socket's buffer.
    let large = vec![7; 3_000_000];
    publisher.send_video(0, true, &large).await;
    let mut secure = secure_peer(&server).await;
    secure.play("show").await;
    let mut plain = server.play("show").await;
    let ends = |message: &weir_rtmp::chunk::Message| message.payload.len() > large.len();
    let first = secure.media_until(ends).await;
    assert_eq!(first.last().unwrap().payload, plain.media_until(ends).await.last().unwrap().payload);
    for n in 1..200_u32 {
        publisher.send_video(n * 40, false, &n.to_be_bytes()).await;
    }
    let last = 199_u32.to_be_bytes();
    for player in [&mut secure, &mut plain] {
        assert_eq!(player.media_until(|message| message.payload.ends_with(&last)).await.len(), 199);
    }
    let streams = server.engine.streams();
    assert_eq!(streams[0].origin.as_ref().unwrap().protocol, "rtmps");
}

#[tokio::test]
async fn who_does_not_trust_the_certificate_leaves_and_the_reason_is_listed() {
    let server = Server::start(both).await;
    assert!(connect(&server, &connector(&server, false)).await.is_err());
    reported(&server, "certificate_refused").await;
    let problem = server.engine.context().problems.list().remove(0);
    assert!(problem.hint.contains("OBS") && problem.peer.as_deref() == Some("127.0.0.1"), "{problem:?}");
    assert_eq!(failed_handshakes(&server), 1);
}

/// As the numbers count them: TLS is a part of the handshake.
fn failed_handshakes(server: &Server) -> u64 {
    server.engine.context().life.totals().handshake_failures.load(std::sync::atomic::Ordering::Relaxed)
}

#[tokio::test]
async fn a_plain_client_on_the_port_for_tls_is_told_so_before_it_says_its_key() {
    let server = Server::start(both).await;
    let mut peer = Peer::shake_hands(secure_address(&server)).await;
    let connect = Command::new("connect", 1.0, []).with_object(weir_amf0::Value::object([("app", "live")]));
    peer.command(0, &connect).await;
    let answer = peer.answer().await;
    assert_eq!(answer.name, "_error");
    let text = answer.argument(0).get("description").and_then(weir_amf0::Value::as_str).unwrap().to_owned();
    assert!(text.contains("rtmps://"), "{text}");
    assert!(peer.next().await.is_none());
    reported(&server, "rtmp_on_rtmps_port").await;
    assert_eq!(failed_handshakes(&server), 1);
}

#[tokio::test]
async fn a_tls_client_on_the_plain_port_gets_an_alert() {
    let server = Server::start(both).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let failed =
        connector(&server, true).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap_err();
    assert!(failed.to_string().contains("HandshakeFailure"), "{failed}");
    reported(&server, "tls_on_rtmp_port").await;
    assert_eq!(failed_handshakes(&server), 1);
}

#[tokio::test]
async fn one_deadline_holds_for_tls_and_rtmp_and_nobody_waits_for_the_silent() {
    let change = |config: &mut Config| {
        both(config);
        config.rtmp.handshake_seconds = Seconds::from(Duration::from_millis(300));
    };
    let server = Server::start(change).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(secure_address(&server)).await.unwrap());
    }
    // Half of TLS, and TLS without what must follow.
    let mut half = TcpStream::connect(secure_address(&server)).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00").await.unwrap();
    let mut mute = connect(&server, &connector(&server, true)).await.unwrap();
    secure_peer(&server).await.publish("show").await;
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
    let _ = half.read_to_end(&mut Vec::new()).await;
    assert_eq!(mute.read_to_end(&mut Vec::new()).await.unwrap(), 0, "closed in order, by close_notify");
    reported(&server, "handshake_timeout").await;
}

#[tokio::test]
async fn twenty_connections_live_through_a_renewal_and_the_next_sees_the_new_certificate() {
    let server = Server::start(both).await;
    let old = connector(&server, true);
    let before = server.engine.context().certificates.status().unwrap();
    assert_eq!(before.source, Source::Made);
    let mut publisher = secure_peer(&server).await;
    publisher.publish("show").await;
    assert_eq!(publisher.status().await, "NetStream.Publish.Start");
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut players = Vec::new();
    for _ in 0..19 {
        let mut player = secure_peer(&server).await;
        player.play("show").await;
        player.media_until(|message| message.payload.ends_with(b"first")).await;
        players.push(player);
    }
    // Nothing is due a day early; a month before the end it is.
    let certificates = server.engine.context().certificates.clone();
    let due = before.info.not_after - RENEW_BEFORE;
    certificates.look(due - Duration::from_secs(1)).unwrap();
    assert_eq!(certificates.status().unwrap(), before);
    certificates.look(due + Duration::from_secs(1)).unwrap();
    let after = certificates.status().unwrap();
    assert_ne!(after.info.fingerprint, before.info.fingerprint);
    assert!(after.info.not_after > before.info.not_after);
    for n in 1..20_u32 {
        publisher.send_video(n * 40, n == 10, &n.to_be_bytes()).await;
    }
    for player in &mut players {
        let seen = player.media_until(|message| message.payload.ends_with(&19_u32.to_be_bytes())).await;
        assert_eq!(seen.len(), 19);
    }
    assert!(connect(&server, &old).await.is_err(), "the old certificate is shown to nobody any more");
}

#[tokio::test]
async fn a_stalled_player_over_tls_delays_nobody_and_is_cut() {
    let change = |config: &mut Config| {
        both(config);
        config.rtmp.write_seconds = Seconds::from(Duration::from_millis(500));
    };
    let server = Server::start(change).await;
    let mut publisher = secure_peer(&server).await;
    publisher.publish("show").await;
    assert_eq!(publisher.status().await, "NetStream.Publish.Start");
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut stalled = secure_peer(&server).await;
    stalled.play("show").await;
    let mut player = secure_peer(&server).await;
    player.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let filler = vec![1; 200_000];
    for n in 1..100_u32 {
        publisher.send_video(n * 40, n % 25 == 0, &[&filler[..], &n.to_be_bytes()].concat()).await;
        player.media_until(|message| message.payload.ends_with(&n.to_be_bytes())).await;
    }
    reported(&server, "player_stalled").await;
    publisher.send(1, kind::AUDIO, 5000, b"\xaf\x01last").await;
    player.media_until(|message| message.payload.ends_with(b"last")).await;
}

#[tokio::test]
async fn the_private_key_is_the_owners_alone_and_what_is_shown_holds_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.rtmp.enabled = false;
    both(&mut config);
    let settings = weir_engine::Settings::new(config, weir_engine::Profile::Desktop);
    let paths = weir_engine::Paths::under(folder.path());
    let engine = weir_engine::Engine::start(settings.clone(), paths.clone()).await.unwrap();
    let status = engine.context().certificates.status().unwrap();
    assert!(!status.pem.contains("PRIVATE") && !format!("{:?}", engine.context().certificates).contains("PRIVATE"));
    let valid = status.info.not_after.duration_since(SystemTime::now()).unwrap();
    assert!(valid > Duration::from_secs(395 * 86_400) && valid < Duration::from_secs(397 * 86_400));
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(status.info.names.iter().any(|known| known == name), "{:?}", status.info.names);
    }
    #[cfg(unix)]
    for file in ["tls/made.key", "tls/made.pem"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    engine.shutdown().await;
    let again = weir_engine::Engine::start(settings, paths).await.unwrap();
    assert_eq!(again.context().certificates.status().unwrap().info.fingerprint, status.info.fingerprint, "it is kept");
}

#[tokio::test]
async fn files_of_a_certificate_are_read_again_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let write = |named: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), named.to_owned()]).unwrap();
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    };
    write("first.example");
    let files = (cert.clone(), key.clone());
    let server = Server::start(|config| {
        both(config);
        (config.tls.cert, config.tls.key) = (Some(files.0), Some(files.1));
    })
    .await;
    let certificates = server.engine.context().certificates.clone();
    let names = || certificates.status().unwrap().info.names;
    assert_eq!((certificates.status().unwrap().source, names()[1].as_str()), (Source::Files, "first.example"));
    let live = secure_peer(&server).await;
    std::fs::write(&key, "broken").unwrap();
    until(&server.engine, "the report", || server.problems().contains(&"not_pem".into()).then_some(())).await;
    assert_eq!(names()[1], "first.example");
    write("second.example");
    until(&server.engine, "the new one", || (names()[1] == "second.example").then_some(())).await;
    secure_peer(&server).await;
    drop(live);
}

#[tokio::test]
async fn an_address_that_the_made_certificate_does_not_name_is_told_once_where_others_can_reach_it() {
    let server = Server::start(both).await;
    let certificates = server.engine.context().certificates.clone();
    let new = "203.0.113.7".parse().unwrap();
    let told = || server.problems().iter().filter(|code| *code == "certificate_lacks_address").count();
    certificates.compare(&[new]);
    assert_eq!(told(), 0, "only this computer reaches it");
    let fingerprint = certificates.status().unwrap().info.fingerprint;
    let mut config = server.engine.config();
    // An address that others would reach; no test listens on one, so it stays closed.
    config.rtmps.listen.push("192.0.2.1:0".parse().unwrap());
    server.engine.apply(config).await.unwrap();
    certificates.compare(&["127.0.0.1".parse().unwrap()]);
    assert_eq!(told(), 0, "it is named");
    for _ in 0..3 {
        certificates.compare(&[new]);
    }
    let listed = server.engine.context().problems.list();
    let problem = listed.iter().find(|problem| problem.code == "certificate_lacks_address").unwrap();
    assert!(problem.message.contains("203.0.113.7") && problem.count == 1, "{problem:?}");
    assert_eq!(certificates.status().unwrap().info.fingerprint, fingerprint, "who trusts it still can");
    // One that is made for another reason names what the computer has then.
    certificates.renew(SystemTime::now()).unwrap();
    assert_ne!(certificates.status().unwrap().info.fingerprint, fingerprint);
}
