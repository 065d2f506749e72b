//! What a client session tells the application.

use weir_media::Secret;

use super::refusal::Refusal;
use crate::command::Capabilities;

/// Something the application should know.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The handshake is over.
    HandshakeFinished,
    /// The server accepted `connect`, and says what it knows of Enhanced RTMP; nothing if it is a legacy server.
    Connected(Box<Capabilities>),
    /// The server accepted `publish`: media may be sent on this message stream, after the bytes queued so far.
    Published {
        /// The message stream.
        message_stream_id: u32,
    },
    /// The server wants to know who comes, and the address says who: connect anew with this behind the application
    /// ([`PublishUrl::with_query`](crate::url::PublishUrl::with_query)). A server asks twice at most; one that asks a third time
    /// does not accept the answer. The session closes.
    LoginAsked(Secret<String>),
    /// The server refused, or ended what it had accepted. The session closes.
    Refused(Refusal),
    /// The server closed the stream without giving a reason. The session closes.
    Closed,
    /// The server asks to connect anew (Enhanced RTMP v2): go on until the next key frame, then move over.
    ReconnectRequested {
        /// Where to; the same address if empty. May be relative.
        tc_url: Option<Secret<String>>,
    },
}
