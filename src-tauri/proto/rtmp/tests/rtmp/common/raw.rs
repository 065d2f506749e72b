//! Chunks written by hand, in the habits of old and new clients.

use bytes::{Bytes, BytesMut};
use weir_amf0::{Value, encode_all};
use weir_rtmp::chunk::Message;

pub(crate) fn message(csid: u32, timestamp: u32, type_id: u8, stream_id: u32, payload: &[u8]) -> Message {
    Message { csid, timestamp, type_id, stream_id, payload: Bytes::copy_from_slice(payload) }
}

pub(crate) fn body(values: &[Value]) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_all(values, &mut out);
    out.to_vec()
}

/// Whether continuing chunks repeat an extended timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// As section 5.3.1.3 says.
    Repeats,
    /// As OBS before 30.1 and old librtmp do.
    Omits,
}

/// A writer of chunks that can do what ours never does.
pub(crate) struct Chunks {
    out: Vec<u8>,
    pub(crate) chunk_size: usize,
    pub(crate) habit: Habit,
    last: Vec<(u32, u32)>,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self::sized(128)
    }

    pub(crate) fn sized(chunk_size: usize) -> Self {
        Self { out: Vec::new(), chunk_size, habit: Habit::Repeats, last: Vec::new() }
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn basic(&mut self, fmt: u8, csid: u32) {
        match csid {
            2..=63 => self.out.push(fmt << 6 | csid as u8),
            64..=319 => self.out.extend([fmt << 6, (csid - 64) as u8]),
            _ => {
                self.out.push(fmt << 6 | 1);
                self.out.extend(((csid - 64) as u16).to_le_bytes());
            }
        }
    }

    fn field(time: u32) -> ([u8; 3], Option<[u8; 4]>) {
        let [_, a, b, c] = time.min(0xFF_FFFF).to_be_bytes();
        ([a, b, c], (time >= 0xFF_FFFF).then_some(time.to_be_bytes()))
    }

    fn payload(&mut self, csid: u32, extended: Option<[u8; 4]>, payload: &[u8]) {
        for (index, piece) in payload.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                self.basic(3, csid);
                if self.habit == Habit::Repeats {
                    self.out.extend(extended.unwrap_or_default().iter().take(if extended.is_some() { 4 } else { 0 }));
                }
            }
            self.out.extend(piece);
        }
    }

    fn remember(&mut self, csid: u32, timestamp: u32) -> Option<u32> {
        let previous = self.last.iter().position(|(id, _)| *id == csid).map(|index| self.last.remove(index).1);
        self.last.push((csid, timestamp));
        previous
    }

    /// A message with a type 0 header.
    pub(crate) fn full(mut self, csid: u32, timestamp: u32, type_id: u8, stream_id: u32, payload: &[u8]) -> Self {
        self.put_full(csid, timestamp, type_id, stream_id, payload);
        self
    }

    pub(crate) fn put_full(&mut self, csid: u32, timestamp: u32, type_id: u8, stream_id: u32, payload: &[u8]) {
        self.remember(csid, timestamp);
        let (field, extended) = Self::field(timestamp);
        self.basic(0, csid);
        self.out.extend(field);
        self.out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
        self.out.push(type_id);
        self.out.extend(stream_id.to_le_bytes());
        self.out.extend(extended.iter().flatten());
        self.payload(csid, extended, payload);
    }

    /// A message with a type 1 header: the delta to the last message of the chunk stream, or 0.
    pub(crate) fn put_delta(&mut self, csid: u32, timestamp: u32, type_id: u8, payload: &[u8]) {
        let previous = self.remember(csid, timestamp).unwrap_or_default();
        let (field, extended) = Self::field(timestamp.wrapping_sub(previous));
        self.basic(1, csid);
        self.out.extend(field);
        self.out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
        self.out.push(type_id);
        self.out.extend(extended.iter().flatten());
        self.payload(csid, extended, payload);
    }
}
