//! Reading a stream once on behalf of many.
//!
//! Hundreds of players that keep up all stand at the same place and want the same frames. One [`Lead`] waits and reads for
//! them, and each takes part with [`Subscriber::follow`], which costs next to nothing. Whoever is not there, or meets
//! anything but frames, reads for itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_media::{Frame, TimeDelta};

use crate::Subscriber;
use crate::ring::Item;
use crate::stream::{NOTHING_READ, Phase, Stream};
use crate::subscriber::{BATCH_BYTES, BATCH_FRAMES, Cursor};

/// A cursor that belongs to no reader.
#[derive(Debug)]
pub struct Lead {
    stream: Arc<Stream>,
    seq: u64,
}

/// What a [`Lead`] has read: the entries from `from` up to, but not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first entry.
    pub from: u64,
    /// The entry after the last.
    pub to: u64,
}

impl Lead {
    /// Where it reads next.
    pub const fn position(&self) -> u64 {
        self.seq
    }

    /// Waits until there is something to read. Cancel-safe.
    pub async fn ready(&self) {
        loop {
            let changed = self.stream.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_something() {
                return;
            }
            changed.await;
        }
    }

    fn has_something(&self) -> bool {
        let state = self.stream.lock();
        matches!(state.phase, Phase::Ended(_)) || self.seq < state.ring.end()
    }

    /// Appends the frames that follow, each with its number, up to the first entry that is none. `None` when what follows
    /// is no frame, is no longer held, or will never come: then everyone must read for itself.
    pub fn try_frames(&mut self, frames: &mut Vec<(u64, Frame)>) -> Option<Span> {
        let state = self.stream.lock();
        let (from, before) = (self.seq, frames.len());
        let mut bytes = 0;
        while let Some((Item::Frame(frame), _)) = state.ring.entry(self.seq) {
            if frames.len() - before >= BATCH_FRAMES || bytes >= BATCH_BYTES {
                break;
            }
            bytes += frame.data.len();
            frames.push((self.seq, frame.clone()));
            self.seq += 1;
        }
        (self.seq > from).then_some(Span { from, to: self.seq })
    }
}

impl Subscriber {
    /// A cursor at the same place, for others to follow; `None` before it has begun to read. From here on the reader counts
    /// as keeping up, until it reads for itself or says [`Subscriber::part`].
    pub fn lead(&self) -> Option<Lead> {
        match self.cursor {
            Cursor::At(seq) if self.ended.is_none() => {
                self.slot.read_to.store(NOTHING_READ, Ordering::Relaxed);
                Some(Lead { stream: Arc::clone(&self.stream), seq })
            }
            _ => None,
        }
    }

    /// The reader follows no [`Lead`] any more: if it reads nothing from now on, it is seen to fall behind.
    pub fn part(&self) {
        let newest = self.stream.lock().ring.newest();
        self.slot.read_to.store(newest.as_nanos(), Ordering::Relaxed);
    }

    /// Takes part in what a [`Lead`] of the same stream has read, as if it had read it itself. `false`, and nothing
    /// changed, when it stands elsewhere or is to end: then it must read for itself.
    pub fn follow(&mut self, span: Span) -> bool {
        let here = matches!(self.cursor, Cursor::At(seq) if seq == span.from);
        if !here || self.ended.is_some() || self.slot.kicked.load(Ordering::Relaxed) {
            return false;
        }
        self.cursor = Cursor::At(span.to);
        self.before += span.to - span.from;
        self.least_lag = TimeDelta::ZERO;
        self.slot.frames.fetch_add(span.to - span.from, Ordering::Relaxed);
        true
    }
}
