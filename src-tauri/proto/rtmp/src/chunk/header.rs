//! Reading chunk headers (RTMP 1.0, section 5.3.1).

use super::stream::Stream;
use super::{EXTENDED, Error};

/// The longest header: basic header, type 0 message header, extended timestamp.
pub(super) const MAX_HEADER_LEN: usize = 3 + 11 + 4;

/// One chunk's header, extended timestamp resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) csid: u32,
    pub(super) fields: Fields,
}

/// What the four header types say; each leaves out more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// Type 0: everything.
    Full { timestamp: Time, length: u32, type_id: u8, stream_id: u32 },
    /// Type 1: the message stream stays.
    SameStream { delta: Time, length: u32, type_id: u8 },
    /// Type 2: length and type stay too.
    SameLength { delta: Time },
    /// Type 3: a message's next chunk, or a message like the last.
    Nothing,
}

/// A timestamp or delta, and whether it needed the extended field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) millis: u32,
    pub(super) extended: bool,
}

/// A header and its length, or `None` when `bytes` end before it does.
pub(super) type Parsed = Option<(Header, usize)>;

pub(super) fn parse<'s>(bytes: &[u8], find: impl FnOnce(u32) -> Option<&'s Stream>) -> Result<Parsed, Error> {
    let mut cursor = Cursor { bytes, taken: 0 };
    let Some((fmt, csid)) = cursor.basic_header() else { return Ok(None) };
    let fields = match fmt {
        0 => cursor.full(),
        1 => cursor.same_stream(),
        2 => cursor.time().map(|delta| Fields::SameLength { delta }),
        _ => match find(csid) {
            None => return Err(Error::NothingToRepeat { csid, fmt }),
            Some(stream) => cursor.repeated_time(stream).map(|()| Fields::Nothing),
        },
    };
    Ok(fields.map(|fields| (Header { csid, fields }, cursor.taken)))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        self.taken = self.taken.saturating_add(N);
        Some(*taken)
    }

    /// Ids 64 to 319 may come in the two- or three-byte form; the latter is little-endian.
    fn basic_header(&mut self) -> Option<(u8, u32)> {
        let [first] = self.take()?;
        let csid = match first & 0x3F {
            0 => 64 + u32::from(u8::from_be_bytes(self.take()?)),
            1 => 64 + u32::from(u16::from_le_bytes(self.take()?)),
            csid => u32::from(csid),
        };
        Some((first >> 6, csid))
    }

    fn full(&mut self) -> Option<Fields> {
        let [t0, t1, t2, l0, l1, l2, type_id, s0, s1, s2, s3] = self.take()?;
        Some(Fields::Full {
            timestamp: self.extend(t0, t1, t2)?,
            length: u32::from_be_bytes([0, l0, l1, l2]),
            type_id,
            stream_id: u32::from_le_bytes([s0, s1, s2, s3]),
        })
    }

    fn same_stream(&mut self) -> Option<Fields> {
        let [t0, t1, t2, l0, l1, l2, type_id] = self.take()?;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        Some(Fields::SameStream { delta: self.extend(t0, t1, t2)?, length, type_id })
    }

    fn time(&mut self) -> Option<Time> {
        let [t0, t1, t2] = self.take()?;
        self.extend(t0, t1, t2)
    }

    fn extend(&mut self, t0: u8, t1: u8, t2: u8) -> Option<Time> {
        match u32::from_be_bytes([0, t0, t1, t2]) {
            EXTENDED => Some(Time { millis: u32::from_be_bytes(self.take()?), extended: true }),
            millis => Some(Time { millis, extended: false }),
        }
    }

    /// After an extended timestamp a type 3 header repeats it, says section 5.3.1.3; OBS before 30.1, old librtmp and
    /// old FFmpeg do not. What follows is the repeated field if it equals it, else payload. A payload that happens to
    /// begin so is one in 2^32. The first byte that differs decides, so that the last bytes of a message are never
    /// waited for.
    fn repeated_time(&mut self, stream: &Stream) -> Option<()> {
        let Some(extended) = stream.extended else { return Some(()) };
        let peeked = self.bytes.get(..4).unwrap_or(self.bytes);
        let repeats = [extended, extended & 0x7FFF_FFFF, stream.timestamp, stream.timestamp & 0x7FFF_FFFF]
            .into_iter()
            .any(|value| value.to_be_bytes().starts_with(peeked));
        if repeats {
            self.take::<4>()?;
        }
        Some(())
    }
}
