//! The SRT server: its listeners, which open, fail and come back each on their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::links::{Link, Links, Received};
use super::passphrases::Passphrases;
use super::{Config, Encryption, PROTOCOL, port};
use crate::engine::Context;
use crate::event::Event;
use crate::net::{ListenAddress, udp};
use crate::problem::Report;
use crate::secrets::Secrets;
use crate::status::{self, ListenerState};
use crate::supervise::{End, Supervisor};
use crate::watch::Watch;
use crate::{config, streams};

/// How often a listener that failed is tried again.
const RETRY: Duration = Duration::from_secs(3);
/// A receive buffer that is worth a line in the log: 100 ms at 80 Mbit/s.
const SMALL_BUFFER: usize = 1 << 20;
/// How long connections get to say goodbye at a shutdown.
const GOODBYE: Duration = Duration::from_secs(3);

/// The SRT server. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

/// What every connection of the server shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Context,
    pub(crate) passphrases: Passphrases,
    /// What is known of each connection.
    pub(crate) links: Links,
    secrets: Secrets,
    settings: RwLock<Arc<Settings>>,
    /// Settings were changed.
    changed: Notify,
    pub(crate) open: AtomicUsize,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

/// The settings a connection keeps for its life.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) srt: Config,
    pub(crate) streams: streams::Config,
}

impl Settings {
    pub(super) fn new(config: &config::Config) -> Self {
        Self { srt: config.srt.clone(), streams: config.streams.clone() }
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
    pub(crate) async fn start(context: Context, config: &config::Config, secrets: Secrets) -> Self {
        let server = Self(Arc::new(Shared {
            links: context.srt_links.clone(),
            context,
            passphrases: Passphrases::default(),
            secrets,
            settings: RwLock::new(Arc::new(Settings::new(config))),
            changed: Notify::new(),
            open: AtomicUsize::new(0),
            listeners: Mutex::default(),
        }));
        // Before it is read, so that no change falls between.
        let watched = watched_file(&config.srt).map(|path| (path.clone(), Watch::of(&path)));
        server.read_passphrases().await;
        if config.srt.enabled && server.0.passphrases.is_missing() {
            server.0.context.problems.report(Report {
                code: "srt_no_passphrase_yet",
                message: "SRT asks for a passphrase and there is none, so every caller is refused.".to_owned(),
                hint: "Make a passphrase in the SRT settings, or switch encryption off.".to_owned(),
                ..Report::default()
            });
        }
        server.0.context.supervisor.spawn("srt passphrase file", watch_passphrases(server.clone(), watched));
        server.follow(&config.srt).await;
        server
    }

    /// Follows changed settings and secrets. Listeners that did not change go on, and so do their connections.
    pub(crate) async fn apply(&self, config: &config::Config) {
        let settings = Arc::new(Settings::new(config));
        let before = {
            let mut held = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, settings)
        };
        // Passphrases are no part of the settings, so whether they changed is not known here.
        self.read_passphrases().await;
        if config.srt != before.srt {
            self.0.changed.notify_one();
            self.follow(&config.srt).await;
        }
    }

    /// Reads the passphrases again; connections that stand are not touched. A file that cannot be used is reported, and what
    /// was read before stays in force.
    pub async fn read_passphrases(&self) {
        let shared = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            let settings = shared.settings();
            shared.passphrases.follow(&settings.srt, &shared.secrets).map_err(|error| (error, settings))
        });
        if let Ok(Err((error, settings))) = read.await {
            let file = settings.srt.passphrase_file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
            self.0.context.problems.report(Report {
                code: "srt_passphrase_file",
                message: format!("The SRT passphrases in {} were not taken: {error}.", file.display()),
                hint: "Correct the file; it is read again when it changes. What was read before stays in force."
                    .to_owned(),
                path: None,
                peer: None,
            });
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
        let opened = udp::open(address).await;
        let state = state_of(&opened);
        log(address, &state);
        let tasks = self.0.context.supervisor.child();
        let listener = Arc::new(Listener { address, state: Mutex::new(state), tasks });
        let name = format!("srt listener {address}");
        listener.tasks.spawn(name, keep_open(Arc::clone(&self.0), Arc::clone(&listener), opened.unwrap_or_default()));
        listener
    }

    /// The listeners in the order of the settings; those of a server that is off are off.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let listeners = lock(&self.0.listeners);
        if !listeners.is_empty() {
            return listeners.iter().enumerate().map(|(at, listener)| listener.status(at)).collect();
        }
        drop(listeners);
        let settings = self.0.settings();
        let off = |(at, address): (usize, &ListenAddress)| status_of(at, *address, ListenerState::Off);
        settings.srt.listen.iter().enumerate().map(off).collect()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// What is known of each connection.
    pub fn links(&self) -> Vec<Link> {
        self.0.links.all()
    }

    /// Likewise, each with a number that none had before.
    pub fn numbered_links(&self) -> Vec<(u64, Link)> {
        self.0.links.numbered()
    }

    /// What all connections received since the start, those that are gone too.
    pub fn received(&self) -> Received {
        self.0.links.received()
    }

    /// Ends every connection, told so, and closes the listeners.
    pub(crate) async fn shutdown(&self) {
        let listeners: Vec<_> = lock(&self.0.listeners).iter().cloned().collect();
        let ends = listeners.iter().map(|listener| listener.tasks.shutdown(GOODBYE));
        let left: usize = futures_util::future::join_all(ends).await.into_iter().sum();
        if left > 0 {
            tracing::warn!(left, "SRT connections did not end in time");
        }
    }
}

impl Shared {
    /// The settings in force, for a new connection.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener {
    fn status(&self, at: usize) -> status::Listener {
        status_of(at, self.address, lock(&self.state).clone())
    }
}

fn status_of(at: usize, address: ListenAddress, state: ListenerState) -> status::Listener {
    let id = if at == 0 { PROTOCOL.to_owned() } else { format!("{PROTOCOL}-{}", at + 1) };
    let open_to_network = !address.is_loopback();
    status::Listener { id, protocol: PROTOCOL, address, open_to_network, state }
}

fn state_of(opened: &Result<Vec<udp::Socket>, ListenerState>) -> ListenerState {
    match opened {
        Ok(sockets) => ListenerState::Listening { bound: addresses(sockets) },
        Err(failed) => failed.clone(),
    }
}

fn watched_file(config: &Config) -> Option<PathBuf> {
    config.passphrase_file.clone().filter(|_| config.encryption == Encryption::File)
}

/// Reads the passphrase file again whenever it changes.
async fn watch_passphrases(server: Server, mut watched: Option<(PathBuf, Watch)>) -> End {
    let stopping = server.0.context.supervisor.stopping().clone();
    loop {
        let file = watched_file(&server.0.settings().srt);
        if watched.as_ref().map(|(path, _)| path) != file.as_ref() {
            watched = file.map(|path| (path.clone(), Watch::of(&path)));
            // It may have changed between the reading of it, when the settings changed, and now.
            server.read_passphrases().await;
        }
        let changed = async {
            match &mut watched {
                Some((_, watch)) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed => server.read_passphrases().await,
            () = server.0.changed.notified() => {}
            () = stopping.cancelled() => return End::Stopped,
        }
    }
}

/// Serves `sockets`; while there are none tries again to open them.
async fn keep_open(shared: Arc<Shared>, listener: Arc<Listener>, mut sockets: Vec<udp::Socket>) -> End {
    let stopping = listener.tasks.stopping().clone();
    loop {
        if !sockets.is_empty() {
            let ports = sockets.drain(..).map(|socket| {
                say_small_buffer(&socket);
                Box::pin(port::run(Arc::clone(&shared), Arc::new(socket), listener.tasks.clone()))
            });
            tokio::select! {
                (error, ..) = futures_util::future::select_all(ports) => {
                    tracing::warn!(address = %listener.address, %error, "an SRT socket broke; it is opened again");
                }
                () = stopping.cancelled() => return End::Stopped,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stopping.cancelled() => return End::Stopped,
        }
        let opened = udp::open(listener.address).await;
        let state = state_of(&opened);
        let changed = std::mem::replace(&mut *lock(&listener.state), state.clone()) != state;
        if changed {
            log(listener.address, &state);
            let at = lock(&shared.listeners).iter().position(|known| Arc::ptr_eq(known, &listener)).unwrap_or(0);
            shared.context.events.tell(Event::Listener { listener: listener.status(at) });
        }
        sockets = opened.unwrap_or_default();
    }
}

/// A system that gives little room loses datagrams whenever the machine is busy for a moment; SRT then asks for them again.
fn say_small_buffer(socket: &udp::Socket) {
    let bytes = socket.receive_buffer();
    if bytes < SMALL_BUFFER {
        tracing::info!(
            bytes,
            "the system gives SRT a small receive buffer; on Linux sysctl net.core.rmem_max raises it"
        );
    }
}

fn addresses(sockets: &[udp::Socket]) -> Vec<SocketAddr> {
    sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
}

fn log(address: ListenAddress, state: &ListenerState) {
    match state {
        ListenerState::Listening { bound } => tracing::info!(%address, ?bound, "SRT listens"),
        ListenerState::Failed { message, hint, .. } => tracing::error!(%address, hint, "SRT: {message}"),
        ListenerState::Off => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
