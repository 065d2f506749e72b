//! Playing: one player reads its stream from the hub and writes the shared bytes to its socket.
//!
//! This is what Weir does most, for hundreds of connections at once, so the loop keeps little: no buffer while it waits,
//! one system call for a batch, one timer that fires seldom. A player that keeps up sits with others in a row
//! ([`super::crowd`]) and its loop sleeps. One that does not take its bytes delays nobody: it lags in the ring and meets
//! its lag policy, and when it takes nothing for long it is cut.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use weir_hub::{Delivery, EndReason, Subscriber};
use weir_media::{Frame, Track, TrackKind};
use weir_rtmp::command::Capabilities;
use weir_rtmp::session::server::{Event, PlayControl, RequestId};

use super::connection::Connection;
use super::crowd::{Crowd, Seat};
use super::over::Over;
use super::view::{self, View};
use super::wire::{Cache, Epoch, Form, Frames, Key};
use crate::auth::Grant;

/// How often a player is looked at although nothing happens. Time-outs are late by at most this.
const LOOK: Duration = Duration::from_secs(2);
/// Most room the scratch lists keep between batches: a joining player's burst must not stay for ever.
const SCRATCH: usize = 512;

/// A player and where it stands.
#[derive(Debug)]
pub(super) struct Player {
    id: RequestId,
    place: Place,
    /// Taken from the hub before the player was admitted.
    first: Vec<Delivery>,
    message_stream: u32,
    chunk_size: u32,
    view: View,
    /// What the player announced, if anything.
    capabilities: Option<Arc<Capabilities>>,
    /// Known with the first frame.
    cache: Option<Arc<Cache>>,
    receive_audio: bool,
    receive_video: bool,
    paused: bool,
    /// By which it may watch.
    grant: Grant,
}

/// Who reads the stream for a player.
#[derive(Debug)]
enum Place {
    /// It does.
    Alone(Subscriber),
    /// The row it sits in.
    Seated(Arc<Seat>),
    /// Nobody: it has lost its subscriber to a fault, or is about to get another place.
    Nowhere,
}

/// Why playing is over.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The stream ended, or the hub ended the player.
    Ended(EndReason),
    /// The player asked for something else; the connection goes on.
    ByPlayer,
    /// Its key holds no more.
    Revoked,
}

/// What woke the loop.
enum Wake {
    Media,
    PutOut,
    Readable,
    Writable,
    Look,
    Revoked,
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
    pub(super) fn new(
        id: RequestId,
        subscriber: Subscriber,
        message_stream: u32,
        chunk_size: u32,
        capabilities: Option<Arc<Capabilities>>,
    ) -> Self {
        let form = capabilities.as_deref().map(Form::of).unwrap_or_default();
        Self {
            id,
            place: Place::Alone(subscriber),
            first: Vec::new(),
            message_stream,
            chunk_size,
            view: View::new(form),
            capabilities,
            cache: None,
            receive_audio: true,
            receive_video: true,
            paused: false,
            grant: Grant::open(),
        }
    }

    pub(super) fn with_grant(mut self, grant: Grant) -> Self {
        self.grant = grant;
        self
    }

    pub(super) const fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(super) const fn id(&self) -> RequestId {
        self.id
    }

    /// Waits until there is something to play, or nothing ever will be. Cancel-safe.
    pub(super) async fn wait(&mut self) {
        match &mut self.place {
            Place::Alone(subscriber) => subscriber.ready().await,
            Place::Seated(seat) => seat.put_out().await,
            Place::Nowhere => std::future::pending().await,
        }
    }

    /// Takes the first of the stream from the hub; fails when there is no stream.
    pub(super) fn begin(&mut self) -> Result<(), EndReason> {
        if let Place::Alone(subscriber) = &mut self.place {
            subscriber.try_batch(&mut self.first);
        }
        match self.first.first() {
            Some(Delivery::Ended(reason)) => Err(*reason),
            _ => Ok(()),
        }
    }

    /// Does what the player asks for. Seeking in what is live means nothing.
    pub(super) fn control(&mut self, control: PlayControl) {
        match control {
            PlayControl::Pause => self.paused = true,
            PlayControl::Resume => {
                self.paused = false;
                self.view.begin_anew();
            }
            PlayControl::ReceiveAudio(receive) => self.receive_audio = receive,
            PlayControl::ReceiveVideo(receive) => {
                if receive && !self.receive_video {
                    self.view.begin_anew();
                }
                self.receive_video = receive;
            }
            PlayControl::Seek(_) | PlayControl::BufferLength(_) => {}
        }
    }

    /// Sits down with others if it wants the whole stream and has taken all of it so far.
    fn sit(&mut self, connection: &Connection) {
        let whole = self.receive_audio && self.receive_video && !self.paused;
        // A row writes the same bytes to all, which encryption makes different ones.
        if !whole || !self.view.is_settled() || connection.has_unsent() || !connection.is_plain() {
            return;
        }
        let Some(cache) = self.cache.as_ref().filter(|_| matches!(self.place, Place::Alone(_))) else { return };
        if let Place::Alone(subscriber) = std::mem::replace(&mut self.place, Place::Nowhere) {
            let context = &connection.shared().context;
            self.place = match Crowd::sit(cache, context, &self.view, subscriber, connection.stream()) {
                Ok(seat) => Place::Seated(seat),
                Err(subscriber) => Place::Alone(subscriber),
            };
        }
    }

    /// Stands up: from here on nobody else writes to its socket.
    fn stand_up(&mut self, connection: &mut Connection, now: Instant) {
        if let Place::Seated(seat) = &self.place
            && let Some(belongings) = seat.leave()
        {
            connection.keep_unsent_first(belongings.unsent, now);
            self.place = Place::Alone(belongings.subscriber);
        }
    }

    /// Takes what is ready in the hub and hands it to the socket; what the socket does not take goes to the outbox.
    fn send_ready(&mut self, connection: &mut Connection, now: Instant) -> Result<Option<EndReason>, Over> {
        SCRATCH_LISTS.with_borrow_mut(|scratch| {
            match self.first.is_empty() {
                true => {
                    if let Place::Alone(subscriber) = &mut self.place {
                        subscriber.try_batch(&mut scratch.deliveries);
                    }
                }
                false => scratch.deliveries = std::mem::take(&mut self.first),
            }
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
        if self.cache.is_none()
            && let Place::Alone(subscriber) = &self.place
        {
            self.cache = first_time(deliveries).map(|time| {
                connection.shared().caches.share(Key {
                    stream: subscriber.stream_id(),
                    message_stream: self.message_stream,
                    chunk_size: self.chunk_size,
                    epoch: Epoch::of(time),
                    form: self.view.form(),
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
        for track in self.view.announce(key, frame.dts, wire) {
            self.say_unannounced(&track);
        }
        if !self.view.is_due(frame) {
            return;
        }
        let view = &self.view;
        let encode = || view.track_of(frame.track).map_or_else(Bytes::new, |track| view::frame(key, track, frame));
        let bytes = encoded.find_or(seq, frame, encode);
        if !bytes.is_empty() {
            wire.push(bytes);
        }
    }

    const fn wants(&self, frame: &Frame) -> bool {
        match frame.track.kind {
            _ if self.paused => false,
            TrackKind::Audio => self.receive_audio,
            TrackKind::Video => self.receive_video,
            TrackKind::Data => true,
        }
    }

    /// A player gets what the stream has, named by it or not: FFmpeg plays what it did not name, and a list may be old. But
    /// who looks for the reason of a black picture should find it.
    fn say_unannounced(&self, track: &Track) {
        let Some(capabilities) = self.capabilities.as_ref().filter(|it| it.is_enhanced()) else { return };
        let understood_by_all = track.id.index == 0 && track.codec.flv_id().is_some();
        let Some(code) = track.codec.fourcc().filter(|_| !understood_by_all) else { return };
        let code = code.to_string();
        if !capabilities.names(&code) {
            tracing::info!(codec = %track.codec, code, "the player did not name this codec; it is sent all the same");
        }
    }

    fn write(&self, connection: &mut Connection, wire: &mut Vec<Bytes>, now: Instant) -> Result<(), Over> {
        if wire.is_empty() {
            return Ok(());
        }
        let total: usize = wire.iter().map(Bytes::len).sum();
        let start = Instant::now();
        connection.write_now(wire, total, now)?;
        connection.shared().context.timings.player_write().observe(start.elapsed());
        if let Place::Alone(subscriber) = &self.place {
            subscriber.count_sent(total as u64);
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

/// A connection that ends leaves its seat at once, or the row would hold its socket open.
impl Drop for Player {
    fn drop(&mut self) {
        if let Place::Seated(seat) = &self.place {
            seat.leave();
        }
    }
}

/// Plays until the stream ends or the player asks for something else.
pub(super) async fn play(connection: &mut Connection, player: &mut Player) -> Result<Stopped, Over> {
    let stopped = play_on(connection, player).await;
    // What the connection has to say now must not run into a batch of the row.
    player.stand_up(connection, Instant::now());
    stopped
}

async fn play_on(connection: &mut Connection, player: &mut Player) -> Result<Stopped, Over> {
    let stopping = connection.stopping().clone();
    let mut stopping = pin!(stopping.cancelled());
    let grant = player.grant.clone();
    let mut revoked = pin!(grant.revoked());
    let mut look = pin!(tokio::time::sleep(LOOK));
    // What admits the player goes out before its media.
    if listen(connection, player, Instant::now())? {
        return Ok(Stopped::ByPlayer);
    }
    loop {
        let wake = {
            let has_first = !player.first.is_empty();
            let seated = matches!(player.place, Place::Seated(_));
            let mut ready = pin!(player.wait());
            poll_fn(|cx| {
                if connection.has_unsent() {
                    if connection.stream().poll_write_ready(cx).is_ready() {
                        return Poll::Ready(Wake::Writable);
                    }
                } else if has_first || ready.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(if seated { Wake::PutOut } else { Wake::Media });
                }
                if connection.stream().poll_read_ready(cx).is_ready() {
                    return Poll::Ready(Wake::Readable);
                }
                if look.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Look);
                }
                if revoked.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Revoked);
                }
                stopping.as_mut().poll(cx).map(|()| Wake::Stopping)
            })
            .await
        };
        let now = Instant::now();
        if connection.pass_on_request() && listen(connection, player, now)? {
            return Ok(Stopped::ByPlayer);
        }
        match wake {
            Wake::Media => {
                if let Some(reason) = player.send_ready(connection, now)? {
                    return Ok(Stopped::Ended(reason));
                }
                player.sit(connection);
            }
            Wake::PutOut => player.stand_up(connection, now),
            Wake::Writable => connection.flush(now)?,
            Wake::Readable => {
                connection.read_now(now)?;
                if listen(connection, player, now)? {
                    return Ok(Stopped::ByPlayer);
                }
            }
            Wake::Look => {
                look.as_mut().reset(tokio::time::Instant::from_std(now + LOOK));
                connection.look(now)?;
                if listen(connection, player, now)? {
                    return Ok(Stopped::ByPlayer);
                }
            }
            Wake::Revoked => return Ok(Stopped::Revoked),
            Wake::Stopping => return Ok(Stopped::Ended(EndReason::Shutdown)),
        }
    }
}

/// Hears what the player says, and lets the session answer. Returns whether it wants something else than to play this.
fn listen(connection: &mut Connection, player: &mut Player, now: Instant) -> Result<bool, Over> {
    let mut other = false;
    while let Some(event) = connection.next_event() {
        match event {
            Event::PlayControl { id, control } if id == player.id => {
                player.stand_up(connection, now);
                player.control(control);
            }
            Event::Ended { id, .. } if id == player.id => other = true,
            Event::PublishRequested(_) | Event::PlayRequested(_) => {
                connection.leave(event);
                other = true;
                break;
            }
            _ => {}
        }
    }
    if connection.has_unsent() {
        player.stand_up(connection, now);
    }
    connection.flush(now)?;
    connection.check_unsent()?;
    Ok(other || connection.is_closing())
}
