//! What a reader remembers of one chunk stream.

use super::Error;
use super::header::{Fields, Time};
use crate::message::kind;

/// A type 3 header that would move time further than this past all other tracks, milliseconds, is taken to repeat it.
const MAX_JUMP_AHEAD: i32 = 1_000;
/// A track that lags behind by more than this, milliseconds, says nothing about the present.
const MAX_LAG: i32 = 60_000;

/// The fields later headers leave out, and the message being put together.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) csid: u32,
    pub(super) timestamp: u32,
    pub(super) length: u32,
    pub(super) type_id: u8,
    pub(super) stream_id: u32,
    /// The extended field of the last header of type 0, 1 or 2, if it had one.
    pub(super) extended: Option<u32>,
    pub(super) progress: Progress,
    pub(super) payload: Vec<u8>,
    delta: Delta,
}

/// How far the current message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Between,
    /// Bytes seen, and whether they are kept: types nobody reads are only counted.
    Within {
        received: u32,
        kept: bool,
    },
}

#[derive(Debug, Clone, Copy)]
enum Delta {
    Known(u32),
    /// The last header was of type 0.
    AfterAbsolute,
}

impl Stream {
    pub(super) const fn new(csid: u32) -> Self {
        Self {
            csid,
            timestamp: 0,
            length: 0,
            type_id: 0,
            stream_id: 0,
            extended: None,
            progress: Progress::Between,
            payload: Vec::new(),
            delta: Delta::Known(0),
        }
    }

    /// Takes in the header of a message's first chunk. `others` are the timestamps of the connection's other tracks.
    pub(super) fn begin(&mut self, fields: Fields, others: impl FnOnce(u32) -> bool) {
        match fields {
            Fields::Full { timestamp, length, type_id, stream_id } => {
                (self.length, self.type_id, self.stream_id) = (length, type_id, stream_id);
                self.timestamp = timestamp.millis;
                self.delta = Delta::AfterAbsolute;
                self.extended = timestamp.extended.then_some(timestamp.millis);
            }
            Fields::SameStream { delta, length, type_id } => {
                (self.length, self.type_id) = (length, type_id);
                self.advance(delta);
            }
            Fields::SameLength { delta } => self.advance(delta),
            Fields::Nothing => self.repeat(others),
        }
        self.progress = Progress::Within { received: 0, kept: kind::is_read(self.type_id) };
    }

    pub(super) const fn is_within_message(&self) -> bool {
        matches!(self.progress, Progress::Within { .. })
    }

    /// Whether its timestamp tells the time of the stream.
    pub(super) const fn is_media(&self) -> bool {
        matches!(self.type_id, kind::AUDIO | kind::VIDEO | kind::DATA | kind::DATA_AMF3 | kind::AGGREGATE)
    }

    /// Forgets the message being put together; returns the bytes that frees.
    pub(super) fn abandon(&mut self) -> usize {
        self.progress = Progress::Between;
        std::mem::take(&mut self.payload).capacity()
    }

    fn advance(&mut self, delta: Time) {
        self.timestamp = self.timestamp.wrapping_add(delta.millis);
        self.delta = Delta::Known(delta.millis);
        self.extended = delta.extended.then_some(delta.millis);
    }

    /// After a type 0 header the delta is that header's timestamp (section 5.3.1.2.4): FFmpeg, OBS and GStreamer agree,
    /// nginx-rtmp and gortmplib mean zero. They differ only once time has passed, and then a doubled timestamp stands
    /// out.
    fn repeat(&mut self, agrees: impl FnOnce(u32) -> bool) {
        let delta = match self.delta {
            Delta::Known(delta) => delta,
            Delta::AfterAbsolute => {
                let doubled = self.timestamp.wrapping_add(self.timestamp);
                let believable = self.timestamp <= MAX_JUMP_AHEAD.unsigned_abs() || agrees(doubled);
                if believable { self.timestamp } else { 0 }
            }
        };
        self.timestamp = self.timestamp.wrapping_add(delta);
        self.delta = Delta::Known(delta);
    }
}

/// Whether a track at `other` makes `candidate` a believable next timestamp.
pub(super) const fn is_near(candidate: u32, other: u32) -> bool {
    let ahead = candidate.wrapping_sub(other) as i32;
    ahead <= MAX_JUMP_AHEAD && ahead >= -MAX_LAG
}

/// Refuses a header that leaves out what was never said. librtmp sends its first ping reply with a type 1 header and
/// FFmpeg its commands, so that one counts as message stream 0 at time 0.
pub(super) const fn check_first(csid: u32, fields: &Fields) -> Result<(), Error> {
    match fields {
        Fields::Full { .. } | Fields::SameStream { .. } => Ok(()),
        Fields::SameLength { .. } => Err(Error::NothingToRepeat { csid, fmt: 2 }),
        Fields::Nothing => Err(Error::NothingToRepeat { csid, fmt: 3 }),
    }
}
