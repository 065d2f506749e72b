//! Callers between their conclusion and some seconds after the answer: a repeated conclusion gets the same answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::RequestId;
use super::floods::network;
use crate::packet::SocketId;

/// Most callers that wait to be let in. Protects memory, and the answer time of those that wait.
pub const MAX_WAITING: usize = 128;
/// Most of them from one address, or one IPv6 network: it must not take the places of all others. More are not answered yet:
/// many encoders may come back together behind one router, and callers ask again four times a second.
pub const MAX_WAITING_PER_ADDRESS: usize = 16;
/// Most answers that are kept. Protects memory.
pub const MAX_ANSWERS: usize = 1024;
/// How long after a caller was last heard of its answer, or its place, is kept. Callers give up after 3 seconds.
pub(super) const KEPT: Duration = Duration::from_secs(10);

/// An answer as it goes on the wire.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) datagram: Vec<u8>,
    /// Zero of its time stamp, which is renewed whenever it is sent: the peer's clock begins with it.
    pub(super) started: Instant,
    /// The connection it was for.
    pub(super) local: Option<SocketId>,
}

#[derive(Debug)]
struct Guest {
    answer: Option<Answer>,
    seen: Instant,
}

/// What is known of a caller.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing; it has a place now.
    New,
    /// It waits.
    Waiting,
    /// It has been answered.
    Answered(Answer),
    /// Its address has all the places that one may have. It has to ask again.
    Crowded,
    /// There is no place left.
    Full,
}

/// The callers.
#[derive(Debug, Default)]
pub(super) struct Guests {
    guests: HashMap<RequestId, Guest>,
    waiting: usize,
}

impl Guests {
    /// Notes that a caller has been heard of.
    pub(super) fn seen(&mut self, now: Instant, id: RequestId) -> Known {
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.seen = now;
            return guest.answer.clone().map_or(Known::Waiting, Known::Answered);
        }
        if self.waiting >= MAX_WAITING {
            return Known::Full;
        }
        let ours = network(id.peer.ip());
        let waits = |(id, guest): &(&RequestId, &Guest)| guest.answer.is_none() && network(id.peer.ip()) == ours;
        if self.guests.iter().filter(waits).count() >= MAX_WAITING_PER_ADDRESS {
            return Known::Crowded;
        }
        self.waiting += 1;
        self.guests.insert(id, Guest { answer: None, seen: now });
        Known::New
    }

    /// Notes the answer to a caller that waits; `false` when it does not wait any more.
    pub(super) fn answer(&mut self, id: &RequestId, answer: Answer) -> bool {
        let Some(guest) = self.guests.get_mut(id).filter(|guest| guest.answer.is_none()) else { return false };
        guest.answer = Some(answer);
        self.waiting -= 1;
        self.make_room();
        true
    }

    pub(super) fn is_waiting(&self, id: &RequestId) -> bool {
        self.guests.get(id).is_some_and(|guest| guest.answer.is_none())
    }

    fn make_room(&mut self) {
        if self.guests.len() - self.waiting <= MAX_ANSWERS {
            return;
        }
        let answered = self.guests.iter().filter(|(_, guest)| guest.answer.is_some());
        if let Some(oldest) = answered.min_by_key(|(_, guest)| guest.seen).map(|(id, _)| *id) {
            self.guests.remove(&oldest);
        }
    }

    /// Forgets the answer that led to a connection, since it has ended.
    pub(super) fn forget(&mut self, local: SocketId) {
        self.guests.retain(|_, guest| guest.answer.as_ref().is_none_or(|answer| answer.local != Some(local)));
    }

    /// Forgets everyone who has not been heard of for long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.guests.retain(|_, guest| now.saturating_duration_since(guest.seen) < KEPT);
        self.waiting = self.guests.values().filter(|guest| guest.answer.is_none()).count();
    }

    pub(super) fn len(&self) -> usize {
        self.guests.len()
    }
}
