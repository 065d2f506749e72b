//! The RTMP server: its listeners and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::net::{TcpListener, TcpStream};
use weir_rtmp::session::server;

use super::connection::Incoming;
use super::reconnect::{Clients, ReconnectUrl, Whom};
use super::wire::Caches;
use super::{Config, SecureConfig, connection};
use crate::engine::Context;
use crate::limits::Full;
use crate::net::{ListenAddress, listener};
use crate::problem::Report;
use crate::protocol::listeners::{self, GOODBYE, Listener, Listeners, Place};
use crate::status::{self, ListenerState, Own};
use crate::supervise::Supervisor;
use crate::{config, streams};

/// Connections at a time that are told that there is no place; the rest is closed without a word.
const MOST_REFUSED: usize = 64;

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
    open: Arc<AtomicUsize>,
    /// Connections that are only told that there is no place.
    refused: Arc<AtomicUsize>,
    listeners: Listeners,
}

/// The settings a connection keeps for its life.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rtmp: Config,
    rtmps: SecureConfig,
    pub(crate) streams: streams::Config,
    /// What else of Weir wants ports.
    neighbours: Vec<(Own, ListenAddress)>,
    /// The former as the sessions take it.
    pub(crate) session: Arc<server::Config>,
}

impl Settings {
    fn new(config: &config::Config) -> Self {
        let (rtmp, streams) = (config.rtmp.clone(), config.streams.clone());
        let pages = config.http.listen.iter().map(|address| (Own::Page, *address));
        let neighbours = pages.chain(config.metrics.listen.map(|address| (Own::Numbers, address))).collect();
        Self { session: Arc::new(rtmp.session()), rtmp, rtmps: config.rtmps.clone(), streams, neighbours }
    }

    /// Where it is to listen.
    fn places(&self) -> Vec<Place> {
        let at = |protocol| move |address: &ListenAddress| Place { address: *address, protocol };
        let plain = self.rtmp.addresses().iter().map(at(connection::PROTOCOL));
        plain.chain(self.rtmps.addresses().iter().map(at(connection::SECURE))).collect()
    }
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
            open: Arc::default(),
            refused: Arc::default(),
            listeners: Listeners::default(),
        }));
        listeners::follow(&server, &server.0.settings().places(), false).await;
        server
    }

    /// Follows changed settings. Listeners that did not change and connections go on, unless the server is switched off
    /// or closed to the network.
    pub async fn apply(&self, config: &config::Config) {
        let before = {
            let mut settings = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *settings, Arc::new(Settings::new(config)))
        };
        listeners::follow(self, &self.0.settings().places(), false).await;
        let ran = before.rtmp.enabled || before.rtmps.enabled;
        if ran && !config.rtmp.enabled && !config.rtmps.enabled {
            let ended = {
                let mut connections = lock(&self.0.connections);
                std::mem::replace(&mut *connections, self.0.context.supervisor.child())
            };
            ended.shutdown(GOODBYE).await;
            return;
        }
        let closed = |open: bool, still: bool| open && !still;
        if closed(before.rtmp.enabled && before.rtmp.open_to_network(), config.rtmp.open_to_network()) {
            self.cut(connection::PROTOCOL, |peer| !peer.ip().is_loopback());
        }
        if closed(before.rtmps.enabled && before.rtmps.open_to_network(), config.rtmps.open_to_network()) {
            self.cut(connection::SECURE, |peer| !peer.ip().is_loopback());
        }
        if closed(before.rtmp.enabled, config.rtmp.enabled) {
            self.cut(connection::PROTOCOL, |_| true);
        }
        if closed(before.rtmps.enabled, config.rtmps.enabled) {
            self.cut(connection::SECURE, |_| true);
        }
    }

    /// Ends what came by `protocol` from where nobody is welcome any more.
    fn cut(&self, protocol: &'static str, unwelcome: impl Fn(SocketAddr) -> bool) {
        let hub = &self.0.context.hub;
        let gone = |origin: &weir_hub::Origin| origin.protocol == protocol && origin.peer.is_some_and(&unwelcome);
        for stream in hub.streams() {
            if stream.origin.as_ref().is_some_and(gone) {
                hub.kick_publisher(&stream.path);
            }
            for reader in stream.readers.iter().filter(|reader| gone(&reader.origin)) {
                hub.kick_reader(reader.id);
            }
        }
    }

    /// Tries at once to open the listeners that do not.
    pub(crate) async fn open_again(&self) {
        listeners::follow(self, &self.0.settings().places(), true).await;
    }

    /// The listeners in the order of the settings, those that are switched off included; first RTMP, then RTMPS.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let settings = self.0.settings();
        let sets = [(connection::PROTOCOL, &settings.rtmp.listen), (connection::SECURE, &settings.rtmps.listen)];
        let of = |(protocol, set): (&'static str, &Vec<ListenAddress>)| {
            let known = self.0.listeners.status(protocol);
            if !known.is_empty() {
                return known;
            }
            let off = |(at, address): (usize, &ListenAddress)| {
                listeners::status_of(at, Place { address: *address, protocol }, ListenerState::Off)
            };
            set.iter().enumerate().map(off).collect()
        };
        sets.into_iter().flat_map(of).collect()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Asks clients to connect anew, to `url` or to the same address. Those that did not say that they understand it are told
    /// nothing. Returns how many are asked.
    pub fn request_reconnect(&self, whom: &Whom, url: Option<&ReconnectUrl>) -> usize {
        let asked = self.0.clients.ask(whom, url);
        let to = url.map(tracing::field::debug);
        tracing::info!(clients = asked, %whom, to, "asked to connect anew");
        asked
    }

    /// Accepts nobody any more; connections go on.
    pub fn close_listeners(&self) {
        self.0.listeners.tasks().iter().for_each(Supervisor::stop);
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

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, secure: bool) {
        let place = self.context.places.take(peer);
        let refusal = place.as_ref().err().map(|full| {
            self.context.problems.report(Report {
                code: full.code(),
                message: format!("An RTMP connection was turned away: {full}."),
                hint: full.hint().to_owned(),
                path: None,
                peer: matches!(full, Full::Address(_)).then(|| peer.ip().to_canonical().to_string()),
            });
            format!("The server is full: {full}. Try again later.")
        });
        // To say so takes a connection too; there are few for that.
        if refusal.is_some() && self.refused.load(Ordering::Relaxed) >= MOST_REFUSED {
            return;
        }
        let count = Count::of(if refusal.is_some() { &self.refused } else { &self.open });
        let connections = lock(&self.connections).clone();
        let stopping = connections.stopping().clone();
        let shared = Arc::clone(self);
        connections.spawn("rtmp connection", async move {
            let _held = (place, count);
            connection::run(shared, Incoming { stream, peer, secure, refusal }, stopping).await
        });
    }
}

/// Counts a connection while it lives.
#[derive(Debug)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn of(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl listeners::Serves for Server {
    type Socket = TcpListener;

    const SHARE_SOCKET: bool = false;

    fn context(&self) -> &Context {
        &self.0.context
    }

    fn listeners(&self) -> &Listeners {
        &self.0.listeners
    }

    fn neighbours(&self) -> Vec<(Own, ListenAddress)> {
        self.0.settings().neighbours.clone()
    }

    fn local(socket: &TcpListener) -> Option<SocketAddr> {
        socket.local_addr().ok()
    }

    /// For TLS only once there is a certificate to show.
    async fn open(&self, place: Place) -> Result<Vec<TcpListener>, ListenerState> {
        if is_secure(place) {
            let certificates = self.0.context.certificates.clone();
            let prepared = tokio::task::spawn_blocking(move || certificates.prepare(SystemTime::now())).await;
            if let Ok(Err(error)) = prepared {
                return Err(ListenerState::Failed {
                    code: error.code(),
                    message: format!("There is no certificate for RTMPS: {error}."),
                    hint: "Correct the certificate in the settings, or leave it out: then Weir makes one.".to_owned(),
                    owner: None,
                    own: None,
                    next_free_port: None,
                    bound: Vec::new(),
                });
            }
        }
        listener::open(place.address).await
    }

    async fn serve(&self, listener: &Listener, sockets: Vec<TcpListener>) {
        accept_on(&self.0, &sockets, is_secure(listener.place)).await;
    }
}

fn is_secure(place: Place) -> bool {
    place.protocol == connection::SECURE
}

/// Accepts on every socket, for ever.
async fn accept_on(shared: &Arc<Shared>, sockets: &[TcpListener], secure: bool) {
    let each = sockets.iter().map(|socket| {
        Box::pin(async move {
            loop {
                let (stream, peer) = listener::accept(socket, |error| out_of_sockets(shared, error)).await;
                shared.admit(stream, peer, secure);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
