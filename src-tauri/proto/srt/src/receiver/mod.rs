//! The receiving half of a connection: order, losses, deadlines.

mod acks;
mod buffer;
mod rates;
mod reports;
mod tsbpd;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(crate) use acks::{Acks, Due};
use buffer::{Arrived, Buffer, Slot};
pub(crate) use rates::Rates;
use reports::Reports;
pub(crate) use tsbpd::Tsbpd;

use crate::connection::{Delivery, Event};
use crate::crypto::{Open, ReceiveKeys};
use crate::numbering::Numbering;
use crate::packet::{Data, KeyFlag, LossRange, SeqNumber, WireTime};
use crate::ranges::RangeSet;

/// Most ranges in one loss report: what fits a packet, each range taking two words.
const RANGES_PER_REPORT: usize = 180;
/// Most loss reports at a time. Protects the way back.
const MAX_REPORTS: usize = 4;
/// How far apart two packets may be that together prove that the sender has gone on far beyond the buffer.
const JUMP_PROOF: i64 = 64;

/// Counts of the receiving half.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) unique: u64,
    pub(crate) unique_bytes: u64,
    pub(crate) retransmitted: u64,
    pub(crate) lost: u64,
    pub(crate) dropped: u64,
    pub(crate) undecryptable: u64,
    pub(crate) undecryptable_bytes: u64,
    pub(crate) belated: u64,
    /// By how much they came too late, all together.
    pub(crate) belated_time: Duration,
    /// The furthest that a packet was overtaken.
    pub(crate) reordered: i64,
    pub(crate) no_room: u64,
    pub(crate) filter: u64,
}

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Receiver {
    numbering: Numbering,
    buffer: Buffer,
    /// What is missing between the buffer's base and its end: exactly its `Missing` slots.
    losses: RangeSet,
    reports: Reports,
    tsbpd: Tsbpd,
    keys: Option<ReceiveKeys>,
    delivery: Delivery,
    /// A packet far beyond the buffer, which the next one may confirm.
    jump: Option<i64>,
    pub(crate) counts: Counts,
    pub(crate) rates: Rates,
}

impl Receiver {
    pub(crate) fn new(
        first: SeqNumber,
        capacity: usize,
        tsbpd: Tsbpd,
        keys: Option<ReceiveKeys>,
        delivery: Delivery,
    ) -> Self {
        Self {
            numbering: Numbering(first),
            buffer: Buffer::new(capacity),
            losses: RangeSet::default(),
            reports: Reports::default(),
            tsbpd,
            keys,
            delivery,
            jump: None,
            counts: Counts::default(),
            rates: Rates::default(),
        }
    }

    /// Takes a packet; says what it shows to be lost.
    pub(crate) fn receive(&mut self, now: Instant, time: WireTime, data: Data<&[u8]>) -> Option<LossRange> {
        let len = data.payload.len() as u64;
        self.counts.packets += 1;
        self.counts.bytes += len;
        if data.retransmitted {
            self.counts.retransmitted += 1;
        }
        // Message 0 is what a packet filter sends. None is agreed, so it is not media.
        if data.message.0 == 0 {
            self.counts.filter += 1;
            return None;
        }
        let end = self.buffer.end();
        let position = self.numbering.position(data.seq, end);
        if position < self.buffer.base() {
            self.counts.belated += 1;
            self.counts.belated_time += now.saturating_duration_since(self.tsbpd.due(now, time));
            return None;
        }
        if position >= self.buffer.limit() && !self.jump_to(position) {
            self.counts.no_room += 1;
            return None;
        }
        self.rates.packet(now, data.seq, len);
        let end = self.buffer.end();
        let mut lost = None;
        if position >= end {
            self.buffer.extend(position + 1);
            if position > end {
                self.losses.insert(end..position);
                self.reports.found(now, end..position);
                self.counts.lost += (position - end).unsigned_abs();
                lost = Some(self.numbering.wire(&(end..position)));
            }
        }
        if !data.retransmitted && position < end {
            self.counts.reordered = self.counts.reordered.max(end - position);
        }
        if self.buffer.is_free(position) {
            // The one copy: the datagram's memory is the socket's.
            let mut payload = data.payload.to_vec();
            let sealed = match self.open(data.seq, data.key, &mut payload) {
                Open::Plain => None,
                Open::NoKey => Some(data.key),
                // Kept as an empty place: its number is fine, so it is acknowledged like any other.
                Open::Never => {
                    payload = Vec::new();
                    Some(KeyFlag::Both)
                }
            };
            self.buffer.put(position, Arrived { due: self.tsbpd.due(now, time), sealed, payload });
            self.losses.remove(position..position + 1);
            self.counts.unique += 1;
            self.counts.unique_bytes += len;
        }
        lost
    }

    /// Goes on at `position`, far beyond the buffer, if nothing waits and a second packet confirms it: after an outage
    /// longer than the buffer the stream would otherwise never go on, and one stray packet must not end it.
    fn jump_to(&mut self, position: i64) -> bool {
        let confirmed = self.jump.is_some_and(|jump| position > jump && position - jump <= JUMP_PROOF);
        self.jump = Some(position);
        if !confirmed || self.buffer.packets() > 0 {
            return false;
        }
        self.counts.dropped += (position - self.buffer.base()).unsigned_abs();
        self.buffer.restart(position);
        self.losses.clear();
        self.jump = None;
        true
    }

    fn open(&mut self, seq: SeqNumber, flag: KeyFlag, payload: &mut [u8]) -> Open {
        match (&mut self.keys, flag) {
            (Some(keys), flag) => keys.open(seq, flag, payload),
            (None, KeyFlag::Clear) => Open::Plain,
            (None, _) => Open::Never,
        }
    }

    /// Takes the sender's word that packets will not come any more.
    pub(crate) fn drop_request(&mut self, range: LossRange) {
        let end = self.buffer.end();
        let range = self.numbering.range(range, end);
        // Beyond the end only what follows without a gap.
        let beyond = range.start <= end;
        let last = if beyond { range.end.min(self.buffer.limit()) } else { range.end.min(end) };
        self.buffer.extend(last);
        if last > end {
            self.losses.insert(end..last);
        }
        let first = range.start.max(self.buffer.base());
        if first >= last {
            return;
        }
        let gone: Vec<_> = self.losses.within(first..last).collect();
        for position in gone.into_iter().flatten() {
            if let Some(slot) = self.buffer.slot_mut(position) {
                *slot = Slot::Gone;
            }
        }
        self.losses.remove(first..last);
    }

    fn pop(&mut self) -> Option<Slot> {
        let losses = &self.losses;
        self.buffer.pop(|position| losses.end_of(position))
    }

    /// Delivers what can be delivered now.
    pub(crate) fn deliver(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        let mut lost = 0;
        while let Some(front) = self.buffer.front() {
            match front {
                Slot::Gone => {
                    self.pop();
                    lost += 1;
                }
                Slot::Missing => {
                    if self.buffer.next_due().is_none_or(|due| due > now) {
                        break;
                    }
                    while matches!(self.buffer.front(), Some(Slot::Missing | Slot::Gone)) {
                        self.pop();
                        lost += 1;
                    }
                    self.losses.remove_before(self.buffer.base());
                }
                Slot::Here(packet) => {
                    let late = packet.due <= now;
                    if self.delivery == Delivery::Exact && !late {
                        break;
                    }
                    if packet.sealed.is_some() && !self.open_front(late) && !late {
                        break;
                    }
                    let Some(Slot::Here(packet)) = self.pop() else { break };
                    if packet.sealed.is_some() {
                        self.counts.undecryptable += 1;
                        self.counts.undecryptable_bytes += packet.payload.len() as u64;
                        lost += 1;
                        continue;
                    }
                    self.report(&mut lost, events);
                    events.push_back(Event::Payload(packet.payload.into()));
                }
            }
        }
        self.report(&mut lost, events);
    }

    fn report(&mut self, lost: &mut u64, events: &mut VecDeque<Event>) {
        if *lost > 0 {
            self.counts.dropped += *lost;
            events.push_back(Event::Lost { packets: std::mem::take(lost) });
        }
    }

    /// Tries to open the first packet, at the last moment with any key; `false` when its key may still come.
    fn open_front(&mut self, last: bool) -> bool {
        let seq = self.numbering.seq(self.buffer.base());
        let Some(Slot::Here(packet)) = self.buffer.front_mut() else { return true };
        let (Some(flag), Some(keys)) = (packet.sealed, &mut self.keys) else { return true };
        let payload = &mut packet.payload;
        let opened = if last { keys.open_anyway(seq, flag, payload) } else { keys.open(seq, flag, payload) };
        if opened == Open::Plain {
            packet.sealed = None;
        }
        opened != Open::NoKey
    }

    /// When [`Receiver::deliver`] should be called again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.buffer.next_due()
    }

    /// The position of the first packet that is missing.
    pub(crate) fn next(&self) -> i64 {
        self.losses.first().map_or_else(|| self.buffer.end(), |lost| lost.start)
    }

    pub(crate) const fn seq(&self, position: i64) -> SeqNumber {
        self.numbering.seq(position)
    }

    /// The newest packet.
    pub(crate) fn highest(&self) -> SeqNumber {
        self.numbering.seq(self.buffer.end() - 1)
    }

    /// Packets that still fit, as a peer must hear it: never fewer than two, or it stops for good.
    pub(crate) fn room(&self) -> u32 {
        u32::try_from(self.buffer.room()).unwrap_or(u32::MAX).max(2)
    }

    /// Packets that fit.
    pub(crate) fn free(&self) -> usize {
        self.buffer.room()
    }

    /// Time between the first and the last packet that wait.
    pub(crate) fn span(&self) -> Duration {
        self.buffer.span()
    }

    /// Whether there are losses to be reported again.
    pub(crate) fn is_reporting(&self) -> bool {
        !self.reports.is_empty()
    }

    /// When losses are to be reported again.
    pub(crate) fn report_deadline(&self, interval: Duration) -> Option<Instant> {
        self.reports.deadline(interval)
    }

    /// Losses that are to be reported again, oldest first, as reports that fit a packet.
    pub(crate) fn loss_reports(&mut self, now: Instant, interval: Duration) -> Vec<Vec<LossRange>> {
        let ranges = self.reports.take(now, interval, &self.losses);
        let ranges: Vec<_> =
            ranges.iter().take(RANGES_PER_REPORT * MAX_REPORTS).map(|range| self.numbering.wire(range)).collect();
        ranges.chunks(RANGES_PER_REPORT).map(<[_]>::to_vec).collect()
    }

    pub(crate) const fn keys_mut(&mut self) -> Option<&mut ReceiveKeys> {
        self.keys.as_mut()
    }

    pub(crate) const fn tsbpd_mut(&mut self) -> &mut Tsbpd {
        &mut self.tsbpd
    }

    pub(crate) const fn latency(&self) -> Duration {
        self.tsbpd.latency()
    }

    /// Packets and bytes that wait.
    pub(crate) const fn waiting(&self) -> (usize, usize) {
        (self.buffer.packets(), self.buffer.bytes())
    }
}
