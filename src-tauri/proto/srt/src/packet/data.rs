//! Data packets ("Data Packets").

use bytes::Bytes;

use super::SeqNumber;

/// Number of a message, 26 bits; in live mode every packet is one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageNumber(pub u32);

impl MessageNumber {
    /// The first one; 0 stands for packets of a filter.
    pub const FIRST: Self = Self(1);

    /// The next one; 0 is left out.
    pub const fn next(self) -> Self {
        let next = (self.0 + 1) & 0x3FF_FFFF;
        Self(if next == 0 { 1 } else { next })
    }
}

/// Which piece of a message a packet is (`PP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Neither the first nor the last.
    Middle,
    /// The last.
    Last,
    /// The first.
    First,
    /// The whole message: what live mode sends.
    Solo,
}

/// Which key the payload is encrypted with (`KK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFlag {
    /// None.
    Clear,
    /// The even one.
    Even,
    /// The odd one.
    Odd,
    /// Both: only key messages may say so.
    Both,
}

impl KeyFlag {
    /// From two bits.
    pub const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Clear,
            1 => Self::Even,
            2 => Self::Odd,
            _ => Self::Both,
        }
    }

    /// As two bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Clear => 0,
            Self::Even => 1,
            Self::Odd => 2,
            Self::Both => 3,
        }
    }
}

/// A packet with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<P = Bytes> {
    /// Its number.
    pub seq: SeqNumber,
    /// Which piece of its message it is.
    pub position: Position,
    /// Messages must be delivered in order.
    pub in_order: bool,
    /// How it is encrypted.
    pub key: KeyFlag,
    /// It has been sent before.
    pub retransmitted: bool,
    /// The message it belongs to.
    pub message: MessageNumber,
    /// The media, encrypted as `key` says.
    pub payload: P,
}

/// The bit of the second word that marks what is sent again.
const RETRANSMITTED: u32 = 1 << 26;

impl<'a> Data<&'a [u8]> {
    pub(super) const fn parse(w0: u32, w1: u32, payload: &'a [u8]) -> Self {
        let position = match w1 >> 30 {
            0 => Position::Middle,
            1 => Position::Last,
            2 => Position::First,
            _ => Position::Solo,
        };
        Self {
            seq: SeqNumber::new(w0),
            position,
            in_order: w1 & 1 << 29 != 0,
            key: KeyFlag::from_bits(w1 >> 27),
            retransmitted: w1 & RETRANSMITTED != 0,
            message: MessageNumber(w1 & 0x3FF_FFFF),
            payload,
        }
    }

    pub(super) fn to_owned(self) -> Data {
        let Self { seq, position, in_order, key, retransmitted, message, payload } = self;
        Data { seq, position, in_order, key, retransmitted, message, payload: Bytes::copy_from_slice(payload) }
    }
}

impl<P> Data<P> {
    pub(super) fn words(&self) -> (u32, u32) {
        let position = match self.position {
            Position::Middle => 0,
            Position::Last => 1,
            Position::First => 2,
            Position::Solo => 3_u32,
        };
        let w1 = position << 30
            | u32::from(self.in_order) << 29
            | self.key.bits() << 27
            | if self.retransmitted { RETRANSMITTED } else { 0 }
            | self.message.0 & 0x3FF_FFFF;
        (self.seq.as_u32(), w1)
    }
}
