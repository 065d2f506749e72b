//! Chunk stream, both directions (RTMP 1.0 section 5.3).
//!
//! The reader hands message bytes on as they arrive and keeps none of them, so that 400 players cost the generator
//! one read each and no copy.

/// Chunk size before either side says otherwise (RTMP 1.0 section 5.4.1).
const DEFAULT_CHUNK_SIZE: u32 = 128;
/// A 24-bit timestamp field with this value announces a 32-bit one.
const EXTENDED: u32 = 0xFF_FFFF;
/// Longest chunk header: 3 bytes basic, 11 bytes message, 4 bytes extended timestamp.
const HEADER_MAX: usize = 18;
/// A server that opens more chunk streams than this towards one client is broken.
const STREAMS_MAX: usize = 64;

/// What is known of a message when its first byte arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Message type id.
    pub(crate) kind: u8,
    /// Milliseconds.
    pub(crate) timestamp: u32,
    /// Bytes in the whole message.
    pub(crate) length: u32,
    /// Message stream id.
    pub(crate) stream: u32,
}

/// Receives messages piece by piece.
pub(crate) trait Sink {
    /// `bytes` starts `offset` bytes into the message; the message is whole when `offset + bytes.len() == length`.
    fn piece(&mut self, header: &Header, offset: u32, bytes: &[u8]);
}

/// Why a byte stream is not a chunk stream.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("chunk stream {0} begins with a header that refers to an earlier one")]
    NoEarlierHeader(u32),
    #[error("chunk stream {0} begins a message inside another")]
    Interrupted(u32),
    #[error("more than {STREAMS_MAX} chunk streams")]
    TooManyStreams,
    #[error("chunk size 0")]
    ZeroChunkSize,
}

#[derive(Clone, Copy, Default)]
struct Stream {
    id: u32,
    header: Header,
    delta: u32,
    extended: bool,
    received: u32,
}

/// Splits a byte stream into messages.
pub(crate) struct Reader {
    chunk_size: u32,
    streams: Vec<Stream>,
    /// Index of the chunk stream whose chunk is being read, and the bytes of that chunk still to come.
    chunk: Option<(usize, u32)>,
    head: [u8; HEADER_MAX],
    head_len: usize,
    control: [u8; 4],
}

struct Parsed {
    id: u32,
    format: u8,
    field: u32,
    length: u32,
    kind: u8,
    stream: u32,
    extended: bool,
    used: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::with_chunk_size(DEFAULT_CHUNK_SIZE)
    }

    pub(crate) fn with_chunk_size(chunk_size: u32) -> Self {
        Self { chunk_size, streams: Vec::new(), chunk: None, head: [0; HEADER_MAX], head_len: 0, control: [0; 4] }
    }

    /// Takes bytes as they came from the socket and passes every message byte in them to `sink`.
    pub(crate) fn feed(&mut self, mut data: &[u8], sink: &mut impl Sink) -> Result<(), Error> {
        while !data.is_empty() {
            if let Some((index, left)) = self.chunk {
                let (piece, rest) = data.split_at(data.len().min(left as usize));
                data = rest;
                self.payload(index, left, piece, sink)?;
            } else if self.head_len == 0 {
                match self.parse(data) {
                    Some(parsed) => {
                        data = &data[parsed.used..];
                        self.begin(&parsed, sink)?;
                    }
                    None => {
                        self.head[..data.len()].copy_from_slice(data);
                        self.head_len = data.len();
                        return Ok(());
                    }
                }
            } else {
                self.head[self.head_len] = data[0];
                self.head_len += 1;
                data = &data[1..];
                let head = self.head;
                if let Some(parsed) = self.parse(&head[..self.head_len]) {
                    self.head_len = 0;
                    self.begin(&parsed, sink)?;
                }
            }
        }
        Ok(())
    }

    fn payload(&mut self, index: usize, left: u32, piece: &[u8], sink: &mut impl Sink) -> Result<(), Error> {
        let taken = piece.len() as u32;
        self.chunk = (left > taken).then_some((index, left - taken));
        let stream = &mut self.streams[index];
        let (header, offset) = (stream.header, stream.received);
        stream.received += taken;
        let whole = stream.received == header.length;
        if whole {
            stream.received = 0;
        }
        if header.kind == 1 {
            for (at, byte) in (offset as usize..4).zip(piece) {
                self.control[at] = *byte;
            }
            if whole {
                self.chunk_size = u32::from_be_bytes(self.control) & 0x7FFF_FFFF;
                if self.chunk_size == 0 {
                    return Err(Error::ZeroChunkSize);
                }
            }
        }
        sink.piece(&header, offset, piece);
        Ok(())
    }

    /// A header from the start of `bytes`, or `None` while it is incomplete.
    fn parse(&self, bytes: &[u8]) -> Option<Parsed> {
        let first = *bytes.first()?;
        let (id, mut used) = match first & 0x3F {
            0 => (u32::from(*bytes.get(1)?) + 64, 2),
            1 => (u32::from(*bytes.get(1)?) + (u32::from(*bytes.get(2)?) << 8) + 64, 3),
            small => (u32::from(small), 1),
        };
        let format = first >> 6;
        let known = self.streams.iter().find(|stream| stream.id == id);
        let mut parsed = Parsed { id, format, field: 0, length: 0, kind: 0, stream: 0, extended: false, used: 0 };
        if format < 3 {
            parsed.field = be24(bytes.get(used..used + 3)?);
            parsed.extended = parsed.field == EXTENDED;
            used += 3;
        } else {
            parsed.extended = known.is_some_and(|stream| stream.extended);
        }
        if format < 2 {
            parsed.length = be24(bytes.get(used..used + 3)?);
            parsed.kind = *bytes.get(used + 3)?;
            used += 4;
        }
        if format == 0 {
            parsed.stream = u32::from_le_bytes(bytes.get(used..used + 4)?.try_into().ok()?);
            used += 4;
        }
        if parsed.extended {
            parsed.field = u32::from_be_bytes(bytes.get(used..used + 4)?.try_into().ok()?);
            used += 4;
        }
        parsed.used = used;
        Some(parsed)
    }

    fn begin(&mut self, parsed: &Parsed, sink: &mut impl Sink) -> Result<(), Error> {
        let index = match self.streams.iter().position(|stream| stream.id == parsed.id) {
            Some(index) => index,
            None if parsed.format > 1 => return Err(Error::NoEarlierHeader(parsed.id)),
            None if self.streams.len() == STREAMS_MAX => return Err(Error::TooManyStreams),
            None => {
                self.streams.push(Stream { id: parsed.id, ..Stream::default() });
                self.streams.len() - 1
            }
        };
        let stream = &mut self.streams[index];
        let fresh = stream.received == 0;
        if parsed.format < 3 {
            if !fresh {
                return Err(Error::Interrupted(parsed.id));
            }
            stream.delta = parsed.field;
            stream.extended = parsed.extended;
        }
        match parsed.format {
            0 => {
                stream.header.timestamp = parsed.field;
                stream.header.stream = parsed.stream;
            }
            _ if fresh => stream.header.timestamp = stream.header.timestamp.wrapping_add(stream.delta),
            _ => {}
        }
        if parsed.format < 2 {
            stream.header.length = parsed.length;
            stream.header.kind = parsed.kind;
        }
        let left = (stream.header.length - stream.received).min(self.chunk_size);
        if left == 0 {
            return self.payload(index, 0, &[], sink);
        }
        self.chunk = Some((index, left));
        Ok(())
    }
}

fn be24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Writes messages the way librtmp (OBS) does: a full header first, then headers with a time delta.
pub(crate) struct Writer {
    chunk_size: usize,
    /// Timestamp of the last message on [`MEDIA_CHUNK_STREAM`].
    last: Option<u32>,
}

/// librtmp sends audio, video and data on this one.
pub(crate) const MEDIA_CHUNK_STREAM: u8 = 4;

impl Writer {
    pub(crate) fn new() -> Self {
        Self { chunk_size: DEFAULT_CHUNK_SIZE as usize, last: None }
    }

    pub(crate) fn announce_chunk_size(&mut self, size: u32, out: &mut Vec<u8>) {
        self.message(2, 1, 0, 0, &size.to_be_bytes(), out);
        self.chunk_size = size as usize;
    }

    /// A message with a full header on chunk stream `id` (2 to 63).
    pub(crate) fn message(&self, id: u8, kind: u8, stream: u32, timestamp: u32, body: &[u8], out: &mut Vec<u8>) {
        out.push(id);
        out.extend_from_slice(&timestamp.min(EXTENDED).to_be_bytes()[1..]);
        out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        out.push(kind);
        out.extend_from_slice(&stream.to_le_bytes());
        self.body(id, timestamp, body, out);
    }

    /// An audio, video or data message of a published stream.
    pub(crate) fn media(&mut self, kind: u8, stream: u32, timestamp: u32, body: &[u8], out: &mut Vec<u8>) {
        match self.last.replace(timestamp).and_then(|last| timestamp.checked_sub(last)) {
            None => self.message(MEDIA_CHUNK_STREAM, kind, stream, timestamp, body, out),
            Some(delta) => {
                out.push(0x40 | MEDIA_CHUNK_STREAM);
                out.extend_from_slice(&delta.min(EXTENDED).to_be_bytes()[1..]);
                out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
                out.push(kind);
                self.body(MEDIA_CHUNK_STREAM, delta, body, out);
            }
        }
    }

    fn body(&self, id: u8, time: u32, body: &[u8], out: &mut Vec<u8>) {
        let extended = |out: &mut Vec<u8>| {
            if time >= EXTENDED {
                out.extend_from_slice(&time.to_be_bytes());
            }
        };
        extended(out);
        for (index, chunk) in body.chunks(self.chunk_size).enumerate() {
            if index > 0 {
                out.push(0xC0 | id);
                extended(out);
            }
            out.extend_from_slice(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Whole {
        part: Vec<u8>,
        messages: Vec<(Header, Vec<u8>)>,
    }

    impl Sink for Whole {
        fn piece(&mut self, header: &Header, offset: u32, bytes: &[u8]) {
            assert_eq!(offset as usize, self.part.len());
            self.part.extend_from_slice(bytes);
            if self.part.len() == header.length as usize {
                self.messages.push((*header, std::mem::take(&mut self.part)));
            }
        }
    }

    fn body(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn messages_survive_any_split_across_the_extended_timestamp_and_a_new_chunk_size() {
        let mut writer = Writer::new();
        let mut wire = Vec::new();
        writer.media(8, 1, 5, &body(300), &mut wire);
        writer.announce_chunk_size(4096, &mut wire);
        writer.media(9, 1, 40, &body(9000), &mut wire);
        writer.message(5, 9, 1, 0x0100_0000, &body(5000), &mut wire);
        writer.message(5, 9, 1, 7, &[], &mut wire);
        for step in [1, 2, 3, 7, 100, 4096, wire.len()] {
            let (mut reader, mut whole) = (Reader::new(), Whole::default());
            for piece in wire.chunks(step) {
                reader.feed(piece, &mut whole).expect("own chunks");
            }
            let seen: Vec<_> =
                whole.messages.iter().map(|(header, body)| (header.kind, header.timestamp, body.len())).collect();
            assert_eq!(seen, [(8, 5, 300), (1, 0, 4), (9, 40, 9000), (9, 0x0100_0000, 5000), (9, 7, 0)], "step {step}");
            assert_eq!(whole.messages[3].1, body(5000));
        }
    }

    #[test]
    fn a_repeated_header_adds_the_last_delta() {
        // fmt 0 at 10 ms, fmt 2 with +20, then fmt 3 for a new message: 10, 30, 50.
        let wire = [
            4, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 0xAA, // fmt 0
            0x84, 0, 0, 20, 0xBB, // fmt 2
            0xC4, 0xCC, // fmt 3
        ];
        let (mut reader, mut whole) = (Reader::new(), Whole::default());
        reader.feed(&wire, &mut whole).expect("valid");
        let times: Vec<_> = whole.messages.iter().map(|(header, _)| header.timestamp).collect();
        assert_eq!(times, [10, 30, 50]);
    }

    #[test]
    fn a_stream_that_begins_with_a_reference_to_nothing_is_refused() {
        assert_eq!(Reader::new().feed(&[0xC5, 1], &mut Whole::default()), Err(Error::NoEarlierHeader(5)));
    }
}
