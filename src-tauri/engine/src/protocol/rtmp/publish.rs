//! Publishing: an encoder's messages become tracks and frames of a stream.

use std::time::{Duration, Instant};

use weir_flv::{Ingest, Item, MessageKind};
use weir_hub::{EndReason, Publisher, PublisherClosed};
use weir_rtmp::Unwrapper;
use weir_rtmp::message::{MediaKind, MediaMessage};

use super::pacing::Pacing;
use super::wire::Caches;

/// Broken messages one after the other after which a publisher is taken for something else than an encoder.
const MOST_BROKEN: u32 = 200;
/// How often broken messages are worth a line in the log.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked at how long the players take to be served.
const SERVICE_SEEN_EVERY: Duration = Duration::from_millis(250);

/// An encoder's stream.
#[derive(Debug)]
pub(super) struct Publishing {
    publisher: Publisher,
    ingest: Ingest,
    unwrapper: Unwrapper,
    pacing: Pacing,
    items: Vec<Item>,
    /// Broken messages since the last good one.
    broken: u32,
    said: Option<Instant>,
    service_seen: Option<Instant>,
}

/// Why publishing cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishFault {
    /// The hub ended it.
    #[error(transparent)]
    Closed(#[from] PublisherClosed),
    /// Nothing of what arrives can be read.
    #[error("what the encoder sends cannot be read: {0}")]
    Broken(weir_flv::Error),
}

impl Publishing {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            ingest: Ingest::new(),
            unwrapper: Unwrapper::new(),
            pacing: Pacing::default(),
            items: Vec::new(),
            broken: 0,
            said: None,
            service_seen: None,
        }
    }

    pub(super) fn path(&self) -> &weir_media::StreamPath {
        self.publisher.path()
    }

    /// Takes one message. Readers see it after [`Publishing::batch_done`].
    pub(super) fn take(&mut self, message: &MediaMessage, now: Instant) -> Result<(), PublishFault> {
        let kind = match message.kind {
            MediaKind::Audio => MessageKind::Audio,
            MediaKind::Video => MessageKind::Video,
            MediaKind::Data => MessageKind::Data,
        };
        let millis = self.unwrapper.unwrap(message.timestamp);
        match self.ingest.handle(kind, millis, &message.payload, &mut self.items) {
            Ok(()) => self.broken = 0,
            Err(error) => self.note_broken(error, now)?,
        }
        for item in self.items.drain(..) {
            match item {
                Item::Tracks(tracks) => {
                    self.pacing.urgent();
                    self.publisher.set_tracks(&tracks)?;
                }
                Item::Frame(frame) => {
                    self.pacing.frame(frame.track.kind, now);
                    self.publisher.write(frame)?;
                }
            }
        }
        Ok(())
    }

    /// One broken message is lost and no more; a stream of them is no stream.
    fn note_broken(&mut self, error: weir_flv::Error, now: Instant) -> Result<(), PublishFault> {
        self.broken += 1;
        if self.broken >= MOST_BROKEN {
            return Err(PublishFault::Broken(error));
        }
        if self.said.is_none_or(|said| now.saturating_duration_since(said) > SAID_EVERY) {
            self.said = Some(now);
            tracing::warn!(path = %self.publisher.path(), %error, "a message of the encoder was left out");
        }
        Ok(())
    }

    /// All that arrived together has been taken: wakes the readers, once.
    pub(super) fn batch_done(&mut self, now: Instant, caches: &Caches) {
        if self.service_seen.is_none_or(|seen| now.saturating_duration_since(seen) > SERVICE_SEEN_EVERY) {
            self.service_seen = Some(now);
            self.pacing.set_service(caches.service(self.publisher.stream_id()));
        }
        if self.pacing.decide(now, self.publisher.readers()) {
            self.publisher.flush();
        }
    }

    /// When [`Publishing::flush`] is wanted although nothing arrives.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.pacing.due()
    }

    /// Wakes the readers for what was held back.
    pub(super) fn flush(&mut self) {
        self.pacing.flushed();
        self.publisher.flush();
    }

    /// Resolves when the hub ends the publisher. Cancel-safe.
    pub(super) async fn closed(&mut self) -> EndReason {
        self.publisher.closed().await
    }
}
