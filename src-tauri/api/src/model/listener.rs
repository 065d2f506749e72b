//! Where the program listens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Notice;

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
    /// It is starting.
    Starting,
    /// It accepts connections.
    Listening,
    /// Switched off.
    Disabled,
    /// Another program holds the port.
    PortTaken,
    /// It cannot listen for another reason.
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
    /// `rtmp`.
    #[schema(example = "rtmp")]
    pub protocol: String,
    /// Port from the settings.
    #[schema(example = 1935)]
    pub port: u16,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Who can connect.
    pub reach: Reach,
    /// What it is doing.
    pub state: ListenerState,
    /// Addresses it really listens on.
    #[schema(example = json!(["127.0.0.1:1935", "[::1]:1935"]))]
    pub bound: Vec<String>,
    /// Why it does not listen; null when it does or is switched off.
    pub problem: Option<Notice>,
    /// The program that holds the port, where the system tells.
    pub port_owner: Option<PortOwner>,
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
