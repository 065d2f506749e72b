//! What messages say (RTMP 1.0, sections 5.4 and 7.1), by type and never by the chunk stream they came on.

mod aggregate;
mod control;
mod error;
pub mod kind;
mod media;

pub use aggregate::Aggregate;
pub use control::{BandwidthLimit, Control, UserControl};
pub use error::Error;
pub use media::{MediaKind, MediaMessage, amf0_body};

/// A message by what it is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Types 1 to 6: the connection's own affairs.
    Control(Control),
    /// Types 8, 9, 15, 18: one piece of the stream.
    Media(MediaMessage),
    /// Type 22: several of them.
    Aggregate(Aggregate),
    /// Types 17 and 20: a command, still encoded; the body is AMF0.
    Command {
        /// The message stream it is meant for.
        stream_id: u32,
        /// AMF0 values.
        payload: bytes::Bytes,
    },
}

impl Message {
    /// Reads a message; `None` for types that mean nothing to us. Fails if a control message is too short.
    pub fn parse(message: crate::chunk::Message) -> Result<Option<Self>, Error> {
        let crate::chunk::Message { timestamp, type_id, stream_id, payload, .. } = message;
        Ok(Some(match type_id {
            kind::SET_CHUNK_SIZE..=kind::SET_PEER_BANDWIDTH => {
                return Ok(Control::parse(type_id, &payload)?.map(Self::Control));
            }
            kind::AGGREGATE => Self::Aggregate(Aggregate::new(stream_id, timestamp, payload)),
            kind::COMMAND => Self::Command { stream_id, payload },
            kind::COMMAND_AMF3 => Self::Command { stream_id, payload: amf0_body(payload) },
            _ => return Ok(MediaMessage::new(stream_id, timestamp, type_id, payload).map(Self::Media)),
        }))
    }
}
