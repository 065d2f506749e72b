//! The SRT server and its listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use super::links::{Link, Links, Received};
use super::passphrases::Passphrases;
use super::{Config, Encryption, PROTOCOL, port};
use crate::engine::Context;
use crate::net::{ListenAddress, udp};
use crate::problem::Report;
use crate::protocol::listeners::{self, GOODBYE, Listener, Listeners, Place};
use crate::secrets::Secrets;
use crate::status::{self, ListenerState, Own};
use crate::supervise::End;
use crate::watch::Watch;
use crate::{config, streams};

/// A receive buffer that is worth a line in the log: 100 ms at 80 Mbit/s.
const SMALL_BUFFER: usize = 1 << 20;

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
    listeners: Listeners,
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

fn places(config: &Config) -> Vec<Place> {
    config.addresses().iter().map(|address| Place { address: *address, protocol: PROTOCOL }).collect()
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
            listeners: Listeners::default(),
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
        listeners::follow(&server, &places(&config.srt), false).await;
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
            listeners::follow(self, &places(&config.srt), false).await;
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

    /// Tries at once to open the listeners that do not.
    pub(crate) async fn open_again(&self) {
        listeners::follow(self, &places(&self.0.settings().srt), true).await;
    }

    /// The listeners in the order of the settings; those of a server that is off are off.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let known = self.0.listeners.status(PROTOCOL);
        if !known.is_empty() {
            return known;
        }
        let settings = self.0.settings();
        let off = |(at, address): (usize, &ListenAddress)| {
            listeners::status_of(at, Place { address: *address, protocol: PROTOCOL }, ListenerState::Off)
        };
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
        let listeners = self.0.listeners.tasks();
        let ends = listeners.iter().map(|tasks| tasks.shutdown(GOODBYE));
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

impl listeners::Serves for Server {
    type Socket = udp::Socket;

    const SHARE_SOCKET: bool = true;

    fn context(&self) -> &Context {
        &self.0.context
    }

    fn listeners(&self) -> &Listeners {
        &self.0.listeners
    }

    /// Nothing else of Weir listens for datagrams.
    fn neighbours(&self) -> Vec<(Own, ListenAddress)> {
        Vec::new()
    }

    fn local(socket: &udp::Socket) -> Option<SocketAddr> {
        socket.local_addr().ok()
    }

    async fn open(&self, place: Place) -> Result<Vec<udp::Socket>, ListenerState> {
        udp::open(place.address).await
    }

    async fn serve(&self, listener: &Listener, sockets: Vec<udp::Socket>) {
        let ports = sockets.into_iter().map(|socket| {
            say_small_buffer(&socket);
            Box::pin(port::run(Arc::clone(&self.0), Arc::new(socket), listener.tasks.clone()))
        });
        let (error, ..) = futures_util::future::select_all(ports).await;
        tracing::warn!(address = %listener.place.address, %error, "an SRT socket broke; it is opened again");
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
