//! The write handle on a stream.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use weir_media::{Frame, StreamPath, Tracks};

use crate::hub::Shared;
use crate::stream::Stream;
use crate::{EndReason, PublisherId, StreamId};

/// The publisher's handle is no longer the one: whoever holds it tells its peer and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no longer the publisher: {0}")]
pub struct PublisherClosed(pub EndReason);

/// The write handle on a stream. There is one a stream; dropping it starts the grace time, after which the stream ends.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
    hub: Arc<Shared>,
    id: PublisherId,
    closed: watch::Receiver<Option<EndReason>>,
    unflushed: bool,
    budget: Option<Budget>,
    /// Why it ended itself.
    over: Option<EndReason>,
}

/// What a publisher may send: so many bits a second, and what a network that stood still for a while delivers at once.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_per_second: f64,
    left: f64,
    at: Instant,
}

/// How many seconds' worth may come at once.
const BURST_SECONDS: f64 = 10.0;

impl Budget {
    pub(crate) fn new(bits_per_second: u64) -> Self {
        let bytes_per_second = bits_per_second as f64 / 8.0;
        Self { bytes_per_second, left: bytes_per_second * BURST_SECONDS, at: Instant::now() }
    }

    /// Returns whether `bytes` more are allowed now.
    fn spend(&mut self, bytes: usize) -> bool {
        let now = Instant::now();
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.bytes_per_second;
        self.at = now;
        self.left = (self.left + earned).min(self.bytes_per_second * BURST_SECONDS) - bytes as f64;
        self.left >= 0.0
    }
}

impl Publisher {
    pub(crate) const fn new(
        stream: Arc<Stream>,
        hub: Arc<Shared>,
        id: PublisherId,
        closed: watch::Receiver<Option<EndReason>>,
        budget: Option<Budget>,
    ) -> Self {
        Self { stream, hub, id, closed, unflushed: false, budget, over: None }
    }

    /// Identity of this publisher.
    pub const fn id(&self) -> PublisherId {
        self.id
    }

    /// Identity of the stream it writes.
    pub fn stream_id(&self) -> StreamId {
        self.stream.id
    }

    /// Path of the stream it writes.
    pub fn path(&self) -> &StreamPath {
        &self.stream.path
    }

    /// Sets the tracks in force from the next frame on. Saying the same again does nothing.
    pub fn set_tracks(&mut self, tracks: &Tracks) -> Result<(), PublisherClosed> {
        self.unflushed = true;
        self.stream.set_tracks(self.id, tracks).map_err(PublisherClosed)
    }

    /// Puts a frame into the ring; never waits for a reader. Readers see it after the next [`Publisher::flush`]. Video
    /// before the first key frame of its track is dropped and counted, since nobody could decode it. Fails with
    /// [`EndReason::TooFast`] once more came than [`crate::HubOptions::max_bits_per_second`] allows.
    pub fn write(&mut self, frame: Frame) -> Result<(), PublisherClosed> {
        if self.budget.as_mut().is_some_and(|budget| !budget.spend(frame.data.len())) {
            self.over = Some(EndReason::TooFast);
            return Err(PublisherClosed(EndReason::TooFast));
        }
        self.unflushed = true;
        self.stream.write(self.id, frame).map_err(PublisherClosed)
    }

    /// How many read the stream at present.
    pub fn readers(&self) -> usize {
        self.stream.readers()
    }

    /// Wakes the readers, once for the whole batch that was written.
    pub fn flush(&mut self) {
        if std::mem::take(&mut self.unflushed) {
            self.stream.changed.notify_waiters();
        }
    }

    /// Resolves when somebody else has ended this publisher: it was kicked or replaced, or Weir is shutting down.
    /// Cancel-safe.
    pub async fn closed(&mut self) -> EndReason {
        match self.closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(EndReason::Shutdown),
            Err(_) => EndReason::Shutdown,
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.flush();
        let reason = self.closed.borrow().or(self.over).unwrap_or(EndReason::PublisherLeft);
        if let Some(until) = self.stream.leave(self.id, reason, self.hub.options().grace) {
            self.hub.expire_at(Arc::clone(&self.stream), until);
        }
    }
}
