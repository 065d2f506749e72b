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
    /// It could not be opened; it is tried again by itself, unless that would end connections.
    Failed {
        /// A fixed word for programs: `port_in_use`, `not_allowed`, `no_such_address`, `cannot_listen`.
        code: &'static str,
        /// One sentence: what happened.
        message: String,
        /// One sentence: what to do.
        hint: String,
        /// The program that holds the port, where the OS tells.
        owner: Option<Process>,
        /// What of Weir itself holds the port.
        own: Option<Own>,
        /// A port near it that is free.
        next_free_port: Option<u16>,
        /// Where it goes on meanwhile: the sockets of the address before it was changed.
        bound: Vec<SocketAddr>,
    },
}

impl ListenerState {
    /// The sockets, with real ports.
    pub fn bound(&self) -> &[SocketAddr] {
        match self {
            Self::Off => &[],
            Self::Listening { bound } | Self::Failed { bound, .. } => bound,
        }
    }

    /// Says what of Weir itself holds the port of `address`, where it does: `services` are what else wants ports.
    pub(crate) fn name_own(
        &mut self,
        address: ListenAddress,
        services: impl IntoIterator<Item = (Own, ListenAddress)>,
    ) {
        let Self::Failed { code: PORT_IN_USE, message, hint, owner, own, next_free_port, .. } = self else { return };
        if owner.as_ref().is_some_and(|owner| owner.pid != std::process::id()) {
            return;
        }
        let who = services.into_iter().find(|(_, other)| other.meets(address)).map(|(who, _)| who);
        // Where the system tells nothing, it may be anybody.
        let Some(who) = who.or_else(|| owner.is_some().then_some(Own::Other)) else { return };
        *own = Some(who);
        *message = format!("Port {} is already used by {}.", address.port(), who.words());
        *hint = next_free_port.map_or_else(
            || "Choose another port.".to_owned(),
            |next| format!("Choose another port, for example {next}, which is free."),
        );
    }
}

/// The code of a port that is taken.
pub(crate) const PORT_IN_USE: &str = "port_in_use";

/// What of Weir itself may hold a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Its page.
    Page,
    /// Its numbers for monitoring.
    Numbers,
    /// RTMP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// SRT.
    Srt,
    /// Something else of it.
    Other,
}

impl Own {
    pub(crate) fn of_protocol(protocol: &str) -> Option<Self> {
        match protocol {
            "rtmp" => Some(Self::Rtmp),
            "rtmps" => Some(Self::Rtmps),
            "srt" => Some(Self::Srt),
            _ => None,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Page => "Weir's own page",
            Self::Numbers => "Weir's own numbers for monitoring",
            Self::Rtmp => "Weir's own listener for RTMP",
            Self::Rtmps => "Weir's own listener for RTMPS",
            Self::Srt => "Weir's own listener for SRT",
            Self::Other => "Weir itself",
        }
    }
}
