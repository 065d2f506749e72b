//! One event of the life cycle, and what it is called and holds outside.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_hub::{ConnectionId, EndReason, Read, Written};
use weir_media::{StreamPath, TrackId, TrackKind};

use super::Role;
use crate::auth::Action;

/// Something that happened. Holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, milliseconds since 1970.
    pub at: u64,
    /// The connection it happened to.
    pub connection: Option<ConnectionId>,
    /// The stream it is about.
    pub path: Option<StreamPath>,
    /// What.
    pub what: What,
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        self.what.kind()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),* $(,)?) => {
        /// The kinds of events, by the names that hooks know them by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub enum Kind {
            $($(#[$doc])* $kind),*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name outside.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),*
                }
            }
        }
    };
}

kinds! {
    /// Somebody connected.
    ConnectionAccept = "connection_accept",
    /// A connection is over.
    ConnectionClose = "connection_close",
    /// The peer speaks the protocol.
    HandshakeComplete = "handshake_complete",
    /// The first publisher of a path came.
    StreamCreate = "stream_create",
    /// A stream is over, its grace time too.
    StreamDelete = "stream_delete",
    /// A publisher came, or came back.
    PublishStart = "publish_start",
    /// A publisher went.
    PublishStop = "publish_stop",
    /// A player was given its first picture.
    PlayStart = "play_start",
    /// A player went.
    PlayStop = "play_stop",
    /// What a track is encoded with became known or changed.
    CodecDetected = "codec_detected",
    /// A stream has more or fewer players.
    SubscriberCount = "subscriber_count",
    /// Somebody was refused for want of the right key or token.
    AuthFailed = "auth_failed",
    /// A recording began.
    RecordingStart = "recording_start",
    /// A recording is closed and whole.
    RecordingComplete = "recording_complete",
    /// A recording was stopped by a fault.
    RecordingError = "recording_error",
    /// A destination changed its state.
    DestinationState = "destination_state",
    /// How well a stream arrives changed.
    StreamHealth = "stream_health",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}; the events are {all}", all = Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.iter().find(|kind| kind.name() == text);
        known.copied().ok_or_else(|| UnknownKind(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownKind;
    fn try_from(text: String) -> Result<Self, UnknownKind> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.name().to_owned()
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of the hooks' data and documented there: docs/operation.md")]
pub enum What {
    /// Somebody connected.
    ConnectionAccept { protocol: &'static str, peer: Option<SocketAddr>, tls: bool },
    /// A connection is over.
    ConnectionClose { protocol: &'static str, role: Role, lasted: Duration },
    /// The peer speaks the protocol.
    HandshakeComplete,
    /// The first publisher of a path came.
    StreamCreate,
    /// A stream is over.
    StreamDelete { reason: EndReason },
    /// A publisher came, or came back within the grace time.
    PublishStart { protocol: &'static str, peer: Option<SocketAddr>, resumed: bool },
    /// A publisher went.
    PublishStop {
        protocol: &'static str,
        written: Written,
        audio_codec: Option<String>,
        video_codec: Option<String>,
        lasted: Duration,
        reason: EndReason,
    },
    /// A player was given its first picture.
    PlayStart { protocol: &'static str, peer: Option<SocketAddr> },
    /// A player went.
    PlayStop { protocol: &'static str, read: Read },
    /// What a track is encoded with became known or changed.
    CodecDetected { track: TrackId, codec: String },
    /// A stream has more or fewer players.
    SubscriberCount { count: usize },
    /// Somebody was refused.
    AuthFailed { action: Action, error: String },
    /// A recording began.
    RecordingStart { id: String, file: Option<String> },
    /// A recording is closed and whole.
    RecordingComplete { id: String, file: Option<String>, bytes: u64, lasted: Duration },
    /// A recording was stopped by a fault.
    RecordingError { id: String, file: Option<String>, code: String, error: String },
    /// A destination changed its state; `backup` where it is its second address, which is sent to beside the first.
    DestinationState { id: String, name: String, state: String, error: Option<String>, backup: bool },
    /// How well a stream arrives changed.
    StreamHealth { health: String, reason: String },
}

impl What {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::ConnectionAccept { .. } => Kind::ConnectionAccept,
            Self::ConnectionClose { .. } => Kind::ConnectionClose,
            Self::HandshakeComplete => Kind::HandshakeComplete,
            Self::StreamCreate => Kind::StreamCreate,
            Self::StreamDelete { .. } => Kind::StreamDelete,
            Self::PublishStart { .. } => Kind::PublishStart,
            Self::PublishStop { .. } => Kind::PublishStop,
            Self::PlayStart { .. } => Kind::PlayStart,
            Self::PlayStop { .. } => Kind::PlayStop,
            Self::CodecDetected { .. } => Kind::CodecDetected,
            Self::SubscriberCount { .. } => Kind::SubscriberCount,
            Self::AuthFailed { .. } => Kind::AuthFailed,
            Self::RecordingStart { .. } => Kind::RecordingStart,
            Self::RecordingComplete { .. } => Kind::RecordingComplete,
            Self::RecordingError { .. } => Kind::RecordingError,
            Self::DestinationState { .. } => Kind::DestinationState,
            Self::StreamHealth { .. } => Kind::StreamHealth,
        }
    }

    /// The `data` of hooks: the names of the predecessor where it had them, and more beside them.
    pub fn data(&self, path: Option<&StreamPath>) -> Map<String, Value> {
        let (app, name) = path.map_or(("", ""), |path| (path.app(), path.name()));
        let address = |peer: &Option<SocketAddr>| peer.map(|peer| peer.to_string());
        let data = match self {
            Self::ConnectionAccept { protocol, peer, tls } => {
                json!({ "remote_addr": address(peer), "tls": tls, "protocol": protocol })
            }
            Self::ConnectionClose { protocol, role, lasted } => {
                json!({ "role": role.name(), "duration_sec": seconds(*lasted), "protocol": protocol })
            }
            Self::HandshakeComplete | Self::StreamCreate => json!({}),
            Self::StreamDelete { reason } => json!({ "reason": reason.to_string() }),
            Self::PublishStart { protocol, peer, resumed } => json!({
                "app": app, "publishing_name": name, "protocol": protocol, "remote_addr": address(peer), "resumed": resumed,
            }),
            Self::PublishStop { protocol, written, audio_codec, video_codec, lasted, reason } => json!({
                "audio_packets": written.audio_frames, "video_packets": written.video_frames,
                "total_bytes": written.bytes, "audio_codec": audio_codec.as_deref().unwrap_or_default(),
                "video_codec": video_codec.as_deref().unwrap_or_default(), "duration_sec": seconds(*lasted),
                "protocol": protocol, "reason": reason.to_string(),
            }),
            Self::PlayStart { protocol, peer } => {
                json!({ "app": app, "protocol": protocol, "remote_addr": address(peer) })
            }
            Self::PlayStop { protocol, read } => json!({
                "duration_sec": seconds(read.lasted), "protocol": protocol, "frames": read.frames,
                "skipped": read.skipped, "total_bytes": read.bytes,
            }),
            Self::CodecDetected { track, codec } => {
                let kind = if track.kind == TrackKind::Video { "video" } else { "audio" };
                json!({ "kind": kind, "track": track.index, "codec": codec })
            }
            Self::SubscriberCount { count } => json!({ "count": count }),
            Self::AuthFailed { action, error } => json!({ "action": action.name(), "error": error }),
            Self::RecordingStart { id, file } => json!({ "id": id, "file": file }),
            Self::RecordingComplete { id, file, bytes, lasted } => {
                json!({ "id": id, "file": file, "total_bytes": bytes, "duration_sec": seconds(*lasted) })
            }
            Self::RecordingError { id, file, code, error } => {
                json!({ "id": id, "file": file, "code": code, "error": error })
            }
            Self::DestinationState { id, name, state, error, backup } => {
                json!({ "id": id, "name": name, "state": state, "error": error, "backup": backup.then_some(true) })
            }
            Self::StreamHealth { health, reason } => json!({ "health": health, "reason": reason }),
        };
        let Value::Object(mut data) = data else { return Map::new() };
        data.retain(|_, value| !value.is_null());
        data
    }
}

/// To the millisecond: more digits are noise.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_no_other_is() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
        assert_eq!(Kind::ALL.len(), 17);
        let error = "publish".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("\"publish\"") && error.contains("publish_start") && error.contains("stream_health"));
    }

    #[test]
    fn publish_stop_has_the_names_of_the_predecessor() {
        let what = What::PublishStop {
            protocol: "rtmp",
            written: Written { audio_frames: 2, video_frames: 3, data_frames: 0, bytes: 9 },
            audio_codec: Some("AAC".to_owned()),
            video_codec: None,
            lasted: Duration::from_micros(1_234_567),
            reason: EndReason::PublisherLeft,
        };
        let data = Value::Object(what.data(None));
        for (name, value) in [
            ("audio_packets", json!(2)),
            ("video_packets", json!(3)),
            ("total_bytes", json!(9)),
            ("audio_codec", json!("AAC")),
            ("video_codec", json!("")),
            ("duration_sec", json!(1.235)),
        ] {
            assert_eq!(data[name], value, "{name}");
        }
    }
}
