//! The RTMP server: its listeners, which open, fail and come back each on their own, and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use weir_rtmp::session::server;

use super::reconnect::{Clients, ReconnectUrl, Whom};
use super::wire::Caches;
use super::{Config, connection};
use crate::engine::Context;
use crate::event::Event;
use crate::net::{ListenAddress, listener};
use crate::problem::Report;
use crate::status::{self, ListenerState};
use crate::supervise::{End, Supervisor};
use crate::{config, streams};

/// How often a listener that failed is tried again.
const RETRY: Duration = Duration::from_secs(3);
/// How long connections get to say goodbye at a shutdown.
const GOODBYE: Duration = Duration::from_secs(3);

/// The RTMP server. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

/// What every connection of the server shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Context,
    /// The bytes that players share.
    pub(crate) caches: Caches,
    /// Who can be asked to connect anew.
    pub(crate) clients: Clients,
    settings: RwLock<Arc<Settings>>,
    /// Owns the connections; another one after the server was switched off and on.
    connections: Mutex<Supervisor>,
    open: AtomicUsize,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

/// The settings a connection keeps for its life.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rtmp: Config,
    pub(crate) streams: streams::Config,
    /// The former as the sessions take it.
    pub(crate) session: Arc<server::Config>,
}

impl Settings {
    fn new(config: &config::Config) -> Self {
        let (rtmp, streams) = (config.rtmp.clone(), config.streams.clone());
        Self { session: Arc::new(rtmp.session()), rtmp, streams }
    }
}

#[derive(Debug)]
struct Listener {
    address: ListenAddress,
    state: Mutex<ListenerState>,
    tasks: Supervisor,
}

impl Server {
    /// Opens the listeners that `config` asks for. One that fails says so and is tried again; the rest works.
    pub async fn start(context: Context, config: &config::Config) -> Self {
        let connections = Mutex::new(context.supervisor.child());
        let server = Self(Arc::new(Shared {
            context,
            caches: Caches::default(),
            clients: Clients::default(),
            settings: RwLock::new(Arc::new(Settings::new(config))),
            connections,
            open: AtomicUsize::new(0),
            listeners: Mutex::default(),
        }));
        server.follow(&config.rtmp).await;
        server
    }

    /// Follows changed settings. Listeners that did not change and connections go on, unless the server is switched off
    /// or closed to the network.
    pub async fn apply(&self, config: &config::Config) {
        let before = {
            let mut settings = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *settings, Arc::new(Settings::new(config)))
        };
        self.follow(&config.rtmp).await;
        if !config.rtmp.enabled && before.rtmp.enabled {
            let ended = {
                let mut connections = lock(&self.0.connections);
                std::mem::replace(&mut *connections, self.0.context.supervisor.child())
            };
            ended.shutdown(GOODBYE).await;
        } else if before.rtmp.open_to_network() && !config.rtmp.open_to_network() {
            self.cut_network();
        }
    }

    /// Ends what came from other devices, once they are no longer welcome.
    fn cut_network(&self) {
        let hub = &self.0.context.hub;
        let distant = |origin: &weir_hub::Origin| {
            origin.protocol == connection::PROTOCOL && origin.peer.is_some_and(|peer| !peer.ip().is_loopback())
        };
        for stream in hub.streams() {
            if stream.origin.as_ref().is_some_and(distant) {
                hub.kick_publisher(&stream.path);
            }
            for reader in stream.readers.iter().filter(|reader| distant(&reader.origin)) {
                hub.kick_reader(reader.id);
            }
        }
    }

    /// Closes the listeners that are no longer wanted and opens the new ones, in the order of the settings.
    async fn follow(&self, config: &Config) {
        let known = std::mem::take(&mut *lock(&self.0.listeners));
        let (kept, gone): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|listener| config.addresses().contains(&listener.address));
        for listener in &gone {
            listener.tasks.shutdown(GOODBYE).await;
        }
        let mut wanted = Vec::new();
        for address in config.addresses() {
            let listener = match kept.iter().find(|listener| listener.address == *address) {
                Some(listener) => Arc::clone(listener),
                None => self.open(*address).await,
            };
            wanted.push(listener);
        }
        *lock(&self.0.listeners) = wanted;
        for listener in self.listeners() {
            self.0.context.events.tell(Event::Listener { listener });
        }
    }

    async fn open(&self, address: ListenAddress) -> Arc<Listener> {
        let opened = listener::open(address).await;
        let state = match &opened {
            Ok(sockets) => ListenerState::Listening { bound: addresses(sockets) },
            Err(failed) => failed.clone(),
        };
        log(address, &state);
        let tasks = self.0.context.supervisor.child();
        let listener = Arc::new(Listener { address, state: Mutex::new(state), tasks });
        let name = format!("rtmp listener {address}");
        listener.tasks.spawn(name, keep_open(Arc::clone(&self.0), Arc::clone(&listener), opened.unwrap_or_default()));
        listener
    }

    /// The listeners in the order of the settings; one that is off when the server is.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let listeners = lock(&self.0.listeners);
        if !listeners.is_empty() {
            return listeners.iter().enumerate().map(|(at, listener)| listener.status(at)).collect();
        }
        drop(listeners);
        let settings = self.0.settings();
        let off = |(at, address): (usize, &ListenAddress)| status_of(at, *address, ListenerState::Off);
        settings.rtmp.listen.iter().enumerate().map(off).collect()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Asks clients to connect anew, to `url` or to the same address. Those that did not say that they understand it are told
    /// nothing. Returns how many are asked.
    pub fn request_reconnect(&self, whom: &Whom, url: Option<&ReconnectUrl>) -> usize {
        let asked = self.0.clients.ask(whom, url);
        tracing::info!(asked, ?whom, ?url, "asked to connect anew");
        asked
    }

    /// Accepts nobody any more; connections go on.
    pub fn close_listeners(&self) {
        for listener in lock(&self.0.listeners).iter() {
            listener.tasks.stop();
        }
    }

    /// Ends every connection, told so as far as its protocol can tell.
    pub async fn shutdown(&self) {
        self.close_listeners();
        let connections = lock(&self.0.connections).clone();
        let left = connections.shutdown(GOODBYE).await;
        if left > 0 {
            tracing::warn!(left, "RTMP connections did not end in time");
        }
    }
}

impl Shared {
    /// The settings in force, for a new connection.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let limit = self.settings().rtmp.max_connections as usize;
        let place = Place::take(self);
        if self.open.load(Ordering::Relaxed) > limit {
            self.context.problems.report(Report {
                code: "too_many_connections",
                message: format!("There are already {limit} RTMP connections, so another one was turned away."),
                hint: "Raise max_connections in the settings if this audience is expected.".to_owned(),
                path: None,
                peer: None,
            });
            return;
        }
        let connections = lock(&self.connections).clone();
        let stopping = connections.stopping().clone();
        let shared = Arc::clone(self);
        connections.spawn("rtmp connection", async move {
            let _place = place;
            connection::run(shared, stream, peer, stopping).await
        });
    }
}

/// Counts a connection while it lives.
#[derive(Debug)]
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    fn status(&self, at: usize) -> status::Listener {
        status_of(at, self.address, lock(&self.state).clone())
    }
}

fn status_of(at: usize, address: ListenAddress, state: ListenerState) -> status::Listener {
    let id = if at == 0 { "rtmp".to_owned() } else { format!("rtmp-{}", at + 1) };
    let open_to_network = !address.is_loopback();
    status::Listener { id, protocol: connection::PROTOCOL, address, open_to_network, state }
}

/// Accepts on `sockets`; while there are none tries again to open them.
async fn keep_open(shared: Arc<Shared>, listener: Arc<Listener>, mut sockets: Vec<TcpListener>) -> End {
    let stopping = listener.tasks.stopping().clone();
    loop {
        if !sockets.is_empty() {
            tokio::select! {
                () = accept_on(&shared, &sockets) => {}
                () = stopping.cancelled() => return End::Stopped,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stopping.cancelled() => return End::Stopped,
        }
        let opened = listener::open(listener.address).await;
        let state = match &opened {
            Ok(sockets) => ListenerState::Listening { bound: addresses(sockets) },
            Err(failed) => failed.clone(),
        };
        let changed = std::mem::replace(&mut *lock(&listener.state), state.clone()) != state;
        if changed {
            log(listener.address, &state);
            let at = lock(&shared.listeners).iter().position(|known| Arc::ptr_eq(known, &listener)).unwrap_or(0);
            shared.context.events.tell(Event::Listener { listener: listener.status(at) });
        }
        sockets = opened.unwrap_or_default();
    }
}

/// Accepts on every socket, for ever.
async fn accept_on(shared: &Arc<Shared>, sockets: &[TcpListener]) {
    let each = sockets.iter().map(|socket| {
        Box::pin(async move {
            loop {
                let (stream, peer) = listener::accept(socket, |error| out_of_sockets(shared, error)).await;
                shared.admit(stream, peer);
            }
        })
    });
    futures_util::future::join_all(each).await;
}

fn out_of_sockets(shared: &Shared, error: &io::Error) {
    shared.context.problems.report(Report {
        code: "out_of_sockets",
        message: format!("The system has no more sockets for Weir ({error}); new connections wait."),
        hint: "Raise the limit of open files (ulimit -n) if this audience is expected.".to_owned(),
        path: None,
        peer: None,
    });
}

fn addresses(sockets: &[TcpListener]) -> Vec<SocketAddr> {
    sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
}

fn log(address: ListenAddress, state: &ListenerState) {
    match state {
        ListenerState::Listening { bound } => tracing::info!(%address, ?bound, "RTMP listens"),
        ListenerState::Failed { message, hint, .. } => tracing::error!(%address, hint, "RTMP: {message}"),
        ListenerState::Off => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
