//! Players that keep up sit together and are served in one go.
//!
//! With a task of its own for each, every batch wakes hundreds of tasks whose memory has gone cold: more work than the
//! writing. So players that want the whole stream and have taken everything so far take a [`Seat`] in a row; one task
//! reads the stream for the row and writes the same bytes to socket after socket. Whoever does not take everything, or
//! asks for something, leaves its seat and is served by its own task until it has caught up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use weir_hub::{Lead, Span, Subscriber};
use weir_media::Frame;

use super::view::{self, View};
use super::wire::Cache;
use crate::engine::Context;
use crate::metrics::Timings;
use crate::net::socket::send_now;
use crate::supervise::End;

/// Players of a stream from which sitting together pays.
const CROWD: usize = 16;
/// Seats of a row: a row is served by one core without a pause, so that rows share the cores and nobody else waits long.
const ROW: usize = 256;
/// Batches after which the hub's account of each player is brought up to date: about twice a second.
const SETTLE_EVERY: u32 = 32;
/// Players that are touched before the first of them is served.
const AHEAD: usize = 8;
/// Longest service of a row that is believed, in microseconds.
const LONGEST_SERVICE_MICROS: u64 = 10_000;
/// Most room the lists of a row keep between batches.
const KEPT: usize = 64;

/// The rows of players that receive the same bytes.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    rows: Mutex<Vec<Arc<Row>>>,
    /// How long it takes to serve all rows once, in microseconds.
    service_micros: AtomicU64,
}

/// Players that are served together.
#[derive(Debug, Default)]
struct Row(Mutex<Seats>);

#[derive(Debug, Default)]
struct Seats {
    /// Where in the stream the row stands; `None` while it is being served, and once it is no more.
    position: Option<u64>,
    seats: Vec<Occupied>,
}

/// A seat and the socket of who sits there, side by side for the one who serves them.
#[derive(Debug)]
struct Occupied {
    seat: Arc<Seat>,
    socket: Arc<TcpStream>,
}

/// A player's place in a row.
#[derive(Debug)]
pub(super) struct Seat {
    sitting: Mutex<Option<Sitting>>,
    put_out: Notify,
}

/// A player in its seat. This is gone through for every player and batch, mostly from cold memory: so it is small, and the
/// hub's own account of the player is only settled now and then.
#[derive(Debug)]
struct Sitting {
    /// Where in the stream the player stands.
    position: u64,
    /// Bytes sent that the hub does not know of yet.
    sent: u64,
    belongings: Box<Belongings>,
}

/// What a player brings to its seat, and takes with it.
#[derive(Debug)]
pub(super) struct Belongings {
    pub(super) subscriber: Subscriber,
    /// Where the subscriber thinks that it stands.
    settled: u64,
    /// What the socket has not taken of the last batch.
    pub(super) unsent: Bytes,
}

impl Seat {
    fn take(subscriber: Subscriber, position: u64) -> Arc<Self> {
        let belongings = Box::new(Belongings { subscriber, settled: position, unsent: Bytes::new() });
        let sitting = Sitting { position, sent: 0, belongings };
        Arc::new(Self { sitting: Mutex::new(Some(sitting)), put_out: Notify::new() })
    }

    /// Leaves the seat, so that nothing is written any more but by the player itself.
    pub(super) fn leave(&self) -> Option<Box<Belongings>> {
        let mut sitting = lock(&self.sitting).take()?;
        sitting.settle();
        sitting.belongings.subscriber.part();
        Some(sitting.belongings)
    }

    /// Resolves when the player must leave and see for itself. Cancel-safe.
    pub(super) async fn put_out(&self) {
        self.put_out.notified().await;
    }

    /// Gives the player its share of a batch. Returns whether it stays.
    fn serve(&self, socket: &TcpStream, span: Span, wire: &Bytes, settle: bool) -> bool {
        let mut sitting = lock(&self.sitting);
        let Some(player) = &mut *sitting else { return false };
        let stays = player.write(socket, span, wire) && (!settle || player.settle());
        if !stays {
            self.put_out.notify_one();
        }
        stays
    }
}

impl Sitting {
    /// Returns whether the socket took everything.
    fn write(&mut self, socket: &TcpStream, span: Span, wire: &Bytes) -> bool {
        debug_assert_eq!(self.position, span.from, "a row stands at one place");
        self.position = span.to;
        self.sent += wire.len() as u64;
        if wire.is_empty() {
            return true;
        }
        // Whatever the error, the player's own task meets it again when it tries to send the rest.
        let written = send_now(socket, wire).unwrap_or(0);
        if written < wire.len() {
            self.belongings.unsent = wire.slice(written..);
        }
        written == wire.len()
    }

    /// Brings the hub's account up to date; `false` when the hub wants to end the player.
    fn settle(&mut self) -> bool {
        let Belongings { subscriber, settled, .. } = &mut *self.belongings;
        subscriber.count_sent(std::mem::take(&mut self.sent));
        let span = Span { from: *settled, to: self.position };
        *settled = self.position;
        subscriber.follow(span)
    }
}

impl Occupied {
    /// Reads something of all that serving it will need, where serving reads it.
    fn touch(&self) -> usize {
        usize::from(self.seat.sitting.is_poisoned()) + Arc::strong_count(&self.socket)
    }
}

impl Crowd {
    /// How long it takes at present to serve all rows once.
    pub(super) fn service(&self) -> Duration {
        Duration::from_micros(self.service_micros.load(Ordering::Relaxed))
    }

    /// Takes a seat for a player that has taken everything; gives the subscriber back when there is none now.
    #[expect(clippy::result_large_err, reason = "it is the argument, given back")]
    pub(super) fn sit(
        cache: &Arc<Cache>,
        context: &Context,
        view: &View,
        subscriber: Subscriber,
        socket: &Arc<TcpStream>,
    ) -> Result<Arc<Seat>, Subscriber> {
        if Arc::strong_count(cache) < CROWD {
            return Err(subscriber);
        }
        let Some(lead) = subscriber.lead() else { return Err(subscriber) };
        let mut rows = lock(&cache.crowd().rows);
        let mut room_ahead = false;
        for row in rows.iter() {
            let mut row = lock(&row.0);
            if row.seats.len() < ROW {
                if row.position == Some(lead.position()) {
                    let seat = Seat::take(subscriber, lead.position());
                    row.seats.push(Occupied { seat: Arc::clone(&seat), socket: Arc::clone(socket) });
                    return Ok(seat);
                }
                room_ahead = true;
            }
        }
        if room_ahead {
            // That row is being served or stands a frame further on: they will meet.
            return Err(subscriber);
        }
        let seat = Seat::take(subscriber, lead.position());
        let first = Occupied { seat: Arc::clone(&seat), socket: Arc::clone(socket) };
        let row = Arc::new(Row(Mutex::new(Seats { position: Some(lead.position()), seats: vec![first] })));
        rows.push(Arc::clone(&row));
        let service = Service {
            cache: Arc::clone(cache),
            row,
            lead,
            view: view.clone(),
            micros: 0,
            timings: context.timings.clone(),
        };
        let stopping = context.supervisor.stopping().clone();
        context.supervisor.spawn("rtmp row of players", async move {
            tokio::select! {
                () = service.run() => End::done("everybody left"),
                () = stopping.cancelled() => End::Stopped,
            }
        });
        Ok(seat)
    }
}

/// The task behind a row.
struct Service {
    cache: Arc<Cache>,
    row: Arc<Row>,
    lead: Lead,
    view: View,
    /// How long it takes to serve the row, in microseconds, as a moving mean.
    micros: u64,
    timings: Timings,
}

impl Service {
    async fn run(mut self) {
        let mut frames = Vec::new();
        let mut batch = 0_u32;
        loop {
            batch = batch.wrapping_add(1);
            self.lead.ready().await;
            let mut seats = self.begin();
            let Some(span) = self.lead.try_frames(&mut frames) else {
                // Changed tracks, a gap or the end: each player is told by itself.
                seats.iter().for_each(|place| place.seat.put_out.notify_one());
                return;
            };
            let wire = self.wire(&frames);
            frames.clear();
            frames.shrink_to(KEPT);
            let settle = batch.is_multiple_of(SETTLE_EVERY);
            let start = Instant::now();
            serve(&mut seats, span, &wire, settle);
            self.took(start.elapsed());
            if !self.end(seats) {
                return;
            }
            // Others on this core come first, be it only the encoder whose next frame joins the next batch.
            tokio::task::yield_now().await;
        }
    }

    /// Nobody sits down while the row is being served.
    fn begin(&self) -> Vec<Occupied> {
        let mut row = lock(&self.row.0);
        row.position = None;
        std::mem::take(&mut row.seats)
    }

    /// Opens the row again; `false` when there is nobody left to serve.
    fn end(&self, seats: Vec<Occupied>) -> bool {
        let mut row = lock(&self.row.0);
        let open = !seats.is_empty();
        row.position = open.then(|| self.lead.position());
        row.seats = seats;
        open
    }

    fn took(&mut self, time: Duration) {
        self.timings.player_write().observe(time);
        // A pause of the whole machine says nothing about the work.
        let micros = (time.as_micros() as u64).min(LONGEST_SERVICE_MICROS);
        let mean = (self.micros * 15 + micros) / 16;
        self.account(mean);
    }

    fn account(&mut self, micros: u64) {
        let before = std::mem::replace(&mut self.micros, micros);
        let total = &self.cache.crowd().service_micros;
        total.fetch_add(micros.wrapping_sub(before), Ordering::Relaxed);
    }

    fn wire(&self, frames: &[(u64, Frame)]) -> Bytes {
        let key = self.cache.key();
        let mut encoded = self.cache.lock();
        let mut parts = frames.iter().filter_map(|(seq, frame)| {
            let track = self.view.track_of(frame.track)?;
            Some(encoded.find_or(*seq, frame, || view::frame(key, track, frame)))
        });
        let first = parts.next().unwrap_or_default();
        let Some(second) = parts.next() else { return first };
        let mut all = BytesMut::from(&first[..]);
        all.extend_from_slice(&second);
        parts.for_each(|part| all.extend_from_slice(&part));
        all.freeze()
    }
}

/// Gives everybody a batch, and lets those go who do not stay.
fn serve(seats: &mut Vec<Occupied>, span: Span, wire: &Bytes, settle: bool) {
    let mut looked_at = 0;
    let mut served = 0;
    // The first touch of each player waits for memory. Touching several ahead lets the processor wait for all at once.
    let mut ahead: Vec<bool> = Vec::with_capacity(seats.len());
    while served < seats.len() {
        let end = (served + AHEAD).min(seats.len());
        if let Some(next) = seats.get(served..end) {
            looked_at += next.iter().map(Occupied::touch).sum::<usize>();
            ahead.extend(next.iter().map(|place| place.seat.serve(&place.socket, span, wire, settle)));
        }
        served = end;
    }
    std::hint::black_box(looked_at);
    if ahead.contains(&false) {
        let mut stays = ahead.into_iter();
        seats.retain(|_| stays.next().unwrap_or(true));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.account(0);
        lock(&self.cache.crowd().rows).retain(|row| !Arc::ptr_eq(row, &self.row));
        // Whoever sat down meanwhile, or was left by a fault here, goes on alone.
        let mut row = lock(&self.row.0);
        row.position = None;
        row.seats.drain(..).for_each(|place| place.seat.put_out.notify_one());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
