//! Where the program listens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::status;

use super::Notice;

/// The engine's word for a port that is taken.
const PORT_TAKEN: &str = "port_in_use";

/// Every listener.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListenerList {
    /// In the order of the settings.
    pub listeners: Vec<Listener>,
}

/// What a listener is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListenerState {
    /// It accepts connections.
    Listening,
    /// Switched off.
    Disabled,
    /// The port is held by another program, or by something else of Weir. It may go on where it was, see `bound`.
    PortTaken,
    /// It cannot listen for another reason. It may go on where it was, see `bound`.
    Failed,
}

/// Who can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Programs on this computer only.
    ThisComputer,
    /// Every device that reaches this computer.
    Network,
}

/// One listener.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listener {
    /// Identity, e.g. `rtmp`.
    #[schema(example = "rtmp")]
    pub id: String,
    /// `rtmp` (TCP) or `srt` (UDP).
    #[schema(example = "rtmp")]
    pub protocol: String,
    /// Port from the settings; 0 lets the system choose, see `bound`.
    #[schema(example = 1935)]
    pub port: u16,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Who can connect.
    pub reach: Reach,
    /// What it is doing.
    pub state: ListenerState,
    /// Addresses it really listens on. When the wanted port does not open, those from before the change.
    #[schema(example = json!(["127.0.0.1:1935", "[::1]:1935"]))]
    pub bound: Vec<String>,
    /// Why it does not listen where it should; null when it does or is switched off.
    pub problem: Option<Notice>,
    /// The program that holds the port, where the system tells.
    pub port_owner: Option<PortOwner>,
    /// What of Weir itself holds the port; null when that is another program.
    pub port_own: Option<OwnService>,
    /// The next free port, to offer when this one is taken.
    pub next_free_port: Option<u16>,
}

/// The program that holds a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PortOwner {
    /// Process id.
    pub pid: u32,
    /// Name of the program.
    #[schema(example = "nginx")]
    pub name: String,
}

/// What of Weir itself can hold a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnService {
    /// The page and this API.
    Page,
    /// The numbers for monitoring.
    Numbers,
    /// The listener for RTMP.
    Rtmp,
    /// The listener for RTMPS.
    Rtmps,
    /// The listener for SRT.
    Srt,
    /// Something else.
    Other,
}

impl From<status::Own> for OwnService {
    fn from(own: status::Own) -> Self {
        match own {
            status::Own::Page => Self::Page,
            status::Own::Numbers => Self::Numbers,
            status::Own::Rtmp => Self::Rtmp,
            status::Own::Rtmps => Self::Rtmps,
            status::Own::Srt => Self::Srt,
            status::Own::Other => Self::Other,
        }
    }
}

/// What can be changed about a listener. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerPatch {
    /// Port, 1 to 65535.
    #[schema(minimum = 1, maximum = 65535)]
    pub port: Option<u32>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
    /// Who can connect.
    pub reach: Option<Reach>,
}

impl From<&status::Listener> for Listener {
    fn from(listener: &status::Listener) -> Self {
        let port = listener.address.port();
        let shown = Self {
            id: listener.id.clone(),
            protocol: listener.protocol.to_owned(),
            port,
            enabled: true,
            reach: if listener.open_to_network { Reach::Network } else { Reach::ThisComputer },
            state: ListenerState::Listening,
            bound: listener.state.bound().iter().map(ToString::to_string).collect(),
            problem: None,
            port_owner: None,
            port_own: None,
            next_free_port: None,
        };
        match &listener.state {
            status::ListenerState::Off => Self { enabled: false, state: ListenerState::Disabled, ..shown },
            status::ListenerState::Listening { .. } => shown,
            status::ListenerState::Failed { code, message, hint, owner, own, next_free_port, .. } => {
                let taken = *code == PORT_TAKEN;
                Self {
                    state: if taken { ListenerState::PortTaken } else { ListenerState::Failed },
                    problem: Some(Notice { code: (*code).to_owned(), message: message.clone(), hint: hint.clone() }),
                    port_owner: owner.as_ref().map(|owner| PortOwner { pid: owner.pid, name: owner.name.clone() }),
                    port_own: own.map(OwnService::from),
                    next_free_port: *next_free_port,
                    ..shown
                }
            }
        }
    }
}
