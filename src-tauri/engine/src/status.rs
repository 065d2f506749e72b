//! What the engine tells about itself: plain snapshots without secrets. What it tells of streams comes from the hub as is.

use std::net::SocketAddr;

use serde::Serialize;
pub use weir_hub::{Origin, ReaderSnapshot, Role, StreamSnapshot, StreamState, SubscriberId, TrackSnapshot};

use crate::config::Profile;
use crate::net::ListenAddress;
use crate::net::owner::Process;

/// The engine as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Engine {
    /// Version of Weir.
    pub version: &'static str,
    /// Who runs it.
    pub profile: Profile,
    /// When it started, milliseconds since 1970.
    pub started_at: u64,
    /// How long it runs, in seconds.
    pub uptime_seconds: u64,
    /// Open connections of encoders and players.
    pub connections: usize,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// Identity: `rtmp`, `rtmp-2`, `srt`, … in the order of the settings.
    pub id: String,
    /// The protocol, e.g. `rtmp`.
    pub protocol: &'static str,
    /// The address as it is set, e.g. `localhost:1935`.
    pub address: ListenAddress,
    /// Whether other devices can reach it.
    pub open_to_network: bool,
    /// How it stands.
    #[serde(flatten)]
    pub state: ListenerState,
}

/// How a listener stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ListenerState {
    /// The settings switch it off.
    Off,
    /// It accepts connections.
    Listening {
        /// The sockets, with real ports.
        bound: Vec<SocketAddr>,
    },
    /// It could not be opened; it is tried again by itself.
    Failed {
        /// A fixed word for programs: `port_in_use`, `not_allowed`, `no_such_address`, `cannot_listen`.
        code: &'static str,
        /// One sentence: what happened.
        message: String,
        /// One sentence: what to do.
        hint: String,
        /// The program that holds the port, where the OS tells.
        owner: Option<Process>,
        /// A port near it that is free.
        next_free_port: Option<u16>,
    },
}
