//! What a server session tells the application.

use weir_media::{Secret, StreamPath};

use crate::command::{Connect, PlayRange, Query};
use crate::handshake::Scheme;
use crate::message::MediaMessage;

/// One request to publish or play and all that follows from it; unique within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u32);

/// Something the application should know or decide.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The handshake is over.
    HandshakeFinished(Scheme),
    /// The client connected to an application. Nothing to decide.
    Connected(Box<Connect>),
    /// The client wants to publish: accept or reject it.
    PublishRequested(Box<PublishRequest>),
    /// The client wants to play: accept or reject it.
    PlayRequested(Box<PlayRequest>),
    /// Media of an accepted publish; its `stream_id` is the publish's own, whatever the client wrote.
    Media {
        /// The publish.
        id: RequestId,
        /// The message.
        message: MediaMessage,
    },
    /// A player steers its play.
    PlayControl {
        /// The play.
        id: RequestId,
        /// What it wants.
        control: PlayControl,
    },
    /// The client ended a publish or play, or gave up waiting for its admission.
    Ended {
        /// The publish or play.
        id: RequestId,
        /// How.
        reason: EndReason,
    },
}

/// A client wants to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishRequest {
    /// Names it in verbs and later events.
    pub id: RequestId,
    /// The stream.
    pub path: StreamPath,
    /// Parameters of name, application and tcUrl.
    pub query: Query,
    /// The stream name as the client sent it, query included.
    pub name: Secret<String>,
}

/// A client wants to play.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayRequest {
    /// Names it in verbs and later events.
    pub id: RequestId,
    /// The stream.
    pub path: StreamPath,
    /// Parameters of name, application and tcUrl.
    pub query: Query,
    /// From where.
    pub range: PlayRange,
    /// The message stream that media must be sent on: 1 for all usual players, so that they can share encoded bytes.
    pub message_stream_id: u32,
}

/// What a player wants to change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayControl {
    /// Send nothing until [`PlayControl::Resume`].
    Pause,
    /// Go on, from the next key frame if live.
    Resume,
    /// Go to this time, milliseconds.
    Seek(f64),
    /// Audio on or off.
    ReceiveAudio(bool),
    /// Video on or off.
    ReceiveVideo(bool),
    /// How much the player buffers, milliseconds.
    BufferLength(u32),
}

/// How a publish or play ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// By `FCUnpublish`, `closeStream` or `deleteStream`.
    Closed,
    /// By another `publish` or `play` on the same message stream.
    Replaced,
}
