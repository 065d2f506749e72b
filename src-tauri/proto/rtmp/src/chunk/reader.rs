//! Putting messages together from chunks.

use bytes::Bytes;

use super::header::{self, Fields, Header, MAX_HEADER_LEN};
use super::stream::{Progress, Stream, check_first, is_near};
use super::{DEFAULT_CHUNK_SIZE, Error, Limits, MAX_CHUNK_SIZE, Message};
use crate::message::kind;

/// Reads one direction of a connection. Bytes go in as they arrive, split anywhere; whole messages come out.
///
/// Set Chunk Size and Abort take effect here, and are returned like any other message. Messages of types nobody reads
/// are passed over. Payload is copied once, into the message it belongs to.
#[derive(Debug)]
pub struct Reader {
    chunk_size: u32,
    limits: Limits,
    streams: Vec<Stream>,
    position: Position,
    /// Bytes taken in but not used: a header that is not whole yet.
    stash: Stash,
    /// Capacity held by messages that are not whole.
    unfinished: usize,
    abandoned: u64,
}

#[derive(Debug, Clone, Copy)]
enum Position {
    Header,
    Payload { stream: usize, left: u32 },
}

impl Reader {
    /// A reader at the start of a chunk stream.
    pub const fn new(limits: Limits) -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_SIZE,
            limits,
            streams: Vec::new(),
            position: Position::Header,
            stash: Stash::EMPTY,
            unfinished: 0,
            abandoned: 0,
        }
    }

    /// Changes the limits, for messages that begin from now on.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The chunk size the peer uses now.
    pub const fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// How many messages the peer began and dropped by beginning another on the same chunk stream.
    pub const fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Heap bytes held.
    pub fn heap_len(&self) -> usize {
        self.streams.capacity().saturating_mul(size_of::<Stream>()).saturating_add(self.unfinished)
    }

    /// Takes bytes from the front of `input` until a message is whole; `None` when `input` is used up. After an error
    /// the connection cannot be read further.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            match self.position {
                Position::Header => {
                    let Some(header) = self.read_header(input)? else { return Ok(None) };
                    if let Some(message) = self.begin_chunk(header)? {
                        return Ok(Some(message));
                    }
                }
                Position::Payload { stream, left } => {
                    if self.stash.is_empty() && input.is_empty() {
                        return Ok(None);
                    }
                    if let Some(message) = self.read_payload(stream, left, input)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Error> {
        if self.stash.is_empty() {
            return match self.parse(input)? {
                Some((header, length)) => {
                    take(input, length);
                    Ok(Some(header))
                }
                None => {
                    self.stash.append(take(input, MAX_HEADER_LEN));
                    Ok(None)
                }
            };
        }
        let mut joined = self.stash;
        let added = joined.append(input);
        match self.parse(joined.bytes())? {
            Some((header, length)) => {
                // Bytes that looked like an extended timestamp may prove to be payload: those stay.
                take(input, length.saturating_sub(self.stash.bytes().len()));
                self.stash.drop_front(length);
                Ok(Some(header))
            }
            None => {
                take(input, added);
                self.stash = joined;
                Ok(None)
            }
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<header::Parsed, Error> {
        header::parse(bytes, |csid| self.streams.iter().find(|stream| stream.csid == csid))
    }

    /// Returns a message only if it is empty, and so whole already.
    fn begin_chunk(&mut self, header: Header) -> Result<Option<Message>, Error> {
        let index = match self.streams.iter().position(|stream| stream.csid == header.csid) {
            Some(index) => index,
            None => self.add_stream(&header)?,
        };
        self.begin_message(index, header.fields)?;
        let Some(stream) = self.streams.get_mut(index) else { return Ok(None) };
        let Progress::Within { received, .. } = stream.progress else { return Ok(None) };
        let left = stream.length.saturating_sub(received).min(self.chunk_size);
        if left > 0 {
            self.position = Position::Payload { stream: index, left };
            return Ok(None);
        }
        self.finish(index, Bytes::new())
    }

    fn begin_message(&mut self, index: usize, fields: Fields) -> Result<(), Error> {
        let (before, rest) = self.streams.split_at_mut_checked(index).unwrap_or_default();
        let Some((stream, after)) = rest.split_first_mut() else { return Ok(()) };
        if stream.is_within_message() {
            if fields == Fields::Nothing {
                return Ok(());
            }
            // A sender that starts over on a chunk stream has given the unfinished message up.
            self.unfinished = self.unfinished.saturating_sub(stream.abandon());
            self.abandoned = self.abandoned.saturating_add(1);
        }
        stream.begin(fields, |candidate| {
            let mut others = before.iter().chain(after.iter()).filter(|other| other.is_media());
            others.any(|other| is_near(candidate, other.timestamp))
        });
        if stream.progress == (Progress::Within { received: 0, kept: true }) {
            self.limits.check_length(stream.type_id, stream.length as usize)?;
        }
        Ok(())
    }

    fn add_stream(&mut self, header: &Header) -> Result<usize, Error> {
        check_first(header.csid, &header.fields)?;
        let index = self.streams.len();
        if index >= self.limits.chunk_streams {
            return Err(Error::TooManyChunkStreams(self.limits.chunk_streams));
        }
        self.streams.push(Stream::new(header.csid));
        Ok(index)
    }

    fn read_payload(&mut self, index: usize, left: u32, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        let stashed = self.stash;
        let source = if stashed.is_empty() { *input } else { stashed.bytes() };
        let piece = source.get(..left as usize).unwrap_or(source);
        let upcoming = source.len();
        if stashed.is_empty() {
            take(input, piece.len());
        } else {
            self.stash.drop_front(piece.len());
        }
        let piece_len = piece.len() as u32;
        let left = left.saturating_sub(piece_len);
        self.position = if left > 0 { Position::Payload { stream: index, left } } else { Position::Header };

        let Some(stream) = self.streams.get_mut(index) else { return Ok(None) };
        let Progress::Within { received, kept } = stream.progress else { return Ok(None) };
        let received = received.saturating_add(piece_len);
        stream.progress = Progress::Within { received, kept };
        let whole = received >= stream.length;
        if !kept {
            return if whole { self.finish(index, Bytes::new()) } else { Ok(None) };
        }
        if whole && stream.payload.is_empty() {
            let payload = Bytes::copy_from_slice(piece);
            return self.finish(index, payload);
        }
        self.unfinished = grow(stream, piece.len(), upcoming, self.unfinished, self.limits.unfinished)?;
        stream.payload.extend_from_slice(piece);
        if !whole {
            return Ok(None);
        }
        let payload = std::mem::take(&mut stream.payload);
        self.unfinished = self.unfinished.saturating_sub(payload.capacity());
        self.finish(index, payload.into())
    }

    fn finish(&mut self, index: usize, payload: Bytes) -> Result<Option<Message>, Error> {
        self.position = Position::Header;
        let Some(stream) = self.streams.get_mut(index) else { return Ok(None) };
        let kept = matches!(stream.progress, Progress::Within { kept: true, .. });
        stream.progress = Progress::Between;
        let (type_id, timestamp, stream_id, csid) = (stream.type_id, stream.timestamp, stream.stream_id, stream.csid);
        match type_id {
            kind::SET_CHUNK_SIZE => self.set_chunk_size(number(type_id, &payload)?)?,
            kind::ABORT => self.abort(number(type_id, &payload)?),
            _ => {}
        }
        Ok(kept.then_some(Message { csid, timestamp, type_id, stream_id, payload }))
    }

    fn set_chunk_size(&mut self, size: u32) -> Result<(), Error> {
        if size == 0 || size > i32::MAX.unsigned_abs() {
            return Err(Error::BadChunkSize(size));
        }
        self.chunk_size = size.min(MAX_CHUNK_SIZE);
        Ok(())
    }

    fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid) {
            self.unfinished = self.unfinished.saturating_sub(stream.abandon());
        }
    }
}

/// Makes room for `piece` more bytes and returns the new total of unfinished bytes. Room grows with what has arrived
/// (the message so far, or what is at hand of it), never with what its header announces, and only as far as the limit
/// allows.
fn grow(stream: &mut Stream, piece: usize, upcoming: usize, unfinished: usize, limit: usize) -> Result<usize, Error> {
    let held = stream.payload.len();
    let capacity = stream.payload.capacity();
    let needed = held.saturating_add(piece);
    if needed <= capacity {
        return Ok(unfinished);
    }
    let others = unfinished.saturating_sub(capacity);
    let allowed = limit.saturating_sub(others);
    if needed > allowed {
        return Err(Error::TooMuchUnfinished(limit));
    }
    let wanted = held.saturating_add(upcoming.max(held)).min(stream.length as usize);
    stream.payload.reserve_exact(wanted.min(allowed).max(needed).saturating_sub(held));
    Ok(others.saturating_add(stream.payload.capacity()))
}

fn number(type_id: u8, payload: &[u8]) -> Result<u32, Error> {
    let bytes = payload.first_chunk().ok_or(Error::ShortControl { type_id, length: payload.len() })?;
    Ok(u32::from_be_bytes(*bytes))
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    taken
}

/// A few bytes carried from one call to the next.
#[derive(Debug, Clone, Copy)]
struct Stash {
    bytes: [u8; MAX_HEADER_LEN],
    length: u8,
}

impl Stash {
    const EMPTY: Self = Self { bytes: [0; MAX_HEADER_LEN], length: 0 };

    const fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Appends what fits and returns how much that was.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let free = self.bytes.iter_mut().skip(usize::from(self.length));
        let added = free.zip(bytes).map(|(to, byte)| *to = *byte).count();
        self.length = self.length.saturating_add(added as u8);
        added
    }

    fn drop_front(&mut self, count: usize) {
        let kept = *self;
        *self = Self::EMPTY;
        self.append(kept.bytes().get(count..).unwrap_or_default());
    }
}
