//! Protocol control and user control messages (RTMP 1.0, sections 5.4 and 7.1.7).

use bytes::Bytes;

use super::{Error, kind};

/// A message about the connection itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The sender's chunks have this size from now on.
    SetChunkSize(u32),
    /// The message begun on this chunk stream is given up.
    Abort(u32),
    /// The sender received this many bytes so far, modulo 2^32.
    Acknowledgement(u32),
    /// A user control event.
    User(UserControl),
    /// The sender wants an acknowledgement at least every so many bytes.
    WindowAckSize(u32),
    /// The receiver may send so many unacknowledged bytes.
    SetPeerBandwidth(u32, BandwidthLimit),
}

/// How a Set Peer Bandwidth is meant (section 5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandwidthLimit {
    /// Exactly this window.
    Hard,
    /// This window or the one in force, whichever is less.
    Soft,
    /// Hard if the last one was hard, else to be ignored.
    Dynamic,
    /// A value the specification does not know.
    Unknown(u8),
}

/// An event of a stream or the connection (section 7.1.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserControl {
    /// The message stream works from now on.
    StreamBegin(u32),
    /// The message stream has no more data.
    StreamEof(u32),
    /// The message stream has no data for the moment.
    StreamDry(u32),
    /// The client buffers the message stream for so many milliseconds.
    SetBufferLength {
        /// The message stream.
        stream_id: u32,
        /// The buffer, milliseconds.
        millis: u32,
    },
    /// The message stream is a recording.
    StreamIsRecorded(u32),
    /// A sign of life is asked for; the number comes back in the response.
    PingRequest(u32),
    /// A sign of life.
    PingResponse(u32),
    /// Any other event, such as 31 (buffer empty), 32 (buffer ready) or SWF verification.
    Other {
        /// The event type.
        event: u16,
        /// What follows it.
        data: Bytes,
    },
}

impl Control {
    /// Reads the body of a message of type 1 to 6; `None` for other types.
    pub(super) fn parse(type_id: u8, body: &Bytes) -> Result<Option<Self>, Error> {
        let short = Error::ShortControl { type_id, length: body.len() };
        let number = || body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(short);
        Ok(Some(match type_id {
            kind::SET_CHUNK_SIZE => Self::SetChunkSize(number()?),
            kind::ABORT => Self::Abort(number()?),
            kind::ACKNOWLEDGEMENT => Self::Acknowledgement(number()?),
            kind::USER_CONTROL => Self::User(UserControl::parse(body)?),
            kind::WINDOW_ACK_SIZE => Self::WindowAckSize(number()?),
            kind::SET_PEER_BANDWIDTH => {
                // Some peers leave the limit type out; dynamic is what everybody sends.
                Self::SetPeerBandwidth(number()?, body.get(4).map_or(BandwidthLimit::Dynamic, |limit| (*limit).into()))
            }
            _ => return Ok(None),
        }))
    }

    /// The message type.
    pub const fn type_id(&self) -> u8 {
        match self {
            Self::SetChunkSize(_) => kind::SET_CHUNK_SIZE,
            Self::Abort(_) => kind::ABORT,
            Self::Acknowledgement(_) => kind::ACKNOWLEDGEMENT,
            Self::User(_) => kind::USER_CONTROL,
            Self::WindowAckSize(_) => kind::WINDOW_ACK_SIZE,
            Self::SetPeerBandwidth(..) => kind::SET_PEER_BANDWIDTH,
        }
    }

    /// The message body.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::SetChunkSize(number)
            | Self::Abort(number)
            | Self::Acknowledgement(number)
            | Self::WindowAckSize(number) => number.to_be_bytes().to_vec(),
            Self::SetPeerBandwidth(size, limit) => [size.to_be_bytes().as_slice(), &[u8::from(*limit)]].concat(),
            Self::User(event) => event.body(),
        }
    }
}

impl UserControl {
    fn parse(body: &Bytes) -> Result<Self, Error> {
        let short = Error::ShortControl { type_id: kind::USER_CONTROL, length: body.len() };
        let (event, data) = body.split_first_chunk().ok_or(short)?;
        let event = u16::from_be_bytes(*event);
        let number = || data.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(short);
        Ok(match event {
            0 => Self::StreamBegin(number()?),
            1 => Self::StreamEof(number()?),
            2 => Self::StreamDry(number()?),
            3 => {
                let millis = data.get(4..).and_then(<[u8]>::first_chunk).ok_or(short)?;
                Self::SetBufferLength { stream_id: number()?, millis: u32::from_be_bytes(*millis) }
            }
            4 => Self::StreamIsRecorded(number()?),
            6 => Self::PingRequest(number()?),
            7 => Self::PingResponse(number()?),
            _ => Self::Other { event, data: body.slice_ref(data) },
        })
    }

    fn body(&self) -> Vec<u8> {
        let one = |event: u16, number: u32| [event.to_be_bytes().as_slice(), &number.to_be_bytes()].concat();
        match self {
            Self::StreamBegin(id) => one(0, *id),
            Self::StreamEof(id) => one(1, *id),
            Self::StreamDry(id) => one(2, *id),
            Self::SetBufferLength { stream_id, millis } => {
                let mut body = one(3, *stream_id);
                body.extend(millis.to_be_bytes());
                body
            }
            Self::StreamIsRecorded(id) => one(4, *id),
            Self::PingRequest(time) => one(6, *time),
            Self::PingResponse(time) => one(7, *time),
            Self::Other { event, data } => [event.to_be_bytes().as_slice(), data].concat(),
        }
    }
}

impl From<u8> for BandwidthLimit {
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Hard,
            1 => Self::Soft,
            2 => Self::Dynamic,
            other => Self::Unknown(other),
        }
    }
}

impl From<BandwidthLimit> for u8 {
    fn from(limit: BandwidthLimit) -> Self {
        match limit {
            BandwidthLimit::Hard => 0,
            BandwidthLimit::Soft => 1,
            BandwidthLimit::Dynamic => 2,
            BandwidthLimit::Unknown(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_message_reads_and_writes() {
        let user = Control::User;
        let table: [(Control, &[u8]); 14] = [
            (Control::SetChunkSize(4096), &[0, 0, 16, 0]),
            (Control::Abort(7), &[0, 0, 0, 7]),
            (Control::Acknowledgement(0xFFFF_FFFF), &[0xFF; 4]),
            (Control::WindowAckSize(2_500_000), &[0, 0x26, 0x25, 0xA0]),
            (Control::SetPeerBandwidth(1, BandwidthLimit::Hard), &[0, 0, 0, 1, 0]),
            (Control::SetPeerBandwidth(1, BandwidthLimit::Unknown(9)), &[0, 0, 0, 1, 9]),
            (user(UserControl::StreamBegin(1)), &[0, 0, 0, 0, 0, 1]),
            (user(UserControl::StreamEof(1)), &[0, 1, 0, 0, 0, 1]),
            (user(UserControl::StreamDry(1)), &[0, 2, 0, 0, 0, 1]),
            (user(UserControl::SetBufferLength { stream_id: 1, millis: 300 }), &[0, 3, 0, 0, 0, 1, 0, 0, 1, 44]),
            (user(UserControl::StreamIsRecorded(1)), &[0, 4, 0, 0, 0, 1]),
            (user(UserControl::PingRequest(5)), &[0, 6, 0, 0, 0, 5]),
            (user(UserControl::PingResponse(5)), &[0, 7, 0, 0, 0, 5]),
            (user(UserControl::Other { event: 31, data: Bytes::from_static(&[0, 1]) }), &[0, 31, 0, 1]),
        ];
        for (decoded, encoded) in table {
            let body = Bytes::from_static(encoded);
            assert_eq!(Control::parse(decoded.type_id(), &body), Ok(Some(decoded.clone())));
            assert_eq!(decoded.body(), encoded, "{decoded:?}");
            if !matches!(decoded, Control::User(UserControl::Other { .. }) | Control::SetPeerBandwidth(..)) {
                let cut = body.slice(..body.len() - 1);
                assert!(Control::parse(decoded.type_id(), &cut).is_err(), "{decoded:?} cut");
            }
        }
    }
}
