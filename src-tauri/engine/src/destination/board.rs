//! Where a destination's task writes down how it stands, and everyone else reads it.
//!
//! A carrier says what it does ([`Board::stands`]) and what became of its bytes ([`Board::progress`]). What people are told
//! follows from both: a connection whose bytes nobody acknowledges is not live, however connected it is.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use weir_media::StreamPath;

use super::failure::{Class, Failure};
use super::network::Network;
use super::order::{Address, Order};
use super::pace::Pace;
use super::rate::Rate;
use super::reading::Point;
use super::state::{State, Step};
use super::status::{Backup, LastError, Line, Status};
use crate::event::{Event, Events};
use crate::metrics::Timings;
use crate::preset::Finding;
use crate::problem::now_millis;

mod missed;
mod standing;

use missed::Missed;
pub(super) use standing::{Progress, Standing};

/// Without an acknowledgement for this long a connection with something to send does not count as live.
pub(super) const SILENT: Duration = Duration::from_secs(3);

/// Errors kept for people to read.
const ERRORS: usize = 20;

/// How one connection of a destination stands. Holds no secret.
#[derive(Debug)]
pub(super) struct Board {
    events: Events,
    network: Network,
    timings: Timings,
    beside: Mutex<Beside>,
    seen: Mutex<Seen>,
}

/// Where a destination is sent to twice, the other connection: what is told is of both, or whoever listens takes the one for
/// the other.
#[derive(Debug, Clone)]
enum Beside {
    Nobody,
    Second(Weak<Board>),
    Main(Weak<Board>),
}

#[derive(Debug)]
struct Seen {
    order: Arc<Order>,
    standing: Standing,
    since: u64,
    told: State,
    path: Option<StreamPath>,
    address: Address,
    live: Option<Live>,
    /// The last attempt did not find the way there at all: once it is live again, the way is whole for others too.
    cut_off: bool,
    connections: u64,
    bytes_sent: u64,
    acknowledged: u64,
    /// Bytes that nobody will acknowledge any more: their connection is gone.
    lost: u64,
    frames_sent: u64,
    frames_skipped: u64,
    missed: Missed,
    behind: Duration,
    rtt: Option<Duration>,
    rate: Rate,
    warnings: Vec<Finding>,
    errors: VecDeque<LastError>,
}

/// A connection that takes the stream.
#[derive(Debug, Clone, Copy)]
struct Live {
    /// When its first bytes of the stream were acknowledged.
    since: Option<Instant>,
    /// How much had been sent when it was accepted, without what was lost before: what is acknowledged beyond this is the
    /// stream.
    accepted_at: u64,
    /// When more was acknowledged last.
    acknowledged: Instant,
    /// When more was acknowledged last, or there was nothing to acknowledge.
    moving: Instant,
    /// Nothing is on its way.
    drained: bool,
}

impl Board {
    pub(super) fn new(order: Arc<Order>, events: Events, network: Network) -> Self {
        let standing = if order.config.enabled { Standing::Waiting } else { Standing::Off };
        let seen = Seen {
            order,
            standing,
            since: now_millis(),
            told: State::Off,
            path: None,
            address: Address::Primary,
            live: None,
            cut_off: false,
            connections: 0,
            bytes_sent: 0,
            acknowledged: 0,
            lost: 0,
            frames_sent: 0,
            frames_skipped: 0,
            missed: Missed::default(),
            behind: Duration::ZERO,
            rtt: None,
            rate: Rate::default(),
            warnings: Vec::new(),
            errors: VecDeque::new(),
        };
        Self {
            events,
            network,
            beside: Mutex::new(Beside::Nobody),
            timings: Timings::default(),
            seen: Mutex::new(seen),
        }
    }

    /// One that keeps how long writing takes with that of all others.
    pub(super) fn timed_by(self, timings: Timings) -> Self {
        Self { timings, ..self }
    }

    /// The network took some bytes, so long after they could be sent.
    pub(super) fn write_took(&self, time: Duration) {
        self.timings.destination_write().observe(time);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how the destination stands from now on. Whoever listens hears of it once.
    pub(super) fn stands(&self, standing: Standing) {
        let mut seen = self.lock();
        if seen.standing == standing {
            return;
        }
        let now = Instant::now();
        if seen.standing == Standing::Live || !matches!(standing, Standing::Connecting(_) | Standing::Live) {
            seen.loses();
        }
        match &standing {
            Standing::Live => {
                seen.live = Some(Live {
                    since: None,
                    accepted_at: seen.bytes_sent - seen.lost,
                    acknowledged: now,
                    moving: now,
                    drained: true,
                });
                seen.connections += 1;
            }
            Standing::Retrying { reason, .. } | Standing::Stopped(reason) => {
                let reason = reason.clone();
                // One that went live and broke says nothing of the network: it may be the server's doing, over and over.
                let went_live = seen.live.is_some_and(|live| live.since.is_some());
                seen.cut_off = reason.code.class() == Class::Network && !went_live;
                seen.went_wrong(reason);
            }
            Standing::Off => seen.forget_counters(),
            Standing::Idle => seen.missed.pauses(),
            Standing::Waiting | Standing::Connecting(_) => {}
        }
        if standing != Standing::Live {
            seen.live = None;
            seen.behind = Duration::ZERO;
            seen.rtt = None;
        }
        seen.standing = standing;
        self.tell(seen);
    }

    /// The stream it sends from now on, or none.
    pub(super) fn carries(&self, path: Option<&StreamPath>) {
        self.lock().path = path.cloned();
    }

    /// The address it uses from now on.
    pub(super) fn uses(&self, address: Address) {
        self.lock().address = address;
    }

    /// What the service will not like about the stream.
    pub(super) fn warns(&self, warnings: Vec<Finding>) {
        let mut seen = self.lock();
        if seen.warnings != warnings {
            seen.warnings = warnings;
            self.tell(seen);
        }
    }

    /// The settings changed in a way that interrupts nothing.
    pub(super) fn ordered(&self, order: Arc<Order>) {
        let mut seen = self.lock();
        if *std::mem::replace(&mut seen.order, Arc::clone(&order)) != *order {
            self.tell(seen);
        }
    }

    /// Bytes were handed to the network.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut seen = self.lock();
        seen.bytes_sent += bytes as u64;
        if let Some(live) = seen.live.as_mut().filter(|live| live.drained) {
            (live.drained, live.moving) = (false, Instant::now());
        }
    }

    /// What became of the bytes. To be said when something was written, and at least twice a second while connected: silence
    /// of the peer is no event, and yet it changes what people are told.
    pub(super) fn progress(&self, progress: Progress) {
        let mut seen = self.lock();
        let now = Instant::now();
        seen.rtt = progress.rtt.or(seen.rtt);
        let unacknowledged = progress.unacknowledged.unwrap_or(0);
        let acknowledged = seen.bytes_sent.saturating_sub(seen.lost + unacknowledged).max(seen.acknowledged);
        let more = acknowledged - seen.acknowledged;
        seen.acknowledged = acknowledged;
        seen.rate.add(now, more);
        let drained = progress.queued == 0 && unacknowledged == 0;
        let mut first = false;
        if let Some(live) = &mut seen.live {
            if more > 0 {
                live.acknowledged = now;
                if acknowledged > live.accepted_at && live.since.is_none() {
                    live.since = Some(now);
                    first = true;
                }
            }
            if more > 0 || drained {
                live.moving = now;
            }
            live.drained = drained;
        }
        if first && std::mem::take(&mut seen.cut_off) {
            self.network.is_back();
        }
        if discriminant(&seen.state(now)) != discriminant(&seen.told) {
            self.tell(seen);
        }
    }

    /// A connection is gone, and another one goes on in its place at once.
    pub(super) fn loses(&self) {
        self.lock().loses();
    }

    /// Frames were sent, or left out.
    pub(super) fn counted(&self, sent: u64, skipped: u64) {
        let mut seen = self.lock();
        seen.frames_sent += sent;
        seen.frames_skipped += skipped;
    }

    /// A connection begins to read here. Returns how many frames have passed since another one stopped.
    pub(super) fn reads(&self, at: Point) -> u64 {
        self.lock().missed.reads(at)
    }

    /// Whether no connection has read anything of the stream from here on.
    pub(super) fn is_new(&self, at: Point) -> bool {
        self.lock().missed.is_new(at)
    }

    /// A connection stops reading here, or would have begun; the first place counts.
    pub(super) fn leaves(&self, at: Point) {
        self.lock().missed.leaves(at);
    }

    /// The stream has come this far, and nobody reads it.
    pub(super) fn passes(&self, at: Point) {
        self.lock().missed.passes(at);
    }

    /// How far behind the publisher it is. Tells whoever listens when that begins to matter, and when it is over.
    pub(super) fn is_behind(&self, behind: Duration) {
        let mut seen = self.lock();
        let before = std::mem::replace(&mut seen.behind, behind);
        if (before > Pace::BEHIND) != (behind > Pace::BEHIND) {
            self.tell(seen);
        }
    }

    /// How long the present connection has been live.
    pub(super) fn live_for(&self) -> Duration {
        self.lock().live.and_then(|live| live.since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// From here on the two boards tell together: `second` is of the connection to the second address.
    pub(super) fn pair(self: &Arc<Self>, second: &Arc<Self>) {
        *self.beside() = Beside::Second(Arc::downgrade(second));
        *second.beside() = Beside::Main(Arc::downgrade(self));
    }

    /// The second address is not sent to any more; what its connection still does is nobody's business.
    pub(super) fn part(&self, second: &Self) {
        *self.beside() = Beside::Nobody;
        *second.beside() = Beside::Main(Weak::new());
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything about the destination that this board and the one beside it know. Which streams it leaves out, only the hub
    /// knows.
    pub(super) fn status(&self) -> Status {
        self.status_beside(&self.beside())
    }

    fn status_beside(&self, beside: &Beside) -> Status {
        let mut status = self.lock().status();
        if let (Some(backup), Beside::Second(second)) = (&mut status.backup, beside) {
            backup.line = second.upgrade().map(|second| second.line());
        }
        status
    }

    /// How the connection stands.
    pub(super) fn line(&self) -> Line {
        self.lock().line()
    }

    fn tell(&self, mut seen: MutexGuard<'_, Seen>) {
        let state = seen.state(Instant::now());
        if discriminant(&state) != discriminant(&seen.told) {
            seen.since = now_millis();
        }
        seen.told = state;
        drop(seen);
        let beside = self.beside().clone();
        match beside {
            Beside::Main(main) => main.upgrade().into_iter().for_each(|main| main.tell_status()),
            Beside::Nobody | Beside::Second(_) => self.tell_status(),
        }
    }

    /// Tells what is known now. One at a time, so that nobody hears of an older state after a newer one.
    fn tell_status(&self) {
        let beside = self.beside();
        let destination = Box::new(self.status_beside(&beside));
        self.events.tell(Event::Destination { destination });
    }
}

impl Seen {
    fn forget_counters(&mut self) {
        self.connections = 0;
        self.bytes_sent = 0;
        (self.acknowledged, self.lost) = (0, 0);
        self.frames_sent = 0;
        self.frames_skipped = 0;
        self.missed.forget();
        self.path = None;
        self.warnings.clear();
        self.errors.clear();
    }

    /// What is on its way died with its connection.
    fn loses(&mut self) {
        self.lost = self.bytes_sent - self.acknowledged;
    }

    fn went_wrong(&mut self, failure: Failure) {
        let at = now_millis();
        if let Some(last) = self.errors.back_mut().filter(|last| last.failure == failure) {
            (last.at, last.count) = (at, last.count.saturating_add(1));
            return;
        }
        if self.errors.len() == ERRORS {
            self.errors.pop_front();
        }
        self.errors.push_back(LastError { at, count: 1, failure });
    }

    fn state(&self, now: Instant) -> State {
        match &self.standing {
            Standing::Off => State::Off,
            Standing::Idle => State::WaitingForStart,
            Standing::Waiting => State::WaitingForStream { connected: false },
            Standing::Connecting(step) => State::Connecting { step: *step },
            Standing::Live => self.live.map_or(State::Live, |live| self.live_state(live, now)),
            Standing::Retrying { at, reason } => {
                State::Retrying { in_seconds: at.saturating_duration_since(now).as_secs_f64(), reason: reason.clone() }
            }
            Standing::Stopped(reason) => State::Stopped { reason: reason.clone() },
        }
    }

    fn live_state(&self, live: Live, now: Instant) -> State {
        let silent = now.saturating_duration_since(live.moving);
        if !live.drained && silent > SILENT {
            let seconds = self.behind.max(silent).as_secs_f64();
            return State::Behind { seconds, reason: Failure::takes_nothing(silent) };
        }
        if self.path.is_none() || (live.drained && now.saturating_duration_since(live.acknowledged) > SILENT) {
            return State::WaitingForStream { connected: true };
        }
        if live.since.is_none() {
            return State::Connecting { step: Step::FirstData };
        }
        if self.behind > Pace::BEHIND {
            let reason = Failure::too_slow(self.behind, self.frames_skipped);
            return State::Behind { seconds: self.behind.as_secs_f64(), reason };
        }
        State::Live
    }

    fn line(&self) -> Line {
        let now = Instant::now();
        let connected = self.live.and_then(|live| live.since);
        Line {
            state: self.state(now),
            since: self.since,
            connected_seconds: connected.map_or(0, |since| now.saturating_duration_since(since).as_secs()),
            bytes_sent: self.bytes_sent,
            bytes_acknowledged: self.acknowledged,
            bitrate_bps: self.rate.bits_per_second(now),
            rtt_ms: self.rtt.map(|rtt| rtt.as_secs_f64() * 1000.0),
            frames_sent: self.frames_sent,
            frames_skipped: self.frames_skipped,
            frames_missed: self.missed.frames(),
            behind_seconds: self.behind.as_secs_f64(),
            reconnects: self.connections.saturating_sub(1),
            errors: self.errors.iter().cloned().collect(),
        }
    }

    fn status(&self) -> Status {
        let config = &self.order.config;
        let backup = config.backup_url.as_ref().map(|_| Backup {
            url: self.order.shown_url(Address::Backup),
            key_set: self.order.has_own_key(Address::Backup),
            mode: config.backup,
            in_use: self.address == Address::Backup,
            line: None,
        });
        Status {
            id: config.id.clone(),
            name: config.name.clone(),
            preset: config.preset.clone(),
            url: self.order.shown_url(Address::Primary),
            key_set: self.order.has_own_key(Address::Primary),
            backup,
            streams: config.streams.clone(),
            start: config.start,
            enabled: config.enabled,
            trusted_certificate: config.trusted_certificate,
            path: self.path.as_ref().map(|path| path.as_str().to_owned()),
            chosen: self.order.wish.chosen.as_ref().map(|path| path.as_str().to_owned()),
            also_waiting: Vec::new(),
            warnings: self.order.finding().into_iter().chain(self.warnings.iter().cloned()).collect(),
            line: self.line(),
        }
    }
}

#[cfg(test)]
mod tests;
