//! Listeners: opened, taken by others, moved, switched off and on.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use support::srt::Caller;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use weir_engine::net::ListenAddress;
use weir_engine::status::{ListenerState, Own};
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
    let ListenerState::Failed { code, message, hint, owner, next_free_port, .. } =
        engine.listeners().swap_remove(0).state
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

const ONE: &str = "127.0.0.1:0";
const PROTOCOLS: [&str; 3] = ["rtmp", "rtmps", "srt"];

fn listen_of<'a>(config: &'a mut Config, protocol: &str) -> &'a mut Vec<ListenAddress> {
    match protocol {
        "rtmp" => &mut config.rtmp.listen,
        "rtmps" => &mut config.rtmps.listen,
        _ => &mut config.srt.listen,
    }
}

/// An engine that listens for everything.
async fn start_all(folder: &tempfile::TempDir) -> Engine {
    let mut config = Config::defaults(Profile::Desktop);
    PROTOCOLS.iter().for_each(|protocol| *listen_of(&mut config, protocol) = vec![ONE.parse().unwrap()]);
    (config.rtmps.enabled, config.srt.enabled) = (true, true);
    Engine::start(Settings::new(config, Profile::Desktop), Paths::under(folder.path())).await.unwrap()
}

fn state(engine: &Engine, protocol: &str) -> ListenerState {
    let mut alike = engine.listeners().into_iter().filter(|listener| listener.protocol == protocol);
    let listener = alike.next().unwrap();
    assert_eq!(alike.next(), None);
    listener.state
}

fn open_at(engine: &Engine, protocol: &str) -> SocketAddr {
    match state(engine, protocol) {
        ListenerState::Listening { bound } => bound[0],
        other => panic!("{protocol} does not listen: {other:?}"),
    }
}

/// What Weir itself holds the port with, once it was looked at that `protocol` goes on at `before`.
fn taken(engine: &Engine, protocol: &str, port: u16, before: SocketAddr) -> Option<Own> {
    let ListenerState::Failed { code, message, hint, own, next_free_port, bound, .. } = state(engine, protocol) else {
        panic!("{protocol}: the port is taken")
    };
    assert_eq!((code, bound.first()), ("port_in_use", Some(&before)), "{protocol}");
    assert!(message.contains(&port.to_string()), "{message}");
    assert!(hint.contains(&next_free_port.unwrap().to_string()), "{hint}");
    own
}

async fn set(engine: &Engine, protocol: &str, address: impl Into<String>) {
    let mut config = engine.config();
    *listen_of(&mut config, protocol) = vec![address.into().parse().unwrap()];
    engine.apply(config).await.unwrap();
}

/// Changes an address in the settings file, and has it read.
async fn set_in_file(engine: &Engine, protocol: &str, address: impl Into<String>) {
    let mut config = engine.config();
    *listen_of(&mut config, protocol) = vec![address.into().parse().unwrap()];
    let lists = PROTOCOLS.map(|protocol| {
        let list = listen_of(&mut config, protocol).iter().map(|address| format!("\"{address}\"")).collect::<String>();
        format!("[{protocol}]\nenabled = true\nlisten = [{list}]\n")
    });
    let http = config.http.listen.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ");
    let text = format!("{}[http]\nlisten = [{http}]\n", lists.concat());
    // In one go: the file is watched, and an empty one means the defaults.
    let (file, draft) = (&engine.paths().config_file, engine.paths().data_dir.join("draft.toml"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, file).unwrap();
    assert!(engine.reload_settings().await);
    let wanted = listen_of(&mut config, protocol).clone();
    assert_eq!(*listen_of(&mut engine.config(), protocol), wanted);
}

/// A new client gets in.
async fn reach(protocol: &str, address: SocketAddr) {
    match protocol {
        "srt" => Caller::call(address, &format!("publish:live/{}", address.port())).await.unwrap().close().await,
        _ => drop(TcpStream::connect(address).await.unwrap()),
    }
}

async fn is_closed(protocol: &str, address: SocketAddr) -> bool {
    match protocol {
        "srt" => UdpSocket::bind(address).await.is_ok(),
        _ => TcpStream::connect(address).await.is_err(),
    }
}

/// Somebody has a port; it is free again when this is dropped.
struct Taken {
    port: u16,
    _held: Box<dyn Send>,
}

async fn take(protocol: &str) -> Taken {
    if protocol == "srt" {
        let socket = UdpSocket::bind(ONE).await.unwrap();
        return Taken { port: socket.local_addr().unwrap().port(), _held: Box::new(socket) };
    }
    let socket = TcpListener::bind(ONE).await.unwrap();
    Taken { port: socket.local_addr().unwrap().port(), _held: Box::new(socket) }
}

#[tokio::test]
async fn a_listener_goes_on_where_it_was_while_the_new_port_is_taken_and_moves_when_one_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    for protocol in PROTOCOLS {
        for by_file in [false, true] {
            let change = async |address: String| match by_file {
                true => set_in_file(&engine, protocol, address).await,
                false => set(&engine, protocol, address).await,
            };
            let before = open_at(&engine, protocol);
            let other = take(protocol).await;
            change(format!("127.0.0.1:{}", other.port)).await;
            let own = taken(&engine, protocol, other.port, before);
            if cfg!(target_os = "linux") {
                assert_eq!(own, Some(Own::Other), "the test is Weir's own process");
            }
            reach(protocol, before).await;
            // Another one that is taken, too.
            let second = take(protocol).await;
            change(format!("127.0.0.1:{}", second.port)).await;
            taken(&engine, protocol, second.port, before);
            reach(protocol, before).await;

            let free = if by_file { ONE } else { LOCAL };
            change(free.to_owned()).await;
            let after = open_at(&engine, protocol);
            if by_file {
                assert_ne!(after, before);
            }
            reach(protocol, after).await;
            assert!(is_closed(protocol, before).await, "{protocol}: the old port is closed");
            drop((other, second));
        }
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn what_goes_on_where_it_was_stays_there_when_the_change_is_taken_back_and_ends_when_it_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    for protocol in PROTOCOLS {
        let before = open_at(&engine, protocol);
        let other = take(protocol).await;
        set(&engine, protocol, format!("127.0.0.1:{}", other.port)).await;
        set(&engine, protocol, ONE).await;
        assert_eq!(open_at(&engine, protocol), before);
        set(&engine, protocol, format!("127.0.0.1:{}", other.port)).await;
        taken(&engine, protocol, other.port, before);
        let mut config = engine.config();
        config.rtmp.enabled &= protocol != "rtmp";
        config.rtmps.enabled &= protocol != "rtmps";
        config.srt.enabled &= protocol != "srt";
        engine.apply(config).await.unwrap();
        assert_eq!(state(&engine, protocol), ListenerState::Off);
        assert!(is_closed(protocol, before).await, "{protocol}");
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn a_listener_moves_by_itself_when_the_new_port_gets_free_and_at_once_when_it_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    let before = PROTOCOLS.map(|protocol| open_at(&engine, protocol));
    let others = [take("rtmp").await, take("rtmps").await, take("srt").await];
    for (protocol, other) in PROTOCOLS.iter().zip(&others) {
        set(&engine, protocol, format!("127.0.0.1:{}", other.port)).await;
    }
    // Whoever is connected keeps an SRT listener where it is: its connections would end.
    let mut caller = Caller::call(before[2], "publish:live/a").await.unwrap();
    let ports = others.each_ref().map(|other| other.port);
    drop(others);
    tokio::select! {
        () = until(&engine, |state| matches!(state, ListenerState::Listening { .. })) => {}
        () = caller.run(|_| false) => panic!("the caller goes on"),
    }
    assert_eq!(open_at(&engine, "rtmp").port(), ports[0]);
    assert!(is_closed("rtmp", before[0]).await);
    assert!(caller.closed.is_none());
    taken(&engine, "srt", ports[2], before[2]);
    engine.open_again().await;
    assert_eq!(open_at(&engine, "srt").port(), ports[2]);
    assert_eq!(open_at(&engine, "rtmps").port(), ports[1]);
    caller.last().await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_port_of_weir_itself_is_told_by_what_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    let (before, secure) = (open_at(&engine, "rtmp"), open_at(&engine, "rtmps"));
    // Stands for the page, which is not the engine's.
    let page = take("rtmp").await;
    let mut config = engine.config();
    config.http.listen = vec![format!("127.0.0.1:{}", page.port).parse().unwrap()];
    config.rtmp.set_port(page.port);
    engine.apply(config).await.unwrap();
    assert_eq!(taken(&engine, "rtmp", page.port, before), Some(Own::Page));
    set(&engine, "rtmps", secure.to_string()).await;
    set(&engine, "rtmp", secure.to_string()).await;
    assert_eq!(taken(&engine, "rtmp", secure.port(), before), Some(Own::Rtmps));
    let ListenerState::Failed { message, hint, .. } = state(&engine, "rtmp") else { panic!("taken") };
    assert_eq!(message, format!("Port {} is already used by Weir's own listener for RTMPS.", secure.port()));
    assert!(hint.starts_with("Choose another port"), "{hint}");
    engine.shutdown().await;
}

#[tokio::test]
async fn two_listeners_change_places() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    let (plain, secure) = (open_at(&engine, "rtmp"), open_at(&engine, "rtmps"));
    let mut config = engine.config();
    config.rtmp.listen = vec![secure.to_string().parse().unwrap()];
    config.rtmps.listen = vec![plain.to_string().parse().unwrap()];
    engine.apply(config).await.unwrap();
    assert_eq!((open_at(&engine, "rtmp"), open_at(&engine, "rtmps")), (secure, plain));
    engine.shutdown().await;
}

#[tokio::test]
async fn an_address_that_has_to_be_closed_first_is_opened_again_when_the_new_one_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start_all(&folder).await;
    for protocol in PROTOCOLS {
        let before = open_at(&engine, protocol);
        let both = format!("localhost:{}", before.port());
        // The other half of the new address is another's.
        let half: Box<dyn Send> = match protocol {
            "srt" => match UdpSocket::bind((Ipv6Addr::LOCALHOST, before.port())).await {
                Ok(socket) => Box::new(socket),
                Err(error) => return eprintln!("SKIPPED: no IPv6 here ({error})"),
            },
            _ => match TcpListener::bind((Ipv6Addr::LOCALHOST, before.port())).await {
                Ok(socket) => Box::new(socket),
                Err(error) => return eprintln!("SKIPPED: no IPv6 here ({error})"),
            },
        };
        set(&engine, protocol, both).await;
        taken(&engine, protocol, before.port(), before);
        reach(protocol, before).await;
        engine.open_again().await;
        taken(&engine, protocol, before.port(), before);
        reach(protocol, before).await;
        drop(half);
        engine.open_again().await;
        assert_eq!(open_at(&engine, protocol), before);
        reach(protocol, before).await;
    }
    engine.shutdown().await;
}
