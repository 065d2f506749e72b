//! A connection as the life cycle sees it: open until its value is dropped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use weir_hub::ConnectionId;
use weir_media::StreamPath;

use super::{LifeCycle, What};
use crate::auth::{Action, Refusal};

/// What a connection turned out to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It has not published or played.
    #[default]
    None,
    /// It published.
    Publisher,
    /// It played.
    Subscriber,
}

impl Role {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
        }
    }
}

/// A connection that is open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Identity.
    pub id: ConnectionId,
    /// The protocol, e.g. `rtmp`.
    pub protocol: &'static str,
    /// The other side.
    pub peer: Option<SocketAddr>,
    /// Whether it is encrypted by TLS.
    pub tls: bool,
    /// How long it has been open.
    pub age: Duration,
    /// What it is for.
    pub role: Role,
    /// The stream it published or played last.
    pub path: Option<StreamPath>,
}

/// A connection: its protocol keeps it while it is open.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    life: LifeCycle,
}

impl Connection {
    pub(super) fn open(life: LifeCycle, protocol: &'static str, peer: Option<SocketAddr>, tls: bool) -> Self {
        let id = ConnectionId(life.0.ids.fetch_add(1, Ordering::Relaxed));
        let known = Known { protocol, peer, tls, since: Instant::now(), role: Role::None, path: None };
        life.0.connections.lock().unwrap_or_else(PoisonError::into_inner).0.insert(id, known);
        let connection = Self { id, life };
        connection.tell(None, What::ConnectionAccept { protocol, peer, tls });
        connection
    }

    /// Identity, for [`weir_hub::Origin::connection`] and for the log.
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The protocol's handshake is done: the peer speaks it.
    pub fn handshake_complete(&self) {
        self.tell(None, What::HandshakeComplete);
    }

    /// The peer did not speak the protocol, or took too long.
    pub fn handshake_failed(&self) {
        self.life.totals().handshake_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The peer was cut because it was silent, or took nothing, for too long.
    pub fn was_dead(&self) {
        self.life.totals().dead_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// It showed that it may do what it asks for. Not for streams that need no such proof.
    pub fn auth_succeeded(&self) {
        self.life.totals().auth_successes.fetch_add(1, Ordering::Relaxed);
    }

    /// It was refused `action` on `path`. Who guesses on and on is counted each time, but told of now and then only: a flood
    /// of guesses must not become a flood of hooks.
    pub fn auth_failed(&self, action: Action, path: &StreamPath, refusal: &Refusal) {
        if refusal.repeated {
            self.life.totals().auth_failures.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.tell(Some(path.clone()), What::AuthFailed { action, error: refusal.message.clone() });
    }

    fn tell(&self, path: Option<StreamPath>, what: What) {
        self.life.tell_of(Some(self.id), path, what);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let known = self.life.0.connections.lock().unwrap_or_else(PoisonError::into_inner).0.remove(&self.id);
        if let Some(known) = known {
            let what =
                What::ConnectionClose { protocol: known.protocol, role: known.role, lasted: known.since.elapsed() };
            self.tell(known.path, what);
        }
    }
}

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Connections(BTreeMap<ConnectionId, Known>);

#[derive(Debug)]
struct Known {
    protocol: &'static str,
    peer: Option<SocketAddr>,
    tls: bool,
    since: Instant,
    role: Role,
    path: Option<StreamPath>,
}

impl Connections {
    pub(super) fn note(&mut self, id: ConnectionId, role: Role, path: &StreamPath) {
        if let Some(known) = self.0.get_mut(&id) {
            known.role = role;
            known.path = Some(path.clone());
        }
    }

    pub(super) fn list(&self) -> Vec<Open> {
        let open = |(id, known): (&ConnectionId, &Known)| Open {
            id: *id,
            protocol: known.protocol,
            peer: known.peer,
            tls: known.tls,
            age: known.since.elapsed(),
            role: known.role,
            path: known.path.clone(),
        };
        self.0.iter().map(open).collect()
    }
}
