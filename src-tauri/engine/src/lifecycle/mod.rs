//! The life cycle: who connected, shook hands, published, played and went, in the order in which it happened, whatever the
//! protocol. Hooks tell it to the outside, metrics count it.
//!
//! A protocol asks [`LifeCycle::accept`] for a [`Connection`] when somebody comes, puts its id into the
//! [`Origin`](weir_hub::Origin) that it gives to the hub, and drops it when the connection is over. All that happens to
//! streams comes from the hub, which tells it before whoever did it goes on: nothing is lost, nothing overtakes, and nothing
//! is done for a packet.

mod connection;
mod event;
pub(crate) mod outputs;
mod totals;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use weir_hub::{ConnectionId, Observer, Role as ReaderRole};
use weir_media::{StreamPath, TrackId, TrackKind, Tracks};

use connection::Connections;
pub use connection::{Connection, Open, Role};
pub use event::{Event, Kind, UnknownKind, What};
pub use totals::Totals;

use crate::problem::now_millis;

/// Events that a slow listener may fall behind by before it loses the oldest, and is told how many.
const BACKLOG: usize = 4096;

/// Where the life cycle is told, counted and heard. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct LifeCycle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    told: broadcast::Sender<Arc<Event>>,
    connections: Mutex<Connections>,
    ids: AtomicU64,
    totals: Totals,
    /// The codecs that were told of each stream: tracks become known one after the other, and each is told once.
    codecs: Mutex<HashMap<StreamPath, BTreeMap<TrackId, String>>>,
}

impl Default for LifeCycle {
    fn default() -> Self {
        Self(Arc::new(Shared {
            told: broadcast::channel(BACKLOG).0,
            connections: Mutex::default(),
            ids: AtomicU64::new(1),
            totals: Totals::default(),
            codecs: Mutex::default(),
        }))
    }
}

impl LifeCycle {
    /// Somebody connected over `protocol`. What is returned stands for the connection: it ends when that is dropped.
    pub fn accept(&self, protocol: &'static str, peer: Option<SocketAddr>, tls: bool) -> Connection {
        Connection::open(self.clone(), protocol, peer, tls)
    }

    /// Everything from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.told.subscribe()
    }

    /// What has been counted since the start.
    pub fn totals(&self) -> &Totals {
        &self.0.totals
    }

    /// The connections that are open, the oldest first.
    pub fn connections(&self) -> Vec<Open> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).list()
    }

    /// Tells an event of `path` that belongs to no connection: a recording, a destination, how a stream is.
    pub(crate) fn tell(&self, path: Option<StreamPath>, what: What) {
        self.tell_of(None, path, what);
    }

    fn tell_of(&self, connection: Option<ConnectionId>, path: Option<StreamPath>, what: What) {
        self.0.totals.count(&what);
        // No listener is no fault.
        let _ = self.0.told.send(Arc::new(Event { at: now_millis(), connection, path, what }));
    }

    /// The tracks whose codec is news.
    fn new_codecs(&self, path: &StreamPath, tracks: &Tracks) -> Vec<(TrackId, String)> {
        let mut codecs = self.0.codecs.lock().unwrap_or_else(PoisonError::into_inner);
        let told = codecs.entry(path.clone()).or_default();
        let media = tracks.iter().filter(|track| track.id.kind != TrackKind::Data);
        let all = media.map(|track| (track.id, track.codec.to_string()));
        all.filter(|(id, codec)| told.insert(*id, codec.clone()).as_ref() != Some(codec)).collect()
    }

    /// Another publisher's codecs are news, whatever they are.
    fn forget_codecs(&self, path: &StreamPath) {
        self.0.codecs.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Notes what a connection does, if it is one.
    fn note(&self, connection: Option<ConnectionId>, role: Role, path: &StreamPath) {
        if let Some(id) = connection {
            self.0.connections.lock().unwrap_or_else(PoisonError::into_inner).note(id, role, path);
        }
    }
}

impl Observer for LifeCycle {
    fn observe(&self, event: &weir_hub::Event) {
        use weir_hub::Event as Hub;
        match event {
            Hub::PublishStarted { path, origin, resumed, .. } => {
                self.note(origin.connection, Role::Publisher, path);
                self.forget_codecs(path);
                if !resumed {
                    self.tell_of(origin.connection, Some(path.clone()), What::StreamCreate);
                }
                let what = What::PublishStart { protocol: origin.protocol, peer: origin.peer, resumed: *resumed };
                self.tell_of(origin.connection, Some(path.clone()), what);
            }
            Hub::PublishStopped { path, origin, written, lasted, reason, tracks, .. } => {
                let what = What::PublishStop {
                    protocol: origin.protocol,
                    written: *written,
                    audio_codec: codec(tracks, TrackKind::Audio),
                    video_codec: codec(tracks, TrackKind::Video),
                    lasted: *lasted,
                    reason: *reason,
                };
                self.tell_of(origin.connection, Some(path.clone()), what);
            }
            Hub::TracksChanged { path, tracks, connection, .. } => {
                for (track, codec) in self.new_codecs(path, tracks) {
                    self.tell_of(*connection, Some(path.clone()), What::CodecDetected { track, codec });
                }
            }
            Hub::StreamEnded { path, reason, .. } => {
                self.forget_codecs(path);
                self.tell(Some(path.clone()), What::StreamDelete { reason: *reason });
            }
            Hub::Reading { path, role: ReaderRole::Player, origin, players, .. } => {
                self.note(origin.connection, Role::Subscriber, path);
                let what = What::PlayStart { protocol: origin.protocol, peer: origin.peer };
                self.tell_of(origin.connection, Some(path.clone()), what);
                self.tell(Some(path.clone()), What::SubscriberCount { count: *players });
            }
            Hub::Unsubscribed { path, role, origin, read: Some(read), players, .. } => {
                self.0.totals.read(*role, read);
                if *role == ReaderRole::Player {
                    let what = What::PlayStop { protocol: origin.protocol, read: *read };
                    self.tell_of(origin.connection, Some(path.clone()), what);
                    self.tell(Some(path.clone()), What::SubscriberCount { count: *players });
                }
            }
            Hub::Reading { .. }
            | Hub::Subscribed { .. }
            | Hub::Unsubscribed { .. }
            | Hub::TimestampsRepaired { .. } => {}
        }
    }
}

/// The codec of the first track of its kind.
fn codec(tracks: &Tracks, kind: TrackKind) -> Option<String> {
    tracks.iter().find(|track| track.id.kind == kind).map(|track| track.codec.to_string())
}
