//! Packetized elementary streams (ISO/IEC 13818-1, 2.4.3.6).

use bytes::{Bytes, BytesMut};

use crate::packet::Packet;

/// Largest PES packet that is put together: an unbounded one whose end was lost must not eat the memory. An 8K key frame is
/// smaller.
const MAX_PES: usize = 16 * 1024 * 1024;
/// Bytes that all packet identifiers of a stream together may have begun. Whatever is beyond that is dropped.
pub(crate) const MAX_BEGUN: usize = 32 * 1024 * 1024;
/// Room that an identifier keeps for its next PES packet: a large one must not hold what only it needed.
const MAX_SPARE: usize = 64 * 1024;

/// One PES packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pes {
    /// 33-bit times of the 90 kHz clock, wrapped as sent.
    pub(crate) pts: Option<u64>,
    pub(crate) dts: Option<u64>,
    /// The transport said that a key frame begins here.
    pub(crate) random_access: bool,
    pub(crate) data: Bytes,
}

/// Puts the PES packets of one packet identifier together.
#[derive(Debug, Default)]
pub(crate) struct PesReader {
    buffer: BytesMut,
    /// A PES packet has begun and nothing of it was lost.
    open: bool,
    random_access: bool,
    /// PES packets dropped since a piece of them was lost or they were no PES.
    pub(crate) damaged: u64,
}

impl PesReader {
    /// Adds a packet's payload, if there is `room` for what has begun and for it. `done` is called with each PES packet that
    /// is complete: at its declared length, else when the next one begins.
    pub(crate) fn push(&mut self, packet: &Packet<'_>, room: usize, mut done: impl FnMut(Pes)) {
        let payload = packet.payload.unwrap_or_default();
        if packet.unit_start {
            self.finish(&mut done);
            self.open = true;
            self.random_access = packet.random_access;
        }
        if !self.open {
            return;
        }
        if self.buffer.len() + payload.len() > MAX_PES.min(room) {
            return self.lose();
        }
        self.buffer.extend_from_slice(payload);
        let len = declared_len(&self.buffer);
        if len.is_some_and(|len| self.buffer.len() >= len) {
            self.finish(&mut done);
        }
    }

    /// A piece is missing: what has begun is of no use.
    pub(crate) fn lose(&mut self) {
        self.damaged += u64::from(self.open && !self.buffer.is_empty());
        self.open = false;
        self.buffer.clear();
        self.give_back(0);
    }

    /// Bytes that have begun.
    pub(crate) fn begun(&self) -> usize {
        self.buffer.len()
    }

    /// Gives large room back: `taken` bytes of it are another's now.
    fn give_back(&mut self, taken: usize) {
        if taken + self.buffer.capacity() > MAX_SPARE {
            self.buffer = BytesMut::new();
        }
    }

    /// Completes what has begun.
    pub(crate) fn finish(&mut self, done: &mut impl FnMut(Pes)) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let bytes = self.buffer.split().freeze();
        self.give_back(bytes.len());
        match parse(&bytes, self.random_access) {
            Some(pes) => done(pes),
            None => self.damaged += u64::from(!bytes.is_empty()),
        }
    }
}

/// Bytes of the whole packet, where its header says.
fn declared_len(bytes: &[u8]) -> Option<usize> {
    let &[_, _, _, _, high, low, ..] = bytes else { return None };
    match u16::from_be_bytes([high, low]) {
        0 => None,
        len => Some(6 + usize::from(len)),
    }
}

fn parse(bytes: &Bytes, random_access: bool) -> Option<Pes> {
    let &[0, 0, 1, stream_id, high, low, ..] = bytes.as_ref() else { return None };
    let end = match u16::from_be_bytes([high, low]) {
        0 => bytes.len(),
        len => (6 + usize::from(len)).min(bytes.len()),
    };
    // Padding, private stream 2, ECM, EMM, DSM-CC, and the maps have no optional header.
    if matches!(stream_id, 0xBC | 0xBE | 0xBF | 0xF0 | 0xF1 | 0xF2 | 0xF8 | 0xFF) {
        return Some(Pes { pts: None, dts: None, random_access, data: bytes.slice(6..end) });
    }
    let &[marker, flags, header_len] = bytes.get(6..9)?.first_chunk::<3>()?;
    if marker & 0xC0 != 0x80 {
        return None;
    }
    let header = bytes.get(9..9 + usize::from(header_len))?;
    let pts = (flags & 0x80 != 0).then(|| time(header)).flatten();
    let dts = (flags & 0xC0 == 0xC0).then(|| header.get(5..).and_then(time)).flatten();
    let start = 9 + usize::from(header_len);
    let data = if start <= end { bytes.slice(start..end) } else { return None };
    Some(Pes { pts, dts, random_access, data })
}

/// 33 bits in five bytes with marker bits between (table 2-21).
fn time(bytes: &[u8]) -> Option<u64> {
    let [b0, b1, b2, b3, b4] = bytes.first_chunk::<5>()?.map(u64::from);
    Some((b0 >> 1 & 7) << 30 | b1 << 22 | (b2 >> 1) << 15 | b3 << 7 | b4 >> 1)
}
