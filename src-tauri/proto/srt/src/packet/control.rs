//! Control packets ("Control Packets").

use std::time::Duration;

use bytes::Bytes;

use super::{Error, SeqNumber, take_u32};

/// Most ranges that one loss list is read to: what fits a packet.
const MAX_RANGES: usize = 360;

/// A run of lost packets, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossRange {
    /// The first one lost.
    pub first: SeqNumber,
    /// The last one lost.
    pub last: SeqNumber,
}

/// What a receiver reports beside the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckBody {
    /// Round trip time.
    pub rtt: Duration,
    /// Its variance.
    pub rtt_var: Duration,
    /// Packets that fit the receiver's buffer.
    pub room: u32,
    /// Packets a second received, link capacity in packets a second, and bytes a second received; not in a small one.
    pub rates: Option<[u32; 3]>,
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Counts full acknowledgements from 1; 0 for a light one.
    pub number: u32,
    /// The first packet that is still missing.
    pub next: SeqNumber,
    /// `None` for a light one.
    pub body: Option<AckBody>,
}

/// A sender no longer has these packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropRequest {
    /// The message they belong to; 0 when that is not known any more.
    pub message: u32,
    /// Which packets.
    pub range: LossRange,
}

/// A control packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// A step of the handshake, read by [`crate::handshake`].
    Handshake(Bytes),
    /// Still here.
    KeepAlive,
    /// Packets have arrived.
    Ack(Ack),
    /// Packets are missing.
    LossReport(Vec<LossRange>),
    /// The connection ends.
    Shutdown,
    /// The answer to a full acknowledgement, with its number.
    AckAck(u32),
    /// Packets that will not come any more.
    DropRequest(DropRequest),
    /// New keys, as a message of [`crate::crypto`].
    KeyRequest(Bytes),
    /// The answer to new keys.
    KeyResponse(Bytes),
    /// Anything else, by type and subtype: to be ignored.
    Other(u16, u16),
}

const KEY_REQUEST: u32 = 0xFFFF_0003;
const KEY_RESPONSE: u32 = 0xFFFF_0004;

impl Control {
    pub(super) fn parse(w0: u32, w1: u32, body: &[u8]) -> Result<Self, Error> {
        let (kind, subtype) = ((w0 >> 16) as u16 & 0x7FFF, w0 as u16);
        Ok(match (kind, subtype) {
            (0, _) => Self::Handshake(Bytes::copy_from_slice(body)),
            (1, _) => Self::KeepAlive,
            (2, _) => Self::Ack(parse_ack(w1, body)?),
            (3, _) => Self::LossReport(parse_losses(body)?),
            (5, _) => Self::Shutdown,
            (6, _) => Self::AckAck(w1),
            (7, _) => {
                let mut rest = body;
                let first = SeqNumber::new(take_u32(&mut rest, "a drop request")?);
                let last = SeqNumber::new(take_u32(&mut rest, "a drop request")?);
                Self::DropRequest(DropRequest { message: w1, range: LossRange { first, last } })
            }
            (0x7FFF, 3) => Self::KeyRequest(Bytes::copy_from_slice(body)),
            (0x7FFF, 4) => Self::KeyResponse(Bytes::copy_from_slice(body)),
            _ => Self::Other(kind, subtype),
        })
    }

    pub(super) const fn words(&self) -> (u32, u32) {
        match self {
            Self::Handshake(_) => (0x8000_0000, 0),
            Self::KeepAlive => (0x8001_0000, 0),
            Self::Ack(ack) => (0x8002_0000, ack.number),
            Self::LossReport(_) => (0x8003_0000, 0),
            Self::Shutdown => (0x8005_0000, 0),
            Self::AckAck(number) => (0x8006_0000, *number),
            Self::DropRequest(request) => (0x8007_0000, request.message),
            Self::KeyRequest(_) => (KEY_REQUEST, 0),
            Self::KeyResponse(_) => (KEY_RESPONSE, 0),
            Self::Other(kind, subtype) => (0x8000_0000 | (*kind as u32) << 16 | *subtype as u32, 0),
        }
    }

    pub(super) fn write_body(&self, out: &mut Vec<u8>) {
        let mut word = |value: u32| out.extend_from_slice(&value.to_be_bytes());
        match self {
            Self::Handshake(body) | Self::KeyRequest(body) | Self::KeyResponse(body) => out.extend_from_slice(body),
            // Four bytes that mean nothing: old peers read as many.
            Self::KeepAlive | Self::Shutdown | Self::AckAck(_) | Self::Other(..) => word(0),
            Self::Ack(ack) => {
                word(ack.next.as_u32());
                if let Some(body) = ack.body {
                    word(micros(body.rtt));
                    word(micros(body.rtt_var));
                    word(body.room);
                    body.rates.into_iter().flatten().for_each(word);
                }
            }
            Self::LossReport(ranges) => {
                for range in ranges {
                    if range.first == range.last {
                        word(range.first.as_u32());
                    } else {
                        word(range.first.as_u32() | 0x8000_0000);
                        word(range.last.as_u32());
                    }
                }
            }
            Self::DropRequest(request) => {
                word(request.range.first.as_u32());
                word(request.range.last.as_u32());
            }
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn parse_ack(number: u32, mut body: &[u8]) -> Result<Ack, Error> {
    let next = SeqNumber::new(take_u32(&mut body, "an acknowledgement")?);
    let mut words =
        body.chunks_exact(4).filter_map(|word| word.first_chunk::<4>()).map(|word| u32::from_be_bytes(*word));
    let fixed = words.next().zip(words.next()).zip(words.next());
    let body = fixed.filter(|_| number != 0).map(|((rtt, rtt_var), room)| AckBody {
        rtt: Duration::from_micros(rtt.into()),
        rtt_var: Duration::from_micros(rtt_var.into()),
        room,
        rates: words.next().zip(words.next()).zip(words.next()).map(|((packets, link), bytes)| [packets, link, bytes]),
    });
    Ok(Ack { number, next, body })
}

fn parse_losses(body: &[u8]) -> Result<Vec<LossRange>, Error> {
    let mut words =
        body.chunks_exact(4).filter_map(|word| word.first_chunk::<4>()).map(|word| u32::from_be_bytes(*word));
    let mut ranges = Vec::new();
    while let Some(word) = words.next() {
        if ranges.len() >= MAX_RANGES {
            break;
        }
        let first = SeqNumber::new(word);
        let last = if word & 0x8000_0000 == 0 {
            first
        } else {
            let last = words.next().filter(|last| last & 0x8000_0000 == 0).ok_or(Error::BrokenRange)?;
            SeqNumber::new(last)
        };
        if first.is_after(last) {
            return Err(Error::BrokenRange);
        }
        ranges.push(LossRange { first, last });
    }
    Ok(ranges)
}
