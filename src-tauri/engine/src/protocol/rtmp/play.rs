//! Playing: one player reads its stream from the hub and writes the shared bytes to its socket.
//!
//! This is what Weir does most, for hundreds of connections at once, so the loop keeps little: no buffer while it waits,
//! one system call for a batch, one timer that fires seldom. A player that does not take its bytes delays nobody: it lags
//! in the ring and meets its lag policy, and when it takes nothing for long it is cut.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use weir_hub::{Delivery, EndReason, Subscriber};
use weir_media::{Frame, TrackKind};

use super::connection::{Connection, Over};
use super::view::{self, View};
use super::wire::{Cache, Epoch, Frames, Key};
use crate::net::socket;

/// How often a player is looked at although nothing happens. Time-outs are late by at most this.
const LOOK: Duration = Duration::from_secs(2);
/// Most room the scratch lists keep between batches: a joining player's burst must not stay for ever.
const SCRATCH: usize = 512;

/// A player and where it stands.
#[derive(Debug)]
pub(super) struct Player {
    subscriber: Subscriber,
    message_stream: u32,
    chunk_size: u32,
    view: View,
    /// Known with the first frame.
    cache: Option<Arc<Cache>>,
    receive_audio: bool,
    receive_video: bool,
    paused: bool,
    /// Pictures are left out until the next key frame, since some before it are missing.
    from_key: bool,
}

/// Why playing is over.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The stream ended, or the hub ended the player.
    Ended(EndReason),
    /// The player asked for something else; the connection goes on.
    ByPlayer,
}

/// What woke the loop.
enum Wake {
    Media,
    Readable,
    Writable,
    Look,
    Stopping,
}

/// What every batch of every player on this thread is put together in.
#[derive(Default)]
struct Scratch {
    deliveries: Vec<Delivery>,
    wire: Vec<Bytes>,
}

thread_local! {
    static SCRATCH_LISTS: RefCell<Scratch> = RefCell::default();
}

impl Player {
    pub(super) fn new(subscriber: Subscriber, message_stream: u32, chunk_size: u32) -> Self {
        Self {
            subscriber,
            message_stream,
            chunk_size,
            view: View::default(),
            cache: None,
            receive_audio: true,
            receive_video: true,
            paused: false,
            from_key: false,
        }
    }

    pub(super) const fn message_stream(&self) -> u32 {
        self.message_stream
    }

    pub(super) const fn subscriber(&mut self) -> &mut Subscriber {
        &mut self.subscriber
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.from_key = true;
    }

    pub(super) const fn set_receive_audio(&mut self, receive: bool) {
        self.receive_audio = receive;
    }

    pub(super) const fn set_receive_video(&mut self, receive: bool) {
        self.receive_video = receive;
        self.from_key = true;
    }

    /// Takes what is ready in the hub and hands it to the socket; what the socket does not take goes to the outbox.
    fn send_ready(&mut self, connection: &mut Connection, now: Instant) -> Result<Option<EndReason>, Over> {
        SCRATCH_LISTS.with_borrow_mut(|scratch| {
            self.subscriber.try_batch(&mut scratch.deliveries);
            let ended = self.put_together(connection, scratch);
            let sent = self.write(connection, &mut scratch.wire, now);
            scratch.deliveries.clear();
            scratch.wire.clear();
            scratch.deliveries.shrink_to(SCRATCH);
            scratch.wire.shrink_to(SCRATCH);
            sent.map(|()| ended)
        })
    }

    fn put_together(&mut self, connection: &Connection, scratch: &mut Scratch) -> Option<EndReason> {
        let Scratch { deliveries, wire } = scratch;
        if self.cache.is_none() {
            self.cache = first_time(deliveries).map(|time| {
                connection.shared().caches.share(Key {
                    stream: self.subscriber.stream_id(),
                    message_stream: self.message_stream,
                    chunk_size: self.chunk_size,
                    epoch: Epoch::of(time),
                })
            });
        }
        let cache = self.cache.clone();
        let mut encoded = cache.as_ref().map(|cache| (cache.key(), cache.lock()));
        for delivery in deliveries.drain(..) {
            match delivery {
                Delivery::Tracks(tracks) => self.view.set_tracks(tracks),
                Delivery::Frame { seq, frame } => {
                    if let Some((key, encoded)) = &mut encoded {
                        self.add(*key, seq, &frame, encoded, wire);
                    }
                }
                Delivery::Gap { .. } => {}
                Delivery::Skipped { frames, behind } => {
                    tracing::debug!(peer = %connection.peer(), frames, ?behind, "player skipped frames");
                }
                Delivery::Ended(reason) => return Some(reason),
            }
        }
        None
    }

    fn add(&mut self, key: Key, seq: u64, frame: &Frame, encoded: &mut Frames<'_>, wire: &mut Vec<Bytes>) {
        if !self.wants(frame) {
            return;
        }
        self.view.announce(key, frame.dts, wire);
        let Some(track) = self.view.track_of(frame.track) else { return };
        let bytes = encoded.find_or(seq, || view::frame(key, track, frame));
        if !bytes.is_empty() {
            wire.push(bytes);
        }
    }

    fn wants(&mut self, frame: &Frame) -> bool {
        match frame.track.kind {
            _ if self.paused => false,
            TrackKind::Audio => self.receive_audio,
            TrackKind::Video if self.receive_video => {
                self.from_key &= !frame.is_key();
                !self.from_key
            }
            TrackKind::Video => false,
            TrackKind::Data => true,
        }
    }

    fn write(&self, connection: &mut Connection, wire: &mut Vec<Bytes>, now: Instant) -> Result<(), Over> {
        if wire.is_empty() {
            return Ok(());
        }
        let total: usize = wire.iter().map(Bytes::len).sum();
        let written = socket::write_now(connection.stream(), wire)?;
        self.subscriber.count_sent(total as u64);
        if written < total {
            connection.keep_unsent(wire.drain(..), written, now);
        }
        Ok(())
    }
}

fn first_time(deliveries: &[Delivery]) -> Option<weir_media::Timestamp> {
    deliveries.iter().find_map(|delivery| match delivery {
        Delivery::Frame { frame, .. } => Some(frame.dts),
        _ => None,
    })
}

/// Plays until the stream ends or the player asks for something else.
pub(super) async fn play(connection: &mut Connection, player: &mut Player) -> Result<Stopped, Over> {
    let stopping = connection.stopping().clone();
    let mut stopping = pin!(stopping.cancelled());
    let mut look = pin!(tokio::time::sleep(LOOK));
    loop {
        let wake = {
            let mut ready = pin!(player.subscriber.ready());
            poll_fn(|cx| {
                if connection.has_unsent() {
                    if connection.stream().poll_write_ready(cx).is_ready() {
                        return Poll::Ready(Wake::Writable);
                    }
                } else if ready.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Media);
                }
                if connection.stream().poll_read_ready(cx).is_ready() {
                    return Poll::Ready(Wake::Readable);
                }
                if look.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Look);
                }
                stopping.as_mut().poll(cx).map(|()| Wake::Stopping)
            })
            .await
        };
        let now = Instant::now();
        match wake {
            Wake::Media => {
                if let Some(reason) = player.send_ready(connection, now)? {
                    return Ok(Stopped::Ended(reason));
                }
            }
            Wake::Writable => connection.flush(now)?,
            Wake::Readable => {
                connection.read_now(now)?;
                if connection.handle_player(player, now)? {
                    return Ok(Stopped::ByPlayer);
                }
            }
            Wake::Look => {
                connection.look(now)?;
                look.as_mut().reset(tokio::time::Instant::from_std(now + LOOK));
            }
            Wake::Stopping => return Ok(Stopped::Ended(EndReason::Shutdown)),
        }
    }
}
