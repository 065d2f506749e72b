//! Cutting messages into chunks.
//!
//! Every message begins with a type 0 header: seven bytes more than the shortest, and no reader's reading of deltas,
//! repeated fields or lost predecessors matters. It also makes the bytes the same for every player of a stream.

use bytes::Bytes;

use super::{EXTENDED, Error, MAX_MESSAGE_LEN, MessageHeader};

/// The type bits of a continuing chunk.
const CONTINUED: u8 = 0b1100_0000;
const MESSAGE_HEADER_LEN: usize = 11;

/// A whole message as chunks of at most `chunk_size` bytes, in one buffer of exactly the right size. A size of 0 counts
/// as 1. Fails only if the payload is longer than [`MAX_MESSAGE_LEN`].
pub fn encode_message(chunk_size: u32, header: &MessageHeader, payload: &[u8]) -> Result<Bytes, Error> {
    encode_parts(chunk_size, header, &[payload])
}

/// Like [`encode_message`], with a body that lies in several pieces: they are joined and cut in one copy.
pub fn encode_parts(chunk_size: u32, header: &MessageHeader, parts: &[&[u8]]) -> Result<Bytes, Error> {
    let mut out = Vec::new();
    append_parts(&mut out, chunk_size, header, parts)?;
    Ok(out.into())
}

/// Like [`encode_message`], appended to what is in `out`.
pub fn append_message(out: &mut Vec<u8>, chunk_size: u32, header: &MessageHeader, payload: &[u8]) -> Result<(), Error> {
    append_parts(out, chunk_size, header, &[payload])
}

fn append_parts(out: &mut Vec<u8>, chunk_size: u32, header: &MessageHeader, parts: &[&[u8]]) -> Result<(), Error> {
    let length = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
    if length > MAX_MESSAGE_LEN {
        return Err(Error::Unwritable(length));
    }
    let chunk_size = (chunk_size as usize).max(1);
    let basic = BasicHeader::new(header.csid);
    let extended = (header.timestamp >= EXTENDED).then_some(header.timestamp.to_be_bytes());
    let extended = extended.as_ref().map_or(&[][..], |bytes| bytes.as_slice());

    let continuations = length.saturating_sub(1) / chunk_size;
    let per_chunk = basic.bytes().len().saturating_add(extended.len());
    let overhead = continuations.saturating_add(1).saturating_mul(per_chunk).saturating_add(MESSAGE_HEADER_LEN);
    out.reserve_exact(overhead.saturating_add(length));
    out.extend_from_slice(basic.bytes());
    let [_, t0, t1, t2] = header.timestamp.min(EXTENDED).to_be_bytes();
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    let [s0, s1, s2, s3] = header.stream_id.to_le_bytes();
    out.extend_from_slice(&[t0, t1, t2, l0, l1, l2, header.type_id, s0, s1, s2, s3]);
    out.extend_from_slice(extended);

    let continued = basic.continued();
    let mut room = chunk_size;
    for part in parts {
        let mut part = *part;
        while !part.is_empty() {
            if room == 0 {
                out.extend_from_slice(continued.bytes());
                out.extend_from_slice(extended);
                room = chunk_size;
            }
            let (piece, rest) = part.split_at_checked(room).unwrap_or((part, &[]));
            out.extend_from_slice(piece);
            room = room.saturating_sub(piece.len());
            part = rest;
        }
    }
    Ok(())
}

/// One to three bytes that name a chunk stream (section 5.3.1.1). Ids out of range are brought into it.
struct BasicHeader {
    bytes: [u8; 3],
    length: usize,
}

impl BasicHeader {
    const fn new(csid: u32) -> Self {
        match csid {
            0..=1 => Self { bytes: [2, 0, 0], length: 1 },
            2..=63 => Self { bytes: [csid as u8, 0, 0], length: 1 },
            64..=319 => Self { bytes: [0, (csid - 64) as u8, 0], length: 2 },
            _ => {
                let rest = if csid > 65_599 { u16::MAX } else { (csid - 64) as u16 };
                let [low, high] = rest.to_le_bytes();
                Self { bytes: [1, low, high], length: 3 }
            }
        }
    }

    const fn continued(&self) -> Self {
        let [first, second, third] = self.bytes;
        Self { bytes: [first | CONTINUED, second, third], length: self.length }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
