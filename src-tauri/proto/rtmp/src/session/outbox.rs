//! What a session wants done.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

/// Room for events that an empty queue may keep; above it the memory is given back, so that an idle session stays
/// small.
const KEPT_CAPACITY: usize = 64;

/// One thing a session wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output<E> {
    /// Send these bytes, in order. They hold whole messages, so other whole messages may be sent between two of them.
    Send(Bytes),
    /// Something the application should know or decide.
    Event(E),
    /// Call `handle_timeout` at this time, or earlier; replaces any earlier wish.
    WakeAt(Instant),
    /// Send what is queued, then close the connection. Some clients read late: keep the receiving side open for a
    /// second.
    Close,
}

/// Events and the wish to close, waiting to be fetched.
#[derive(Debug)]
pub(super) struct Outbox<E> {
    events: VecDeque<E>,
    announced: Option<Instant>,
    close: Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    No,
    Wanted,
    Told,
}

impl<E> Outbox<E> {
    pub(super) const fn new() -> Self {
        Self { events: VecDeque::new(), announced: None, close: Close::No }
    }

    pub(super) fn push(&mut self, event: E) {
        self.events.push_back(event);
    }

    pub(super) fn close(&mut self) {
        if self.close == Close::No {
            self.close = Close::Wanted;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.close != Close::No
    }

    /// The wake-up that was announced has happened.
    pub(super) const fn woke(&mut self) {
        self.announced = None;
    }

    /// The next output. A deadline that moved later is not announced: waking up early is cheaper than saying so each
    /// time.
    pub(super) fn poll(&mut self, out: &mut Vec<u8>, deadline: Option<Instant>) -> Option<Output<E>> {
        if !out.is_empty() {
            return Some(Output::Send(std::mem::take(out).into()));
        }
        if let Some(event) = self.events.pop_front() {
            return Some(Output::Event(event));
        }
        if self.events.capacity() > KEPT_CAPACITY {
            self.events = VecDeque::new();
        }
        if self.is_closing() {
            let first = self.close == Close::Wanted;
            self.close = Close::Told;
            return first.then_some(Output::Close);
        }
        let deadline = deadline?;
        if self.announced.is_some_and(|announced| announced <= deadline) {
            return None;
        }
        self.announced = Some(deadline);
        Some(Output::WakeAt(deadline))
    }

    pub(super) fn heap_len(&self) -> usize {
        self.events.capacity().saturating_mul(size_of::<E>())
    }
}
