//! From a stream's frames to the transport stream that a player or another server receives.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use weir_hub::{Delivery, EndReason, Subscriber};
use weir_media::{Codec, Frame, StreamPath, TimeDelta, Timestamp, TrackKind, Tracks};
use weir_mpegts::{Muxer, PACKET_LEN};

use super::link::Link;

/// Payload that every SRT program takes: seven transport packets.
const PAYLOAD: usize = 7 * PACKET_LEN;

/// A reader of a stream and its way into an SRT connection. It takes from the hub only what the connection has room for, so
/// that one who is slow lags in the ring and meets its lag policy there.
#[derive(Debug)]
pub(crate) struct Player {
    subscriber: Subscriber,
    muxer: Muxer,
    clock: Clock,
    batch: Vec<Delivery>,
    packets: BytesMut,
    payloads: VecDeque<Bytes>,
    has_video: bool,
    /// Frames were left out before the next one.
    skipped: bool,
    ended: Option<EndReason>,
    /// Tracks were told, and none of them can be carried.
    nothing_fits: Option<Codec>,
    counts: Counts,
}

/// The time of one connection, over which one stream may follow another: it never runs back.
#[derive(Debug, Default)]
struct Clock {
    /// What is added to the times of the present stream, once it has begun.
    shift: Option<TimeDelta>,
    /// The newest time that was sent, and when that was.
    newest: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// Puts the frame at its time on the connection.
    fn place(&mut self, frame: &mut Frame, now: Instant) {
        let newest = self.newest;
        let shift = *self.shift.get_or_insert_with(|| match newest {
            // The first stream keeps its own times.
            None => TimeDelta::ZERO,
            Some((newest, at)) => newest + TimeDelta::from(now.saturating_duration_since(at)) - frame.dts,
        });
        frame.dts += shift;
        frame.pts += shift;
        self.newest = Some((newest.map_or(frame.dts, |(newest, _)| newest.max(frame.dts)), now));
    }
}

/// A transport stream whose source is over, and which another one may go on with on the same connection.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    muxer: Muxer,
    clock: Clock,
}

/// What a player was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// Frames taken from the stream.
    pub(crate) frames: u64,
    /// Frames left out because it was too slow.
    pub(crate) skipped: u64,
}

/// Why playing is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    /// The stream ended, or the hub ended the reader.
    #[error("{0}")]
    Ended(EndReason),
    /// MPEG-TS cannot carry what the stream has.
    #[error("MPEG-TS cannot carry {0}")]
    NothingFits(Codec),
}

impl Player {
    pub(crate) fn new(subscriber: Subscriber) -> Self {
        Self::after(Tail::default(), subscriber)
    }

    /// Goes on with the transport stream of a connection: its packets stay in sequence, and its time goes on.
    pub(crate) fn after(Tail { muxer, clock }: Tail, subscriber: Subscriber) -> Self {
        Self {
            subscriber,
            muxer,
            clock: Clock { shift: None, ..clock },
            batch: Vec::new(),
            packets: BytesMut::new(),
            payloads: VecDeque::new(),
            has_video: false,
            skipped: false,
            ended: None,
            nothing_fits: None,
            counts: Counts::default(),
        }
    }

    /// What the next stream on the same connection goes on with.
    pub(crate) fn into_tail(self) -> Tail {
        Tail { muxer: self.muxer, clock: self.clock }
    }

    pub(crate) const fn subscriber(&self) -> &Subscriber {
        &self.subscriber
    }

    /// What was sent so far.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn path(&self) -> &StreamPath {
        self.subscriber.path()
    }

    /// Waits until [`Player::fill`] has something to do; for ever while the connection has to make room first. Cancel-safe.
    pub(crate) async fn ready(&mut self) {
        if self.payloads.is_empty() {
            self.subscriber.ready().await;
        } else {
            std::future::pending().await
        }
    }

    /// Sends what is ready, as far as the connection has room.
    pub(crate) fn fill(&mut self, link: &mut Link, now: Instant) -> Result<(), Stopped> {
        loop {
            self.send(link, now);
            if !self.payloads.is_empty() {
                return Ok(());
            }
            if let Some(reason) = self.ended {
                return Err(Stopped::Ended(reason));
            }
            if !self.subscriber.try_batch(&mut self.batch) {
                return Ok(());
            }
            self.put_together(link.connection().max_payload(), now);
            if let Some(codec) = self.nothing_fits {
                return Err(Stopped::NothingFits(codec));
            }
        }
    }

    fn send(&mut self, link: &mut Link, now: Instant) {
        let (mut room, mut bytes) = (link.room(now), 0);
        while room > 0
            && let Some(payload) = self.payloads.pop_front()
        {
            room -= 1;
            bytes += payload.len() as u64;
            if link.send(now, payload).is_err() {
                break;
            }
        }
        if bytes > 0 {
            self.counts.bytes += bytes;
            self.subscriber.count_sent(bytes);
        }
    }

    fn put_together(&mut self, max_payload: usize, now: Instant) {
        let mut batch = std::mem::take(&mut self.batch);
        for delivery in batch.drain(..) {
            match delivery {
                Delivery::Tracks(tracks) => self.set_tracks(&tracks),
                Delivery::Frame { mut frame, .. } => {
                    self.counts.frames += 1;
                    self.clock.place(&mut frame, now);
                    // Pictures that nobody refers to leave no jump when they are left out; all others begin anew with a key frame.
                    let begins = frame.is_key() && (frame.track.kind == TrackKind::Video || !self.has_video);
                    if std::mem::take(&mut self.skipped) && begins {
                        self.muxer.break_off();
                    }
                    self.muxer.write(&frame, &mut self.packets);
                }
                Delivery::Gap { .. } => self.muxer.break_off(),
                Delivery::Skipped { frames, behind } => {
                    self.counts.skipped += frames;
                    self.skipped = true;
                    tracing::debug!(path = %self.path(), frames, ?behind, "SRT reader skipped frames");
                }
                Delivery::Ended(reason) => self.ended = Some(reason),
            }
        }
        self.batch = batch;
        // Whole transport packets, and nothing kept back for the next batch: that would be delay.
        let payload = PAYLOAD.min(max_payload / PACKET_LEN * PACKET_LEN).max(PACKET_LEN);
        let mut packets = self.packets.split().freeze();
        while !packets.is_empty() {
            self.payloads.push_back(packets.split_to(payload.min(packets.len())));
        }
    }

    fn set_tracks(&mut self, tracks: &Tracks) {
        self.muxer.set_tracks(tracks);
        self.has_video = tracks.iter().any(|track| track.id.kind == TrackKind::Video);
        let left_out = self.muxer.left_out();
        let media = tracks.iter().filter(|track| track.id.kind != TrackKind::Data).count();
        self.nothing_fits = left_out.first().copied().filter(|_| left_out.len() >= media);
        if let Some(codec) = left_out.first() {
            tracing::info!(path = %self.subscriber.path(), %codec, "MPEG-TS cannot carry this codec; the track is left out");
        }
    }
}
