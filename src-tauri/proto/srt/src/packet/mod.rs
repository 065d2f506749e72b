//! SRT packets (draft-sharabayko-srt, "Packet Structure").

mod control;
mod data;
mod seq;

pub use control::{Ack, AckBody, Control, DropRequest, LossRange};
pub use data::{Data, KeyFlag, MessageNumber, Position};
pub use seq::SeqNumber;

/// Bytes of the header of every packet.
pub const HEADER_LEN: usize = 16;

/// Largest packet that is taken: an Ethernet frame less the IPv4 and UDP headers. Protects buffers from jumbo datagrams.
pub const MAX_PACKET: usize = 1472;

/// Identity of a socket at one end; 0 addresses the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SocketId(pub u32);

/// Microseconds since the sender's socket began, wrapping after 71 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireTime(pub u32);

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was sent, by the sender's clock.
    pub time: WireTime,
    /// Whom it is for.
    pub to: SocketId,
    /// What it holds.
    pub body: Body,
}

/// What a packet holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Media.
    Data(Data),
    /// Everything else.
    Control(Control),
}

/// Why a datagram is no SRT packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than a header, or than its type demands.
    #[error("{what} has {len} bytes, at least {least} are needed")]
    TooShort {
        /// What was read.
        what: &'static str,
        /// Bytes there were.
        len: usize,
        /// Bytes it takes.
        least: usize,
    },
    /// A range of losses that runs backwards or does not end.
    #[error("a loss list with a broken range")]
    BrokenRange,
}

/// Takes `N` bytes from the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8], what: &'static str) -> Result<[u8; N], Error> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(Error::TooShort { what, len: bytes.len(), least: N })?;
    *bytes = rest;
    Ok(*head)
}

/// Takes a big-endian word from the front.
pub(crate) fn take_u32(bytes: &mut &[u8], what: &'static str) -> Result<u32, Error> {
    take(bytes, what).map(u32::from_be_bytes)
}

impl Packet {
    /// Reads a datagram. Media is copied out of it.
    pub fn parse(datagram: &[u8]) -> Result<Self, Error> {
        let mut rest = datagram;
        let [w0, w1, time, to]: [u32; 4] = {
            let mut words = [0; 4];
            for word in &mut words {
                *word = take_u32(&mut rest, "an SRT packet")?;
            }
            words
        };
        let body = if w0 & 0x8000_0000 == 0 {
            Body::Data(Data::parse(w0, w1, rest))
        } else {
            Body::Control(Control::parse(w0, w1, rest)?)
        };
        Ok(Self { time: WireTime(time), to: SocketId(to), body })
    }

    /// Appends the packet as it goes on the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (w0, w1) = match &self.body {
            Body::Data(data) => data.words(),
            Body::Control(control) => control.words(),
        };
        for word in [w0, w1, self.time.0, self.to.0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        match &self.body {
            Body::Data(data) => out.extend_from_slice(&data.payload),
            Body::Control(control) => control.write_body(out),
        }
    }

    /// The packet as a datagram.
    pub fn to_datagram(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_PACKET);
        self.write(&mut out);
        out
    }
}

/// The socket a datagram is for, without reading the rest: what a port needs to find the connection.
pub fn destination(datagram: &[u8]) -> Option<SocketId> {
    datagram.get(12..)?.first_chunk::<4>().map(|bytes| SocketId(u32::from_be_bytes(*bytes)))
}
