//! The fixed part of a handshake ("Handshake", 48 bytes).

use std::net::{IpAddr, SocketAddr};

use super::{Error, Reject};
use crate::packet::{SeqNumber, SocketId};

/// Bytes of the fixed part.
const LEN: usize = 48;

/// Which step of the handshake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// First question and its answer.
    Induction,
    /// Second question and its answer.
    Conclusion,
    /// The answer of a listener that refuses.
    Reject(Reject),
    /// Steps of a rendezvous, and what nobody knows.
    Other(u32),
}

impl Kind {
    const fn from_u32(value: u32) -> Self {
        match value {
            1 => Self::Induction,
            0xFFFF_FFFF => Self::Conclusion,
            1000..=0x7FFF_FFFF => Self::Reject(Reject::from_wire(value)),
            other => Self::Other(other),
        }
    }

    const fn as_u32(self) -> u32 {
        match self {
            Self::Induction => 1,
            Self::Conclusion => 0xFFFF_FFFF,
            Self::Reject(reject) => reject.to_wire(),
            Self::Other(other) => other,
        }
    }
}

/// The fixed part of a handshake; what follows it is in [`super::Extensions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) version: u32,
    pub(crate) encryption: u16,
    pub(crate) extension: u16,
    pub(crate) seq: SeqNumber,
    pub(crate) mtu: u32,
    pub(crate) window: u32,
    pub(crate) kind: Kind,
    pub(crate) socket: SocketId,
    pub(crate) cookie: u32,
    pub(crate) address: [u8; 16],
}

impl Handshake {
    /// Reads the fixed part; the rest is what follows it.
    pub(crate) fn parse(body: &[u8]) -> Result<(Self, &[u8]), Error> {
        let (head, rest) = body.split_first_chunk::<LEN>().ok_or(Error::TooShort(body.len()))?;
        let word = |index: usize| {
            let bytes = head.chunks_exact(4).nth(index).and_then(|bytes| bytes.first_chunk::<4>());
            bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
        };
        let mut address = [0; 16];
        address.iter_mut().zip(head.iter().skip(32)).for_each(|(to, from)| *to = *from);
        let handshake = Self {
            version: word(0),
            encryption: (word(1) >> 16) as u16,
            extension: word(1) as u16,
            seq: SeqNumber::new(word(2)),
            mtu: word(3),
            window: word(4),
            kind: Kind::from_u32(word(5)),
            socket: SocketId(word(6)),
            cookie: word(7),
            address,
        };
        Ok((handshake, rest))
    }

    /// The fixed part as it goes on the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let fields = u32::from(self.encryption) << 16 | u32::from(self.extension);
        let words = [self.version, fields, self.seq.as_u32(), self.mtu, self.window, self.kind.as_u32()];
        let mut out: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        out.extend_from_slice(&self.socket.0.to_be_bytes());
        out.extend_from_slice(&self.cookie.to_be_bytes());
        out.extend_from_slice(&self.address);
        out
    }
}

/// An address as a handshake holds it: words in little-endian order.
pub(crate) fn wire_address(address: SocketAddr) -> [u8; 16] {
    let mut out = [0; 16];
    let octets: Vec<u8> = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let reversed = octets.chunks_exact(4).flat_map(|word| word.iter().rev());
    out.iter_mut().zip(reversed).for_each(|(to, from)| *to = *from);
    out
}
