//! Where streams are sent on to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::destination::{self, Failure, LastError, Line, State, Step};
use weir_engine::problem::now_millis;
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
    /// Waits for somebody to start it.
    Idle,
    /// Waits for a stream to send.
    Waiting,
    /// Connects; `step` says where on the way.
    Connecting,
    /// Sends: the server has acknowledged data of the stream in the last seconds.
    Live,
    /// Sends, slower than the stream comes, or the server has stopped taking data; `reason` says which.
    Behind,
    /// The connection failed; the next attempt has a time.
    Retrying,
    /// It failed in a way that a new attempt does not help. It is tried again when its settings change, when the stream begins
    /// anew, or when somebody says so.
    Stopped,
}

/// The steps from a name to a stream that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationStep {
    /// Looking the server's name up.
    Dns,
    /// Opening the connection.
    Tcp,
    /// Agreeing on the encryption.
    Tls,
    /// The handshake of RTMP or SRT.
    Handshake,
    /// RTMP's `connect`.
    Connect,
    /// RTMP's `publish`.
    Publish,
    /// The server takes the stream; nothing of it has been acknowledged yet.
    FirstData,
}

/// When a destination starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartRule {
    /// When somebody says so (`POST /destinations/{id}/start`); it ends with the stream.
    ByHand,
    /// As soon as a stream that it takes is live.
    WhenLive,
    /// At once: it connects before there is a stream, and stays connected between streams.
    Always,
}

/// How the second address is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupUse {
    /// When the first one fails, and the other way round.
    TakeOver,
    /// Both are sent to, at once.
    Both,
}

/// One destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Destination {
    /// Identity.
    pub id: String,
    /// What the user calls it.
    #[schema(example = "Twitch")]
    pub name: String,
    /// The service, an `id` of `GET /presets`; null for a server of which nothing is known.
    #[schema(example = "twitch")]
    pub preset: Option<String>,
    /// Its address; a stream key, a password or a query in it is shown as `•••`.
    #[schema(example = "rtmps://live.twitch.tv/app")]
    pub url: String,
    /// Whether a stream key is kept for it.
    pub key_set: bool,
    /// Its second address; null without one.
    pub backup: Option<DestinationBackup>,
    /// Which streams it takes: one (`live/stream`), all of an application (`live/*`), any (`*`), or, as an empty text, the one
    /// that is chosen when it is started by hand. It sends one at a time.
    #[schema(example = "*")]
    pub streams: String,
    /// When it starts.
    pub start: StartRule,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The certificate it trusts although nobody vouches for it: SHA-256, 64 hexadecimal digits.
    pub trusted_certificate: Option<String>,
    /// The certificate that the server shows and that could be trusted; set while it is stopped for that reason.
    pub offered_certificate: Option<String>,
    /// What it is doing.
    pub state: DestinationState,
    /// Where on the way, while connecting.
    pub step: Option<DestinationStep>,
    /// Why it is behind, retrying or stopped, and what to do.
    pub reason: Option<Notice>,
    /// While waiting: the server is connected already.
    pub connected: bool,
    /// The stream it sends, or tries to.
    pub sending: Option<String>,
    /// The stream that was chosen when it was started by hand.
    pub chosen: Option<String>,
    /// Live streams that it would take too, but cannot as long as it sends another.
    pub also_waiting: Vec<String>,
    /// What its service will not like about the stream it sends, and what looks like a mistake in its address; nothing of it keeps
    /// the stream from being sent.
    pub warnings: Vec<Notice>,
    /// When the state began, RFC 3339.
    #[schema(format = DateTime)]
    pub since: String,
    /// Seconds until the next attempt, while retrying.
    pub retry_in_seconds: Option<f64>,
    /// When that is, RFC 3339.
    #[schema(format = DateTime)]
    pub retry_at: Option<String>,
    /// How long the present connection has been live, seconds; 0 without one.
    pub connected_seconds: u64,
    /// How often it had to connect again since it was switched on.
    pub reconnects: u64,
    /// Bits a second that the server acknowledged over the last seconds.
    pub bitrate: u64,
    /// Media sent, bytes.
    pub bytes_sent: u64,
    /// Of these, bytes that the server has acknowledged.
    pub bytes_acknowledged: u64,
    /// Round-trip time to the server, milliseconds; null where the system does not tell.
    pub rtt_ms: Option<f64>,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames left out because the way there was too slow.
    pub frames_skipped: u64,
    /// Frames that passed while it had no connection.
    pub frames_missed: u64,
    /// The last thing that went wrong; null when nothing did.
    pub last_error: Option<Notice>,
    /// When that was, RFC 3339.
    #[schema(format = DateTime)]
    pub last_error_at: Option<String>,
    /// What went wrong since it was switched on, the newest first; at most 20.
    pub errors: Vec<DestinationError>,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationError {
    /// When it last happened, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// How often it happened in a row.
    pub count: u32,
    /// What a program branches on, e.g. `key_refused`. New codes may appear.
    #[schema(example = "key_refused")]
    pub code: String,
    /// One plain sentence: what is wrong.
    pub message: String,
    /// One plain sentence: what to do.
    pub hint: String,
}

/// The second address of a destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationBackup {
    /// The address; a stream key, a password or a query in it is shown as `•••`.
    pub url: String,
    /// Whether it has a stream key of its own; without one it is sent the first address's.
    pub key_set: bool,
    /// How it is used.
    pub mode: BackupUse,
    /// It has taken over: the states and numbers of the destination are those of this address.
    pub in_use: bool,
    /// How its own connection stands, when both are sent to; else null.
    pub line: Option<DestinationLine>,
}

/// How the connection to a second address stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DestinationLine {
    /// What it is doing.
    pub state: DestinationState,
    /// Where on the way, while connecting.
    pub step: Option<DestinationStep>,
    /// Why it is behind, retrying or stopped, and what to do.
    pub reason: Option<Notice>,
    /// Seconds until the next attempt, while retrying.
    pub retry_in_seconds: Option<f64>,
    /// How long the present connection has been live, seconds; 0 without one.
    pub connected_seconds: u64,
    /// How often it had to connect again.
    pub reconnects: u64,
    /// Bits a second that the server acknowledged over the last seconds.
    pub bitrate: u64,
    /// Round-trip time to the server, milliseconds; null where the system does not tell.
    pub rtt_ms: Option<f64>,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames left out because the way there was too slow.
    pub frames_skipped: u64,
    /// Frames that passed while it had no connection.
    pub frames_missed: u64,
}

/// A new destination.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationCreate {
    /// What to call it; made from the preset or the address when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The service, an `id` of `GET /presets`; none when left out.
    #[serde(default)]
    pub preset: Option<String>,
    /// Its address, with or without the stream key at the end; the key and a query are kept with the secrets. May be left out
    /// with a preset that has addresses: then it is the first of them.
    #[schema(value_type = Option<String>, example = "rtmp://live.twitch.tv/app")]
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<Secret<String>>,
    /// The stream key, when it is not part of the address. For SRT it is the stream id.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub key: Option<Secret<String>>,
    /// A second address of the same service, with or without a stream key of its own at the end.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub backup_url: Option<Secret<String>>,
    /// How the second address is used; `take_over` when left out.
    #[serde(default)]
    pub backup: Option<BackupUse>,
    /// Which streams it takes: `live/stream`, `live/*`, `*`, which is meant when left out, or an empty text for one that is
    /// chosen by hand.
    #[serde(default)]
    pub streams: Option<String>,
    /// When it starts; `when_live` when left out.
    #[serde(default)]
    pub start: Option<StartRule>,
    /// Whether it starts switched on; it does when left out.
    #[serde(default = "on")]
    pub enabled: bool,
    /// A certificate to trust although nobody vouches for it: SHA-256, 64 hexadecimal digits.
    #[serde(default)]
    pub trusted_certificate: Option<String>,
}

/// What can be changed about a destination. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationPatch {
    /// What to call it.
    pub name: Option<String>,
    /// The service, an `id` of `GET /presets`; an empty text for none.
    pub preset: Option<String>,
    /// Its address. As it is shown it stays as it is.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<Secret<String>>,
    /// The stream key; an empty one takes the kept one away. For SRT the stream id, or `streamid=…`, `passphrase=…` or both with `&`
    /// between them: what is not named stays.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub key: Option<Secret<String>>,
    /// The second address; an empty text takes it away.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub backup_url: Option<Secret<String>>,
    /// How the second address is used.
    pub backup: Option<BackupUse>,
    /// Which streams it takes: `live/stream`, `live/*`, `*`, or an empty text for one that is chosen by hand.
    pub streams: Option<String>,
    /// When it starts.
    pub start: Option<StartRule>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
    /// A certificate to trust although nobody vouches for it: SHA-256, 64 hexadecimal digits; an empty text trusts none.
    pub trusted_certificate: Option<String>,
}

/// How to start a destination by hand.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationStart {
    /// The stream to send, whatever the settings say; the one they say when left out.
    #[serde(default)]
    #[schema(example = "live/stream")]
    pub stream: Option<String>,
}

const fn on() -> bool {
    true
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(from).map(|value| value.map(Secret::new))
}

impl From<Failure> for Notice {
    fn from(failure: Failure) -> Self {
        Self { code: word(&failure.code), message: failure.message, hint: failure.hint }
    }
}

impl From<weir_engine::preset::Finding> for Notice {
    fn from(finding: weir_engine::preset::Finding) -> Self {
        Self { code: word(&finding.code), message: finding.message, hint: finding.hint }
    }
}

impl From<State> for DestinationState {
    fn from(state: State) -> Self {
        match state {
            State::Off => Self::Disabled,
            State::WaitingForStart => Self::Idle,
            State::WaitingForStream { .. } => Self::Waiting,
            State::Connecting { .. } => Self::Connecting,
            State::Live => Self::Live,
            State::Behind { .. } => Self::Behind,
            State::Retrying { .. } => Self::Retrying,
            State::Stopped { .. } => Self::Stopped,
        }
    }
}

impl From<Step> for DestinationStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Dns => Self::Dns,
            Step::Tcp => Self::Tcp,
            Step::Tls => Self::Tls,
            Step::Handshake => Self::Handshake,
            Step::Connect => Self::Connect,
            Step::Publish => Self::Publish,
            Step::FirstData => Self::FirstData,
        }
    }
}

impl From<destination::StartRule> for StartRule {
    fn from(rule: destination::StartRule) -> Self {
        match rule {
            destination::StartRule::ByHand => Self::ByHand,
            destination::StartRule::WhenLive => Self::WhenLive,
            destination::StartRule::Always => Self::Always,
        }
    }
}

impl From<StartRule> for destination::StartRule {
    fn from(rule: StartRule) -> Self {
        match rule {
            StartRule::ByHand => Self::ByHand,
            StartRule::WhenLive => Self::WhenLive,
            StartRule::Always => Self::Always,
        }
    }
}

impl From<destination::BackupUse> for BackupUse {
    fn from(mode: destination::BackupUse) -> Self {
        match mode {
            destination::BackupUse::TakeOver => Self::TakeOver,
            destination::BackupUse::Both => Self::Both,
        }
    }
}

impl From<BackupUse> for destination::BackupUse {
    fn from(mode: BackupUse) -> Self {
        match mode {
            BackupUse::TakeOver => Self::TakeOver,
            BackupUse::Both => Self::Both,
        }
    }
}

/// Why a connection is not as it should be.
fn reason(state: &State) -> Option<&Failure> {
    match state {
        State::Behind { reason, .. } | State::Retrying { reason, .. } | State::Stopped { reason } => Some(reason),
        _ => None,
    }
}

fn retry_in(state: &State) -> Option<f64> {
    match state {
        State::Retrying { in_seconds, .. } => Some(rounded(*in_seconds)),
        _ => None,
    }
}

fn step(state: &State) -> Option<DestinationStep> {
    match state {
        State::Connecting { step } => Some((*step).into()),
        _ => None,
    }
}

impl From<Line> for DestinationLine {
    fn from(line: Line) -> Self {
        Self {
            step: step(&line.state),
            reason: reason(&line.state).cloned().map(Notice::from),
            retry_in_seconds: retry_in(&line.state),
            state: line.state.into(),
            connected_seconds: line.connected_seconds,
            reconnects: line.reconnects,
            bitrate: line.bitrate_bps,
            rtt_ms: line.rtt_ms.map(rounded),
            behind_seconds: rounded(line.behind_seconds),
            frames_skipped: line.frames_skipped,
            frames_missed: line.frames_missed,
        }
    }
}

impl From<destination::Status> for Destination {
    fn from(status: destination::Status) -> Self {
        let line = status.line;
        let error = |error: LastError| DestinationError {
            at: from_millis(error.at),
            count: error.count,
            code: word(&error.failure.code),
            message: error.failure.message,
            hint: error.failure.hint,
        };
        let retry_in_seconds = retry_in(&line.state);
        let retry_at = retry_in_seconds.map(|seconds| from_millis(now_millis() + (seconds * 1000.0) as u64));
        let why = reason(&line.state).cloned();
        let backup = status.backup.map(|backup| DestinationBackup {
            url: backup.url,
            key_set: backup.key_set,
            mode: backup.mode.into(),
            in_use: backup.in_use,
            line: backup.line.map(DestinationLine::from),
        });
        Self {
            id: status.id,
            name: status.name,
            preset: status.preset,
            url: status.url,
            key_set: status.key_set,
            backup,
            streams: status.streams.into(),
            start: status.start.into(),
            enabled: status.enabled,
            trusted_certificate: status.trusted_certificate.map(String::from),
            offered_certificate: why.as_ref().and_then(|why| why.certificate).map(String::from),
            step: step(&line.state),
            reason: why.map(Notice::from),
            connected: matches!(line.state, State::WaitingForStream { connected: true }),
            sending: status.path,
            chosen: status.chosen,
            also_waiting: status.also_waiting,
            warnings: status.warnings.into_iter().map(Notice::from).collect(),
            since: from_millis(line.since),
            retry_in_seconds,
            retry_at,
            connected_seconds: line.connected_seconds,
            reconnects: line.reconnects,
            bitrate: line.bitrate_bps,
            bytes_sent: line.bytes_sent,
            bytes_acknowledged: line.bytes_acknowledged,
            rtt_ms: line.rtt_ms.map(rounded),
            behind_seconds: rounded(line.behind_seconds),
            frames_sent: line.frames_sent,
            frames_skipped: line.frames_skipped,
            frames_missed: line.frames_missed,
            last_error_at: line.last_error().map(|error| from_millis(error.at)),
            last_error: line.last_error().map(|error| error.failure.clone().into()),
            errors: line.errors.into_iter().rev().map(error).collect(),
            state: line.state.into(),
        }
    }
}
