//! The write handle on a stream.

use std::sync::Arc;

use tokio::sync::watch;
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
}

impl Publisher {
    pub(crate) const fn new(
        stream: Arc<Stream>,
        hub: Arc<Shared>,
        id: PublisherId,
        closed: watch::Receiver<Option<EndReason>>,
    ) -> Self {
        Self { stream, hub, id, closed, unflushed: false }
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
    /// before the first key frame of its track is dropped and counted, since nobody could decode it.
    pub fn write(&mut self, frame: Frame) -> Result<(), PublisherClosed> {
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
        let reason = self.closed.borrow().unwrap_or(EndReason::PublisherLeft);
        if let Some(until) = self.stream.leave(self.id, reason, self.hub.options().grace) {
            self.hub.expire_at(Arc::clone(&self.stream), until);
        }
    }
}
