//! Where streams are sent on to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::destination;
use weir_media::Secret;

use super::Notice;
use super::notice::word;
use super::time::{from_millis, rounded};

/// What stands in for a secret part of an address.
pub(crate) const MASK: &str = "•••";

/// Every destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationList {
    /// In the order of the settings.
    pub destinations: Vec<Destination>,
}

/// What a destination is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// Switched off.
    Disabled,
    /// Waits for a stream to send.
    Waiting,
    /// Connects.
    Connecting,
    /// Sends.
    Live,
    /// Sends, slower than the stream comes.
    Behind,
    /// The connection failed; the next attempt has a time.
    Retrying,
    /// It failed in a way that a new attempt does not help.
    Stopped,
}

/// One destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Destination {
    /// Identity.
    pub id: String,
    /// What the user calls it.
    #[schema(example = "Twitch")]
    pub name: String,
    /// Its address; a stream key or password in it is shown as `•••`.
    #[schema(example = "rtmp://live.twitch.tv/app/•••")]
    pub url: String,
    /// Whether a stream key is kept for it.
    pub key_set: bool,
    /// Which streams it takes: one (`live/stream`), all of an application (`live/*`), or any (`*`). It sends one at a time.
    #[schema(example = "*")]
    pub streams: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// What it is doing.
    pub state: DestinationState,
    /// The stream it sends, or tries to.
    pub sending: Option<String>,
    /// Live streams that it would take too, but cannot as long as it sends another.
    pub also_waiting: Vec<String>,
    /// When the state began, RFC 3339.
    #[schema(format = DateTime)]
    pub since: String,
    /// Seconds until the next attempt, while retrying.
    pub retry_in_seconds: Option<f64>,
    /// How often it had to connect again since it was switched on.
    pub reconnects: u64,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// Media sent, bytes.
    pub bytes_sent: u64,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames left out because the way there was too slow.
    pub frames_skipped: u64,
    /// The last thing that went wrong; null when nothing did.
    pub last_error: Option<Notice>,
    /// When that was, RFC 3339.
    #[schema(format = DateTime)]
    pub last_error_at: Option<String>,
}

/// A new destination.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationCreate {
    /// What to call it; made from the address when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Its address, with or without the stream key at the end.
    #[schema(value_type = String, example = "rtmp://live.twitch.tv/app")]
    #[serde(deserialize_with = "secret")]
    pub url: Secret<String>,
    /// The stream key, when it is not part of the address.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub key: Option<Secret<String>>,
    /// Which streams it takes: `live/stream`, `live/*`, or `*`, which is meant when left out.
    #[serde(default)]
    pub streams: Option<String>,
    /// Whether it starts switched on; it does when left out.
    #[serde(default = "on")]
    pub enabled: bool,
}

/// What can be changed about a destination. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationPatch {
    /// What to call it.
    pub name: Option<String>,
    /// Its address.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<Secret<String>>,
    /// The stream key; an empty one takes the kept one away.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub key: Option<Secret<String>>,
    /// Which streams it takes: `live/stream`, `live/*` or `*`.
    pub streams: Option<String>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
}

const fn on() -> bool {
    true
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|value| value.map(Secret::new))
}

impl From<destination::Status> for Destination {
    fn from(status: destination::Status) -> Self {
        let retry_in = match status.state {
            destination::State::Retrying { in_seconds, .. } => Some(rounded(in_seconds)),
            _ => None,
        };
        let state = match status.state {
            destination::State::Off => DestinationState::Disabled,
            destination::State::WaitingForStream => DestinationState::Waiting,
            destination::State::Connecting { .. } => DestinationState::Connecting,
            destination::State::Live => DestinationState::Live,
            destination::State::Behind { .. } => DestinationState::Behind,
            destination::State::Retrying { .. } => DestinationState::Retrying,
            destination::State::Stopped { .. } => DestinationState::Stopped,
        };
        Self {
            id: status.id,
            name: status.name,
            url: status.url,
            key_set: status.key_set,
            streams: status.streams.into(),
            enabled: status.enabled,
            state,
            sending: status.path,
            also_waiting: status.also_waiting,
            since: from_millis(status.since),
            retry_in_seconds: retry_in,
            reconnects: status.reconnects,
            bitrate: status.bitrate_bps,
            bytes_sent: status.bytes_sent,
            behind_seconds: rounded(status.behind_seconds),
            frames_skipped: status.frames_skipped,
            last_error_at: status.last_error.as_ref().map(|error| from_millis(error.at)),
            last_error: status.last_error.map(|error| Notice {
                code: word(&error.failure.code),
                message: error.failure.message,
                hint: error.failure.hint,
            }),
        }
    }
}
