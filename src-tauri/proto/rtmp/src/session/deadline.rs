//! When a peer that says nothing is given up.

use std::time::{Duration, Instant};

use super::Error;

/// How long each part of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first moment to the end of the handshake, as one deadline: sending a byte now and then does not extend
    /// it.
    pub handshake: Duration,
    /// From the end of the handshake to `connect` (server) or to the start of publishing (client).
    pub setup: Duration,
    /// How long a peer may be silent before it is pinged.
    pub ping_interval: Duration,
    /// How long a pinged peer may stay silent.
    pub ping_timeout: Duration,
}

impl Timeouts {
    pub(super) const SERVER: Self = Self {
        handshake: Duration::from_secs(5),
        setup: Duration::from_secs(10),
        ping_interval: Duration::from_secs(60),
        ping_timeout: Duration::from_secs(30),
    };

    pub(super) const CLIENT: Self = Self {
        handshake: Duration::from_secs(10),
        setup: Duration::from_secs(15),
        ping_interval: Duration::from_secs(60),
        ping_timeout: Duration::from_secs(30),
    };
}

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The end of the handshake.
    Handshake,
    /// What must follow it.
    Setup { since: Instant },
    /// Any byte at all.
    Alive { last: Instant, pinged: Option<Instant> },
    /// Nothing.
    Nothing,
}

/// Keeps one connection's deadlines.
#[derive(Debug)]
pub(super) struct Deadline {
    pub(super) started: Instant,
    pub(super) waiting: Waiting,
    /// A player that pauses may read nothing, answers to pings included: whether it is still there is TCP's to find out.
    pub(super) patient: bool,
}

/// What an elapsed deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elapsed {
    Nothing,
    /// Send a ping with this timestamp.
    Ping(u32),
}

impl Deadline {
    pub(super) const fn new(now: Instant) -> Self {
        Self { started: now, waiting: Waiting::Handshake, patient: false }
    }

    /// Takes note that bytes came.
    pub(super) fn received(&mut self, now: Instant) {
        if let Waiting::Alive { .. } = self.waiting {
            self.waiting = Waiting::Alive { last: now, pinged: None };
        }
    }

    pub(super) fn next(&self, timeouts: &Timeouts) -> Option<Instant> {
        let (since, duration) = match self.waiting {
            Waiting::Handshake => (self.started, timeouts.handshake),
            Waiting::Setup { since } => (since, timeouts.setup),
            Waiting::Alive { last, pinged: None } => (last, timeouts.ping_interval),
            Waiting::Alive { pinged: Some(pinged), .. } => (pinged, timeouts.ping_timeout),
            Waiting::Nothing => return None,
        };
        since.checked_add(duration)
    }

    pub(super) fn check(&mut self, now: Instant, timeouts: &Timeouts) -> Result<Elapsed, Error> {
        if self.next(timeouts).is_none_or(|deadline| now < deadline) {
            return Ok(Elapsed::Nothing);
        }
        match self.waiting {
            Waiting::Handshake => Err(Error::HandshakeTimeout(timeouts.handshake)),
            Waiting::Setup { .. } => Err(Error::SetupTimeout(timeouts.setup)),
            Waiting::Alive { last, pinged: Some(_) } if self.patient => {
                self.waiting = Waiting::Alive { last, pinged: Some(now) };
                Ok(Elapsed::Nothing)
            }
            Waiting::Alive { pinged: Some(_), .. } => Err(Error::Silent(timeouts.ping_timeout)),
            Waiting::Alive { last, pinged: None } => {
                self.waiting = Waiting::Alive { last, pinged: Some(now) };
                Ok(Elapsed::Ping(now.saturating_duration_since(self.started).as_millis() as u32))
            }
            Waiting::Nothing => Ok(Elapsed::Nothing),
        }
    }
}
