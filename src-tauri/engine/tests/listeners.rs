//! Listeners: opened, taken by others, moved, switched off and on.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use weir_engine::status::ListenerState;
use weir_engine::{Config, Engine, Event, Paths, Profile, Settings};

const LOCAL: &str = "localhost:0";

async fn start(folder: &tempfile::TempDir, listen: &str) -> Engine {
    let mut config = Config::defaults(Profile::Desktop);
    config.rtmp.listen = vec![listen.parse().unwrap()];
    Engine::start(Settings::new(config, Profile::Desktop), Paths::under(folder.path())).await.unwrap()
}

fn bound(engine: &Engine) -> Vec<SocketAddr> {
    match engine.listeners().swap_remove(0).state {
        ListenerState::Listening { bound } => bound,
        other => panic!("not listening: {other:?}"),
    }
}

async fn until(engine: &Engine, wanted: impl Fn(&ListenerState) -> bool) {
    let mut events = engine.context().events.listen();
    let waiting = async {
        while !wanted(&engine.listeners()[0].state) {
            while !matches!(events.recv().await, Ok(Event::Listener { .. })) {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the listener must get there");
}

#[tokio::test]
async fn a_taken_port_leaves_the_engine_running_and_opens_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap();
    let engine = start(&folder, &format!("localhost:{}", address.port())).await;
    let ListenerState::Failed { code, message, hint, owner, next_free_port } = engine.listeners().swap_remove(0).state
    else {
        panic!("the port is taken")
    };
    assert_eq!(code, "port_in_use");
    assert!(message.contains(&address.port().to_string()), "{message}");
    assert!(hint.contains(&next_free_port.unwrap().to_string()), "{hint}");
    if cfg!(target_os = "linux") {
        assert_eq!(owner.unwrap().pid, std::process::id());
    }
    drop(other);
    until(&engine, |state| matches!(state, ListenerState::Listening { .. })).await;
    TcpStream::connect(address).await.unwrap();
    engine.shutdown().await;
}

#[tokio::test]
async fn applying_settings_restarts_only_the_listener_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(&folder, LOCAL).await;
    let before = bound(&engine);
    let mut config = engine.config();
    config.recording.record_all = true;
    engine.apply(config.clone()).await.unwrap();
    assert_eq!(bound(&engine), before, "a change elsewhere leaves the port alone");

    config.rtmp.enabled = false;
    engine.apply(config.clone()).await.unwrap();
    assert_eq!(engine.listeners()[0].state, ListenerState::Off);
    assert!(TcpStream::connect(before[0]).await.is_err());

    config.rtmp.enabled = true;
    config.rtmp.set_port(before[0].port());
    engine.apply(config).await.unwrap();
    assert_eq!(bound(&engine), before);
    TcpStream::connect(before[0]).await.unwrap();
    engine.shutdown().await;
    assert!(TcpStream::connect(before[0]).await.is_err(), "nothing listens after the shutdown");
}

#[tokio::test]
async fn settings_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(&folder, LOCAL).await;
    let mut config = engine.config();
    config.rtmp.set_open_to_network(false);
    config.streams.play_wait_seconds = weir_engine::config::Seconds::new(3);
    engine.apply(config).await.unwrap();
    engine.shutdown().await;
    let again = Settings::load(&engine.paths().config_file, Profile::Desktop).unwrap();
    assert_eq!(again.config().streams.play_wait_seconds, weir_engine::config::Seconds::new(3));
}
