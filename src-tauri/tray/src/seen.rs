//! How the engine stands, as far as tray, notifications and the sleep guard care: read from the same API as the page's.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Core;

/// One look at the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The streams.
    pub streams: Vec<Stream>,
    /// The destinations.
    pub destinations: Vec<Destination>,
    /// The listeners.
    pub listeners: Vec<Listener>,
    /// The address and key for an encoder on this computer, as one address.
    pub address: Option<String>,
    /// What is set for the window.
    pub settings: Settings,
    /// The oldest recordings make room when the disk is full, so that nobody need be warned.
    pub makes_room: bool,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stream {
    /// `app/name`.
    pub path: String,
    /// Where it stands.
    pub state: StreamState,
    recording: Option<Recording>,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// The encoder sends.
    Live,
    /// The encoder is gone, and may come back.
    Interrupted,
    /// Any other, or one that is newer than this program.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Recording {
    failure: Option<Reason>,
    /// Minutes until the disk is full, when that is soon.
    #[serde(default, rename = "time_left_seconds", deserialize_with = "soon")]
    minutes_left: Option<u32>,
}

/// Seconds of recording for which the disk has room below which a person should be told.
const LITTLE_LEFT: f64 = 10.0 * 60.0;

/// Whole minutes of few seconds; none of many, which change with every look.
fn soon<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let seconds = Option::<f64>::deserialize(from)?.filter(|seconds| (0.0..LITTLE_LEFT).contains(seconds));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between none and ten minutes")]
    Ok(seconds.map(|seconds| (seconds / 60.0) as u32))
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Destination {
    /// Identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// What it is doing.
    pub state: DestinationState,
    /// What went wrong last.
    pub last_error: Option<Reason>,
}

/// What a destination is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// It takes the stream.
    Live,
    /// It takes the stream, slower than it comes.
    Behind,
    /// It is tried again.
    Retrying,
    /// It needs a person.
    Stopped,
    /// Any other, or one that is newer than this program.
    #[serde(other)]
    Other,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listener {
    /// Identity.
    pub id: String,
    /// Why it is not open.
    pub problem: Option<Reason>,
}

/// Why something does not work, in the engine's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reason {
    /// One sentence.
    pub message: String,
}

/// What is set for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// Start with the session.
    pub start_at_login: bool,
    /// Leave the window away then.
    pub start_hidden: bool,
    /// Go on without the window.
    pub keep_running: bool,
    /// No sleep while a stream is live.
    pub keep_awake: bool,
    /// Tell of streams.
    pub notify_streams: bool,
    /// Tell of trouble.
    pub notify_trouble: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let config = weir_engine::desktop::Config::default();
        Self {
            start_at_login: config.start_at_login,
            start_hidden: config.start_hidden,
            keep_running: config.keep_running,
            keep_awake: config.keep_awake,
            notify_streams: config.notify_streams,
            notify_trouble: config.notify_trouble,
        }
    }
}

impl Stream {
    /// Why its recording stopped.
    pub fn recording_failure(&self) -> Option<&Reason> {
        self.recording.as_ref().and_then(|recording| recording.failure.as_ref())
    }

    /// Minutes until the disk is full, when it is recorded and that is soon.
    pub fn minutes_left(&self) -> Option<u32> {
        self.recording.as_ref().filter(|recording| recording.failure.is_none())?.minutes_left
    }

    /// Whether it is being written to a file.
    pub fn is_recorded(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.failure.is_none())
    }
}

impl Destination {
    /// Whether it takes the stream.
    pub const fn sends(&self) -> bool {
        matches!(self.state, DestinationState::Live | DestinationState::Behind)
    }
}

impl Seen {
    /// Looks. What cannot be read is empty: the page says why.
    pub async fn look(core: &Core) -> Self {
        let (streams, destinations, listeners, status, settings, recording) = tokio::join!(
            read::<Streams>(core, "streams"),
            read::<Destinations>(core, "destinations"),
            read::<Listeners>(core, "listeners"),
            read::<Status>(core, "status"),
            read::<Settings>(core, "desktop"),
            read::<Recordings>(core, "recording-settings"),
        );
        let ingest = status.map(|status| status.ingest).unwrap_or_default();
        let near = ingest.into_iter().find(|address| address.reach == "this_computer");
        Self {
            streams: streams.map(|list| list.streams).unwrap_or_default(),
            destinations: destinations.map(|list| list.destinations).unwrap_or_default(),
            listeners: listeners.map(|list| list.listeners).unwrap_or_default(),
            address: near.map(|address| format!("{}/{}", address.server, address.key)),
            settings: settings.unwrap_or_default(),
            makes_room: recording.is_some_and(|recording| recording.when_full == "delete_oldest"),
        }
    }

    /// The streams that are live now.
    pub fn live(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.state == StreamState::Live)
    }

    /// How all of it stands, in one word.
    pub fn mood(&self) -> Mood {
        let trouble = self.listeners.iter().any(|listener| listener.problem.is_some())
            || self.streams.iter().any(|stream| stream.recording_failure().is_some())
            || self.destinations.iter().any(|it| it.enabled && it.state == DestinationState::Stopped);
        match (trouble, self.live().next()) {
            (true, _) => Mood::Trouble,
            (false, Some(_)) => Mood::Live,
            (false, None) => Mood::Idle,
        }
    }
}

/// How all of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nothing is live.
    Idle,
    /// Something is live and all is well.
    Live,
    /// Something needs a person.
    Trouble,
}

#[derive(Deserialize)]
struct Streams {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Destinations {
    destinations: Vec<Destination>,
}

#[derive(Deserialize)]
struct Listeners {
    listeners: Vec<Listener>,
}

#[derive(Deserialize)]
struct Recordings {
    when_full: String,
}

#[derive(Deserialize)]
struct Status {
    ingest: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    server: String,
    key: String,
    reach: String,
}

async fn read<T: DeserializeOwned>(core: &Core, noun: &str) -> Option<T> {
    let body = core.ask("GET", &format!("/api/v1/{noun}"), None).await?;
    serde_json::from_slice(&body)
        .inspect_err(|error| tracing::warn!(noun, %error, "the API's answer is not understood"))
        .ok()
}
