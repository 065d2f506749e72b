//! Reading a file in pieces, whatever happened to it: cut short, wrong sizes, junk in between.

use bytes::{Buf, Bytes, BytesMut};

use super::{FILE_HEADER, TAG_HEADER, TAG_TRAILER};
use crate::MessageKind;

/// Largest place at which the first tag may begin: keeps a header of junk from skipping a whole file.
const MAX_DATA_OFFSET: u32 = 64 * 1024;

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It does not begin as FLV does.
    #[error("this is no FLV file: it does not begin with \"FLV\" and a header")]
    NotFlv,
}

/// What a tag carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// A message that RTMP would carry.
    Message(MessageKind),
    /// Something else, by its type: AMF3 data, or encrypted.
    Other(u8),
}

/// One tag of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTag {
    /// Byte offset of its header in the file.
    pub offset: u64,
    /// What it carries.
    pub kind: TagKind,
    /// Its time in milliseconds.
    pub millis: u32,
    /// Its body.
    pub body: Bytes,
}

/// Takes a file's bytes as they come and gives its tags.
///
/// ```
/// # let file: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";
/// let mut reader = weir_flv::file::FileReader::new();
/// for piece in file.chunks(4096) {
///     reader.push(piece);
///     while let Some(tag) = reader.next_tag()? {
///         println!("{:?} at {} ms", tag.kind, tag.millis);
///     }
/// }
/// reader.end();
/// # Ok::<(), weir_flv::file::ReadError>(())
/// ```
#[derive(Debug, Default)]
pub struct FileReader {
    buffer: BytesMut,
    /// Where in the file the buffer begins.
    offset: u64,
    header_read: bool,
    ended: bool,
    /// Looking for the next tag after something that is none.
    lost: bool,
    valid_len: u64,
    last_millis: Option<u32>,
    skipped: u64,
    wrong_sizes: u64,
}

/// The fields of a tag header.
#[derive(Debug, Clone, Copy)]
struct Fields {
    kind: u8,
    size: usize,
    millis: u32,
    stream: u32,
}

impl Fields {
    fn read(data: &[u8]) -> Option<Self> {
        let &[kind, s2, s1, s0, t2, t1, t0, t3, i2, i1, i0] = data.first_chunk::<TAG_HEADER>()?;
        Some(Self {
            kind,
            size: u32::from_be_bytes([0, s2, s1, s0]) as usize,
            millis: u32::from_be_bytes([t3, t2, t1, t0]),
            stream: u32::from_be_bytes([0, i2, i1, i0]),
        })
    }

    /// Audio, video, data, AMF3 data; with or without the bit for encryption (FLV 10.1, E.4.1).
    const fn plausible(self) -> bool {
        matches!(self.kind & 0xDF, 8 | 9 | 15 | 18)
    }

    const fn total(self) -> usize {
        TAG_HEADER + self.size
    }
}

impl FileReader {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Says that no more bytes come: a last tag without the size after it is given out then.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// The next whole tag; `None` when more bytes are needed, or after [`FileReader::end`] when there is none.
    pub fn next_tag(&mut self) -> Result<Option<FileTag>, ReadError> {
        if !self.header_read && !self.read_header()? {
            return Ok(None);
        }
        loop {
            if self.lost && !self.find_tag() {
                return Ok(None);
            }
            let Some(fields) = Fields::read(&self.buffer) else { return Ok(None) };
            if !fields.plausible() {
                self.lose();
                continue;
            }
            let total = fields.total();
            let Some(after) = self.buffer.get(total..) else {
                // A wrong length reaches past the end: there may be good tags in what it claims.
                if self.ended && self.search(1).is_ok() {
                    self.lose();
                    continue;
                }
                return Ok(None);
            };
            let trailer = after.first_chunk::<TAG_TRAILER>().map(|size| u32::from_be_bytes(*size) as usize);
            match trailer {
                None if !self.ended => return Ok(None),
                Some(size) if size != total => {
                    let next = after.get(TAG_TRAILER..).unwrap_or_default();
                    match Fields::read(next) {
                        None if !self.ended => return Ok(None),
                        Some(next) if !next.plausible() => {
                            self.lose();
                            continue;
                        }
                        _ => self.wrong_sizes += 1,
                    }
                }
                _ => {}
            }
            return Ok(Some(self.take(fields, trailer.is_some())));
        }
    }

    /// The time of the last tag with media in milliseconds: what a file that was never closed lasts, nearly.
    pub const fn last_millis(&self) -> Option<u32> {
        self.last_millis
    }

    /// Where the last whole tag ends, the size after it included: a damaged file can be cut here.
    pub const fn valid_len(&self) -> u64 {
        self.valid_len
    }

    /// Bytes that belong to no tag.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Tags followed by a size that is not theirs; harmless.
    pub const fn wrong_sizes(&self) -> u64 {
        self.wrong_sizes
    }

    /// Bytes that wait for the rest of their tag; after [`FileReader::end`] those of a tag that was cut off.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    fn read_header(&mut self) -> Result<bool, ReadError> {
        let Some(&[f, l, v, _version, _flags, o3, o2, o1, o0]) = self.buffer.first_chunk::<FILE_HEADER>() else {
            return if self.ended || !b"FLV".starts_with(self.buffer.get(..3).unwrap_or(&self.buffer)) {
                Err(ReadError::NotFlv)
            } else {
                Ok(false)
            };
        };
        let data_offset = u32::from_be_bytes([o3, o2, o1, o0]);
        if [f, l, v] != *b"FLV" || data_offset < FILE_HEADER as u32 || data_offset > MAX_DATA_OFFSET {
            return Err(ReadError::NotFlv);
        }
        let header = data_offset as usize + TAG_TRAILER;
        if self.buffer.len() < header {
            return Ok(false);
        }
        self.advance(header);
        self.valid_len = self.offset;
        self.header_read = true;
        Ok(true)
    }

    fn take(&mut self, fields: Fields, with_trailer: bool) -> FileTag {
        let offset = self.offset;
        self.advance(TAG_HEADER);
        let body = self.buffer.split_to(fields.size.min(self.buffer.len())).freeze();
        self.offset += body.len() as u64;
        if with_trailer {
            self.advance(TAG_TRAILER);
            self.valid_len = self.offset;
        }
        let message = MessageKind::from_type_id(fields.kind);
        if matches!(message, Some(MessageKind::Audio | MessageKind::Video)) {
            self.last_millis = self.last_millis.max(Some(fields.millis));
        }
        FileTag {
            offset,
            kind: message.map_or(TagKind::Other(fields.kind), TagKind::Message),
            millis: fields.millis,
            body,
        }
    }

    fn advance(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
        self.offset += count as u64;
    }

    /// Gives up the place: the next tag is to be found by what it looks like.
    fn lose(&mut self) {
        self.lost = true;
        self.advance(1);
        self.skipped += 1;
    }

    /// Goes to the next tag; false when it has not come yet.
    fn find_tag(&mut self) -> bool {
        let (found, at) = match self.search(0) {
            Ok(at) => (true, at),
            Err(at) => (false, at),
        };
        self.skipped += at as u64;
        self.advance(at);
        self.lost = !found;
        found
    }

    /// The next tag whose size stands after it as well: by chance that happens once in 2^32 places. Without one, how far there
    /// is none for certain.
    fn search(&self, from: usize) -> Result<usize, usize> {
        let mut at = from;
        while let Some(fields) = self.buffer.get(at..).and_then(Fields::read) {
            if fields.plausible() && fields.stream == 0 {
                let after = self.buffer.get(at + fields.total()..);
                match after.and_then(|after| after.first_chunk::<TAG_TRAILER>()) {
                    Some(size) if u32::from_be_bytes(*size) as usize == fields.total() => return Ok(at),
                    None if !self.ended => return Err(at),
                    _ => {}
                }
            }
            at += 1;
        }
        Err(at)
    }
}
