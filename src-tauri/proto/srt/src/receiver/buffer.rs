//! What has arrived and waits for its turn.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::packet::KeyFlag;

/// One place in the buffer.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// Not here yet.
    Missing,
    /// The sender does not have it any more.
    Gone,
    /// Here.
    Here(Arrived),
}

/// A packet that has arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) due: Instant,
    /// `None` once the payload is open.
    pub(super) sealed: Option<KeyFlag>,
    pub(super) payload: Vec<u8>,
}

/// A window of packets that begins with the first one not delivered yet.
#[derive(Debug)]
pub(super) struct Buffer {
    slots: VecDeque<Slot>,
    /// Position of the first slot.
    base: i64,
    capacity: usize,
    /// Position of the first packet that is here; the end when there is none.
    first: i64,
    packets: usize,
    bytes: usize,
}

impl Buffer {
    pub(super) const fn new(capacity: usize) -> Self {
        Self { slots: VecDeque::new(), base: 0, capacity, first: 0, packets: 0, bytes: 0 }
    }

    pub(super) const fn base(&self) -> i64 {
        self.base
    }

    /// The position after the newest packet.
    pub(super) fn end(&self) -> i64 {
        self.base.saturating_add_unsigned(self.slots.len() as u64)
    }

    /// The first position that does not fit.
    pub(super) const fn limit(&self) -> i64 {
        self.base.saturating_add_unsigned(self.capacity as u64)
    }

    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.slots.len())
    }

    pub(super) const fn packets(&self) -> usize {
        self.packets
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes room up to and without `end`, which must not be beyond the limit.
    pub(super) fn extend(&mut self, end: i64) {
        let len = usize::try_from(end.saturating_sub(self.base)).unwrap_or(0).min(self.capacity);
        if len > self.slots.len() {
            self.slots.resize_with(len, || Slot::Missing);
            if self.packets == 0 {
                self.first = self.end();
            }
        }
    }

    fn slot(&self, position: i64) -> Option<&Slot> {
        let offset = usize::try_from(position.checked_sub(self.base)?).ok()?;
        self.slots.get(offset)
    }

    pub(super) fn slot_mut(&mut self, position: i64) -> Option<&mut Slot> {
        let offset = usize::try_from(position.checked_sub(self.base)?).ok()?;
        self.slots.get_mut(offset)
    }

    /// Whether a packet has a place that is empty.
    pub(super) fn is_free(&self, position: i64) -> bool {
        self.slot(position).is_none_or(|slot| !matches!(slot, Slot::Here(_)))
    }

    /// Puts a packet into a place that is free ([`Buffer::is_free`]).
    pub(super) fn put(&mut self, position: i64, packet: Arrived) {
        let len = packet.payload.len();
        let Some(slot) = self.slot_mut(position) else { return };
        *slot = Slot::Here(packet);
        self.first = if self.packets == 0 { position } else { self.first.min(position) };
        self.packets += 1;
        self.bytes += len;
    }

    pub(super) fn front(&self) -> Option<&Slot> {
        self.slots.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Slot> {
        self.slots.front_mut()
    }

    /// Takes the first slot out. `skip` says where a run of missing packets that begins at a position ends.
    pub(super) fn pop(&mut self, skip: impl Fn(i64) -> Option<i64>) -> Option<Slot> {
        let slot = self.slots.pop_front()?;
        self.base = self.base.saturating_add(1);
        if let Slot::Here(packet) = &slot {
            self.packets -= 1;
            self.bytes -= packet.payload.len();
            self.first = self.base;
            while self.packets > 0 && self.is_free(self.first) && self.first < self.end() {
                self.first = skip(self.first).unwrap_or(self.first.saturating_add(1));
            }
        }
        self.first = self.first.max(self.base);
        Some(slot)
    }

    /// When the first packet that is here is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        match self.slot(self.first)? {
            Slot::Here(packet) => Some(packet.due),
            Slot::Missing | Slot::Gone => None,
        }
    }

    /// Time between the first and the last packet that are here.
    pub(super) fn span(&self) -> Duration {
        match (self.next_due(), self.slots.back()) {
            (Some(first), Some(Slot::Here(last))) => last.due.saturating_duration_since(first),
            _ => Duration::ZERO,
        }
    }

    /// Begins again at `base`, with nothing in it.
    pub(super) fn restart(&mut self, base: i64) {
        self.slots.clear();
        (self.base, self.first, self.packets, self.bytes) = (base, base, 0, 0);
    }
}
