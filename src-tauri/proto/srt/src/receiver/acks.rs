//! When to acknowledge ("ACK"), and the round trip time that comes back ("ACKACK").

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rtt::RoundTrip;

/// Time between full acknowledgements.
const INTERVAL: Duration = Duration::from_millis(10);
/// Packets after which a light one is sent in between.
const LIGHT_AFTER: u32 = 64;
/// Most acknowledgements that are remembered until they are answered. Protects memory from a peer that never answers.
const MAX_HISTORY: usize = 1024;

/// An acknowledgement that should be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Only the number.
    Light,
    /// All of it, with this number; with rates or without.
    Full {
        /// Counts from 1.
        number: u32,
        /// Whether rates are due again.
        rates: bool,
    },
}

/// What has been acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// What the last full one said.
    sent: i64,
    sent_at: Option<Instant>,
    rates_at: Option<Instant>,
    /// What the peer is known to know.
    confirmed: i64,
    /// What the last light one said.
    light: i64,
    number: u32,
    packets: u32,
    history: VecDeque<(u32, Instant, i64)>,
}

impl Acks {
    /// A data packet has come.
    pub(crate) const fn packet(&mut self) {
        self.packets = self.packets.saturating_add(1);
    }

    /// Whether to acknowledge everything before `next` now.
    pub(crate) fn poll(&mut self, now: Instant, next: i64, rtt: &RoundTrip) -> Option<Due> {
        if self.deadline(now, next, rtt).is_some_and(|due| due <= now) {
            return Some(self.full(now, next));
        }
        if self.packets >= LIGHT_AFTER && next > self.sent.max(self.light) {
            self.packets = 0;
            self.light = next;
            return Some(Due::Light);
        }
        None
    }

    fn full(&mut self, now: Instant, next: i64) -> Due {
        self.number = self.number.checked_add(1).unwrap_or(1);
        // A number never goes back.
        self.sent = self.sent.max(next);
        self.sent_at = Some(now);
        self.packets = 0;
        let rates = self.rates_at.is_none_or(|at| now.saturating_duration_since(at) >= INTERVAL);
        if rates {
            self.rates_at = Some(now);
        }
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((self.number, now, self.sent));
        Due::Full { number: self.number, rates }
    }

    /// When to ask [`Acks::poll`] again.
    pub(crate) fn deadline(&self, now: Instant, next: i64, rtt: &RoundTrip) -> Option<Instant> {
        if next > self.sent {
            Some(self.sent_at.map_or(now, |at| at + INTERVAL))
        } else if self.sent > self.confirmed {
            self.sent_at.map(|at| at + rtt.patience().max(INTERVAL))
        } else {
            None
        }
    }

    /// Takes an answer; says how long it took.
    pub(crate) fn answered(&mut self, now: Instant, number: u32) -> Option<Duration> {
        let found = self.history.iter().position(|(sent, ..)| *sent == number)?;
        let (_, at, next) = self.history.drain(..=found).next_back()?;
        self.confirmed = self.confirmed.max(next);
        Some(now.saturating_duration_since(at))
    }
}
