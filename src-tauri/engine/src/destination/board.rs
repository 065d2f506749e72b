//! Where a destination's task writes down how it stands, and everyone else reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_media::StreamPath;

use super::failure::Failure;
use super::order::Order;
use super::pace::Pace;
use super::state::{State, Step};
use super::status::{LastError, Status};
use crate::event::{Event, Events};
use crate::problem::now_millis;

/// How a destination stands, as its task sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    Off,
    Waiting,
    Connecting(Step),
    Live,
    Retrying { at: Instant, reason: Failure },
    Stopped(Failure),
}

/// How one destination stands. Holds no secret.
#[derive(Debug)]
pub(super) struct Board {
    events: Events,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    order: Arc<Order>,
    standing: Standing,
    since: u64,
    path: Option<StreamPath>,
    live_since: Option<Instant>,
    connections: u64,
    bytes_sent: u64,
    frames_sent: u64,
    frames_skipped: u64,
    behind: Duration,
    rate: Rate,
    last_error: Option<LastError>,
}

impl Board {
    pub(super) fn new(order: Arc<Order>, events: Events) -> Self {
        let standing = if order.config.enabled { Standing::Waiting } else { Standing::Off };
        let seen = Seen {
            order,
            standing,
            since: now_millis(),
            path: None,
            live_since: None,
            connections: 0,
            bytes_sent: 0,
            frames_sent: 0,
            frames_skipped: 0,
            behind: Duration::ZERO,
            rate: Rate::default(),
            last_error: None,
        };
        Self { events, seen: Mutex::new(seen) }
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
        match &standing {
            Standing::Live => {
                seen.live_since = Some(Instant::now());
                seen.connections += 1;
            }
            Standing::Retrying { reason, .. } | Standing::Stopped(reason) => {
                seen.last_error = Some(LastError { at: now_millis(), failure: reason.clone() });
            }
            Standing::Off => seen.forget_counters(),
            Standing::Waiting | Standing::Connecting(_) => {}
        }
        if standing != Standing::Live {
            seen.live_since = None;
            seen.behind = Duration::ZERO;
        }
        seen.standing = standing;
        seen.since = now_millis();
        self.tell(seen);
    }

    /// The stream it sends from now on, or none.
    pub(super) fn carries(&self, path: Option<&StreamPath>) {
        self.lock().path = path.cloned();
    }

    /// The settings changed in a way that interrupts nothing.
    pub(super) fn ordered(&self, order: Arc<Order>) {
        let mut seen = self.lock();
        if *std::mem::replace(&mut seen.order, Arc::clone(&order)) != *order {
            self.tell(seen);
        }
    }

    /// Bytes went to the network.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut seen = self.lock();
        seen.bytes_sent += bytes as u64;
        seen.rate.add(Instant::now(), bytes as u64);
    }

    /// Frames were sent, or left out.
    pub(super) fn counted(&self, sent: u64, skipped: u64) {
        let mut seen = self.lock();
        seen.frames_sent += sent;
        seen.frames_skipped += skipped;
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
        self.lock().live_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// One look at it. Which streams it leaves out, only the hub knows.
    pub(super) fn status(&self) -> Status {
        self.lock().status()
    }

    fn tell(&self, seen: MutexGuard<'_, Seen>) {
        let destination = seen.status();
        drop(seen);
        self.events.tell(Event::Destination { destination });
    }
}

impl Seen {
    fn forget_counters(&mut self) {
        self.connections = 0;
        self.bytes_sent = 0;
        self.frames_sent = 0;
        self.frames_skipped = 0;
        self.path = None;
        self.last_error = None;
    }

    fn status(&self) -> Status {
        let now = Instant::now();
        let behind = self.behind.as_secs_f64();
        let state = match &self.standing {
            Standing::Off => State::Off,
            Standing::Waiting => State::WaitingForStream,
            Standing::Connecting(step) => State::Connecting { step: *step },
            Standing::Live if self.behind > Pace::BEHIND => State::Behind { seconds: behind },
            Standing::Live => State::Live,
            Standing::Retrying { at, reason } => {
                State::Retrying { in_seconds: at.saturating_duration_since(now).as_secs_f64(), reason: reason.clone() }
            }
            Standing::Stopped(reason) => State::Stopped { reason: reason.clone() },
        };
        let config = &self.order.config;
        Status {
            id: config.id.clone(),
            name: config.name.clone(),
            url: self.order.shown_url(),
            key_set: self.order.key_set(),
            enabled: config.enabled,
            streams: config.streams.clone(),
            path: self.path.as_ref().map(|path| path.as_str().to_owned()),
            also_waiting: Vec::new(),
            state,
            since: self.since,
            connected_seconds: self.live_since.map_or(0, |since| now.saturating_duration_since(since).as_secs()),
            bytes_sent: self.bytes_sent,
            bitrate_bps: self.rate.bits_per_second(now),
            frames_sent: self.frames_sent,
            frames_skipped: self.frames_skipped,
            behind_seconds: behind,
            reconnects: self.connections.saturating_sub(1),
            last_error: self.last_error.clone(),
        }
    }
}

/// Bytes a second over the last seconds.
#[derive(Debug, Default)]
struct Rate {
    buckets: VecDeque<(Instant, u64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(4);
    const BUCKET: Duration = Duration::from_millis(250);

    fn add(&mut self, now: Instant, bytes: u64) {
        match self.buckets.back_mut() {
            Some((start, sum)) if now.saturating_duration_since(*start) < Self::BUCKET => *sum += bytes,
            _ => self.buckets.push_back((now, bytes)),
        }
        while self.buckets.front().is_some_and(|(start, _)| now.saturating_duration_since(*start) > Self::WINDOW) {
            self.buckets.pop_front();
        }
    }

    fn bits_per_second(&self, now: Instant) -> u64 {
        let recent = self.buckets.iter().filter(|(start, _)| now.saturating_duration_since(*start) <= Self::WINDOW);
        let (first, sum) = recent.fold((now, 0), |(first, sum), (start, bytes)| (first.min(*start), sum + bytes));
        let span = now.saturating_duration_since(first).max(Duration::from_secs(1));
        (sum as f64 * 8.0 / span.as_secs_f64()) as u64
    }
}
