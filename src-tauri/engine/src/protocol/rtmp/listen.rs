//! The RTMP server: its listeners, which open, fail and come back each on their own, and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use weir_rtmp::session::server;

use super::connection::Incoming;
use super::reconnect::{Clients, ReconnectUrl, Whom};
use super::wire::Caches;
use super::{Config, SecureConfig, connection};
use crate::engine::Context;
use crate::event::Event;
use crate::limits::Full;
use crate::net::{ListenAddress, listener};
use crate::problem::Report;
use crate::status::{self, ListenerState};
use crate::supervise::{End, Supervisor};
use crate::{config, streams};

/// How often a listener that failed is tried again.
const RETRY: Duration = Duration::from_secs(3);
/// Connections at a time that are told that there is no place; the rest is closed without a word.
const MOST_REFUSED: usize = 64;
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
    open: Arc<AtomicUsize>,
    /// Connections that are only told that there is no place.
    refused: Arc<AtomicUsize>,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

/// The settings a connection keeps for its life.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rtmp: Config,
    rtmps: SecureConfig,
    pub(crate) streams: streams::Config,
    /// The former as the sessions take it.
    pub(crate) session: Arc<server::Config>,
}

impl Settings {
    fn new(config: &config::Config) -> Self {
        let (rtmp, streams) = (config.rtmp.clone(), config.streams.clone());
        Self { session: Arc::new(rtmp.session()), rtmp, rtmps: config.rtmps.clone(), streams }
    }

    /// The sockets that are wanted.
    fn places(&self) -> Vec<Bind> {
        let plain = self.rtmp.addresses().iter().map(|address| Bind { address: *address, secure: false });
        let secure = self.rtmps.addresses().iter().map(|address| Bind { address: *address, secure: true });
        plain.chain(secure).collect()
    }
}

/// Where to listen, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bind {
    address: ListenAddress,
    secure: bool,
}

impl Bind {
    const fn protocol(self) -> &'static str {
        if self.secure { connection::SECURE } else { connection::PROTOCOL }
    }
}

#[derive(Debug)]
struct Listener {
    bind: Bind,
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
            open: Arc::default(),
            refused: Arc::default(),
            listeners: Mutex::default(),
        }));
        server.follow().await;
        server
    }

    /// Follows changed settings. Listeners that did not change and connections go on, unless the server is switched off
    /// or closed to the network.
    pub async fn apply(&self, config: &config::Config) {
        let before = {
            let mut settings = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *settings, Arc::new(Settings::new(config)))
        };
        self.follow().await;
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

    /// Closes the listeners that are no longer wanted and opens the new ones, in the order of the settings.
    async fn follow(&self) {
        let places = self.0.settings().places();
        let known = std::mem::take(&mut *lock(&self.0.listeners));
        let (kept, gone): (Vec<_>, Vec<_>) = known.into_iter().partition(|listener| places.contains(&listener.bind));
        for listener in &gone {
            listener.tasks.shutdown(GOODBYE).await;
        }
        let mut wanted = Vec::new();
        for bind in places {
            let listener = match kept.iter().find(|listener| listener.bind == bind) {
                Some(listener) => Arc::clone(listener),
                None => self.open(bind).await,
            };
            wanted.push(listener);
        }
        *lock(&self.0.listeners) = wanted;
        for listener in self.listeners() {
            self.0.context.events.tell(Event::Listener { listener });
        }
    }

    async fn open(&self, bind: Bind) -> Arc<Listener> {
        let opened = open(&self.0.context, bind).await;
        let state = match &opened {
            Ok(sockets) => ListenerState::Listening { bound: addresses(sockets) },
            Err(failed) => failed.clone(),
        };
        log(bind, &state);
        let tasks = self.0.context.supervisor.child();
        let listener = Arc::new(Listener { bind, state: Mutex::new(state), tasks });
        let name = format!("{} listener {}", bind.protocol(), bind.address);
        listener.tasks.spawn(name, keep_open(Arc::clone(&self.0), Arc::clone(&listener), opened.unwrap_or_default()));
        listener
    }

    /// The listeners in the order of the settings, those that are switched off included; first RTMP, then RTMPS.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let open = lock(&self.0.listeners).clone();
        let settings = self.0.settings();
        let of = |secure: bool, set: &[ListenAddress]| -> Vec<status::Listener> {
            let open: Vec<_> = open.iter().filter(|listener| listener.bind.secure == secure).collect();
            match open.is_empty() {
                false => open.iter().enumerate().map(|(at, listener)| listener.status(at)).collect(),
                true => set
                    .iter()
                    .enumerate()
                    .map(|(at, address)| status_of(at, Bind { address: *address, secure }, ListenerState::Off))
                    .collect(),
            }
        };
        let mut all = of(false, &settings.rtmp.listen);
        all.extend(of(true, &settings.rtmps.listen));
        all
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

impl Listener {
    fn status(&self, at: usize) -> status::Listener {
        status_of(at, self.bind, lock(&self.state).clone())
    }
}

fn status_of(at: usize, bind: Bind, state: ListenerState) -> status::Listener {
    let protocol = bind.protocol();
    let id = if at == 0 { protocol.to_owned() } else { format!("{protocol}-{}", at + 1) };
    let open_to_network = !bind.address.is_loopback();
    status::Listener { id, protocol, address: bind.address, open_to_network, state }
}

/// Opens the sockets of `bind`, for TLS only once there is a certificate to show.
async fn open(context: &Context, bind: Bind) -> Result<Vec<TcpListener>, ListenerState> {
    if bind.secure {
        let certificates = context.certificates.clone();
        let prepared = tokio::task::spawn_blocking(move || certificates.prepare(SystemTime::now())).await;
        if let Ok(Err(error)) = prepared {
            return Err(ListenerState::Failed {
                code: error.code(),
                message: format!("There is no certificate for RTMPS: {error}."),
                hint: "Correct the certificate in the settings, or leave it out: then Weir makes one.".to_owned(),
                owner: None,
                next_free_port: None,
            });
        }
    }
    listener::open(bind.address).await
}

/// Accepts on `sockets`; while there are none tries again to open them.
async fn keep_open(shared: Arc<Shared>, listener: Arc<Listener>, mut sockets: Vec<TcpListener>) -> End {
    let stopping = listener.tasks.stopping().clone();
    loop {
        if !sockets.is_empty() {
            tokio::select! {
                () = accept_on(&shared, &sockets, listener.bind.secure) => {}
                () = stopping.cancelled() => return End::Stopped,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stopping.cancelled() => return End::Stopped,
        }
        let opened = open(&shared.context, listener.bind).await;
        let state = match &opened {
            Ok(sockets) => ListenerState::Listening { bound: addresses(sockets) },
            Err(failed) => failed.clone(),
        };
        let changed = std::mem::replace(&mut *lock(&listener.state), state.clone()) != state;
        if changed {
            log(listener.bind, &state);
            let at = {
                let known = lock(&shared.listeners);
                let mut alike = known.iter().filter(|known| known.bind.secure == listener.bind.secure);
                alike.position(|known| Arc::ptr_eq(known, &listener)).unwrap_or(0)
            };
            shared.context.events.tell(Event::Listener { listener: listener.status(at) });
        }
        sockets = opened.unwrap_or_default();
    }
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

fn addresses(sockets: &[TcpListener]) -> Vec<SocketAddr> {
    sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
}

fn log(bind: Bind, state: &ListenerState) {
    let (protocol, address) = (bind.protocol().to_uppercase(), bind.address);
    match state {
        ListenerState::Listening { bound } => tracing::info!(%address, ?bound, "{protocol} listens"),
        ListenerState::Failed { message, hint, .. } => tracing::error!(%address, hint, "{protocol}: {message}"),
        ListenerState::Off => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
