//! The sending half of a connection: what has been sent is kept until it is acknowledged or too old.

mod buffer;

use std::time::{Duration, Instant};

use buffer::{Buffer, Sent};
use bytes::Bytes;

use crate::bucket::Bucket;
use crate::crypto::SendKeys;
use crate::entropy::Entropy;
use crate::numbering::Numbering;
use crate::packet::{
    self, Data, HEADER_LEN, KeyFlag, LossRange, MessageNumber, Position, SeqNumber, SocketId, WireTime,
};
use crate::ranges::RangeSet;
use crate::receiver::Rates;
use crate::rtt::RoundTrip;

/// The least age at which a packet is too old to send.
const MIN_DROP_AGE: Duration = Duration::from_secs(1);
/// What is added to every limit on age: twice the time between acknowledgements.
const DROP_MARGIN: Duration = Duration::from_millis(20);
/// How long a rate may be saved up, so that timers of a millisecond do.
const BURST_TIME: Duration = Duration::from_millis(2);
/// The least burst, in bytes: sixteen packets.
const MIN_BURST: u64 = 16 * 1500;
/// IPv4, UDP and SRT headers, which statistics and pacing count.
pub(crate) const OVERHEAD: u64 = 28 + HEADER_LEN as u64;

/// Counts of the sending half.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) unique: u64,
    pub(crate) unique_bytes: u64,
    pub(crate) retransmitted: u64,
    pub(crate) retransmitted_bytes: u64,
    pub(crate) lost: u64,
    pub(crate) dropped: u64,
    pub(crate) dropped_bytes: u64,
    /// Reports of the peer about packets that were never sent.
    pub(crate) nonsense: u64,
}

/// Limits of the sending half.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Packets that are kept.
    pub(crate) capacity: usize,
    /// Bytes a second, headers included.
    pub(crate) bandwidth: u64,
    /// Bytes a second of what is sent again.
    pub(crate) retransmit_bandwidth: Option<u64>,
    /// The peer's latency: how long it waits for a packet.
    pub(crate) latency: Duration,
    /// Whether the peer drops what comes too late.
    pub(crate) drop_late: bool,
    /// Whether the peer reports losses again and again.
    pub(crate) periodic_nak: bool,
    /// Whether the peer knows the mark of packets that are sent again.
    pub(crate) mark_again: bool,
    /// Packets that the peer takes before it acknowledges any.
    pub(crate) window: u32,
}

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct Sender {
    peer: SocketId,
    numbering: Numbering,
    buffer: Buffer,
    /// Position of the next packet that has not been sent yet.
    cursor: i64,
    losses: RangeSet,
    /// The first position that the peer has no room for.
    limit: i64,
    message: MessageNumber,
    keys: Option<SendKeys>,
    limits: Limits,
    pace: Bucket,
    retransmit_pace: Option<Bucket>,
    /// A packet whose last chance this was: it goes out twice.
    again: Option<i64>,
    last_sent: Instant,
    probes: u32,
    /// Since when something is not acknowledged, and how long that was so before.
    busy: (Option<Instant>, Duration),
    pub(crate) counts: Counts,
    pub(crate) rates: Rates,
}

impl Sender {
    pub(crate) fn new(now: Instant, peer: SocketId, first: SeqNumber, limits: Limits, keys: Option<SendKeys>) -> Self {
        let bucket = |rate: u64| {
            let burst = u64::try_from(u128::from(rate) * BURST_TIME.as_millis() / 1000).unwrap_or(u64::MAX);
            Bucket::new(rate, burst.max(MIN_BURST), now)
        };
        Self {
            peer,
            numbering: Numbering(first),
            buffer: Buffer::default(),
            cursor: 0,
            losses: RangeSet::default(),
            limit: i64::from(limits.window.max(2)),
            message: MessageNumber::FIRST,
            keys,
            pace: bucket(limits.bandwidth),
            retransmit_pace: limits.retransmit_bandwidth.map(bucket),
            limits,
            again: None,
            last_sent: now,
            probes: 0,
            busy: (None, Duration::ZERO),
            counts: Counts::default(),
            rates: Rates::default(),
        }
    }

    /// Queues a payload; `false` when the buffer is full.
    pub(crate) fn push(&mut self, now: Instant, time: WireTime, payload: &[u8], entropy: &mut Entropy) -> bool {
        self.drop_late(now);
        if self.buffer.len() >= self.limits.capacity {
            self.counts.dropped += 1;
            self.counts.dropped_bytes += payload.len() as u64 + OVERHEAD;
            return false;
        }
        let position = self.buffer.end();
        let mut data = Data {
            seq: self.numbering.seq(position),
            position: Position::Solo,
            in_order: false,
            key: KeyFlag::Clear,
            retransmitted: false,
            message: self.message,
            payload: (),
        };
        // Written and encrypted once; header and payload share one piece of memory until they are acknowledged.
        let mut datagram = Vec::with_capacity(HEADER_LEN + payload.len());
        datagram.resize(HEADER_LEN, 0);
        datagram.extend_from_slice(payload);
        if let Some((header, payload)) = datagram.split_first_chunk_mut::<HEADER_LEN>() {
            if let Some(keys) = &mut self.keys {
                data.key = keys.seal(position, self.buffer.base(), data.seq, payload, entropy);
            }
            *header = packet::data_header(time, self.peer, &data);
        }
        self.busy.0.get_or_insert(now);
        self.buffer.push(Sent { datagram: datagram.into(), queued: now, sent: None, times: 0 });
        self.message = self.message.next();
        true
    }

    /// How many payloads can be queued now, once what comes too late is given up.
    pub(crate) fn room_now(&mut self, now: Instant) -> usize {
        self.drop_late(now);
        self.room()
    }

    /// How old a packet may get.
    fn max_age(&self) -> Duration {
        self.limits.latency.max(MIN_DROP_AGE) + DROP_MARGIN
    }

    /// Gives up what comes too late anyway ("Too-Late Packet Drop", the sender's part). The peer is told when it asks.
    fn drop_late(&mut self, now: Instant) {
        if !self.limits.drop_late {
            return;
        }
        let max_age = self.max_age();
        while self.buffer.front().is_some_and(|sent| now.saturating_duration_since(sent.queued) > max_age) {
            let Some(sent) = self.buffer.pop() else { break };
            self.counts.dropped += 1;
            self.counts.dropped_bytes += sent.len() as u64 + OVERHEAD;
        }
        self.settle(now);
    }

    /// Brings the rest in line with a buffer that begins later.
    fn settle(&mut self, now: Instant) {
        let base = self.buffer.base();
        if self.buffer.len() == 0
            && let Some(since) = self.busy.0.take()
        {
            self.busy.1 += now.saturating_duration_since(since);
        }
        self.cursor = self.cursor.max(base);
        self.limit = self.limit.max(base.saturating_add(2));
        self.losses.remove_before(base);
    }

    /// The next packet to send: what was lost first, then what is new.
    pub(crate) fn poll(&mut self, now: Instant, rtt: &RoundTrip) -> Option<Bytes> {
        if self.buffer.len() == 0 || !self.pace.is_ready(now) {
            return None;
        }
        if let Some(position) = self.again.take().filter(|position| *position >= self.buffer.base()) {
            return self.emit(now, position);
        }
        while self.retransmit_pace.as_mut().is_none_or(|pace| pace.is_ready(now)) {
            let Some(position) = self.losses.pop_first() else { break };
            let Some(sent) = self.buffer.at(position) else { continue };
            // A report that was on its way while the packet was sent again says nothing new. Only for peers that
            // report again.
            let recent = sent.times > 1
                && self.limits.periodic_nak
                && sent.sent.is_some_and(|at| now.saturating_duration_since(at) < rtt.least());
            if recent {
                continue;
            }
            let age = now.saturating_duration_since(sent.queued);
            if age > self.max_age() && self.limits.drop_late {
                continue;
            }
            // No time for another report and another try: make this one count.
            if sent.times > 1 && age + rtt.smoothed() * 2 > self.limits.latency {
                self.again = Some(position);
            }
            return self.emit(now, position);
        }
        if self.cursor < self.buffer.end() && self.cursor < self.limit {
            let position = self.cursor;
            self.cursor += 1;
            return self.emit(now, position);
        }
        // A lost last packet shows only when another one comes.
        if self.probe_at(rtt).is_some_and(|at| at <= now) {
            self.probes = self.probes.saturating_add(1);
            return self.emit(now, self.cursor - 1);
        }
        None
    }

    fn emit(&mut self, now: Instant, position: i64) -> Option<Bytes> {
        let sent = self.buffer.at_mut(position)?;
        let again = sent.times > 0;
        sent.times = sent.times.saturating_add(1);
        sent.sent = Some(now);
        let len = sent.len() as u64 + OVERHEAD;
        let datagram = if again && self.limits.mark_again {
            packet::marked_again(&sent.datagram).into()
        } else {
            sent.datagram.clone()
        };
        self.last_sent = now;
        self.pace.take(now, len);
        self.counts.packets += 1;
        self.counts.bytes += len;
        self.rates.count(now, len);
        if again {
            self.counts.retransmitted += 1;
            self.counts.retransmitted_bytes += len;
            if let Some(pace) = &mut self.retransmit_pace {
                pace.take(now, len);
            }
        } else {
            self.probes = 0;
            self.counts.unique += 1;
            self.counts.unique_bytes += len;
        }
        Some(datagram)
    }

    /// When to send the last packet once more, if nothing else is to be sent and nobody has acknowledged it.
    fn probe_at(&self, rtt: &RoundTrip) -> Option<Instant> {
        let idle = self.cursor == self.buffer.end() && self.cursor > self.buffer.base() && self.losses.is_empty();
        idle.then(|| self.last_sent + (rtt.patience() + DROP_MARGIN) * self.probes.saturating_add(1))
    }

    /// When [`Sender::poll`] may have something again.
    pub(crate) fn deadline(&mut self, now: Instant, rtt: &RoundTrip) -> Option<Instant> {
        let new = self.cursor < self.buffer.end() && self.cursor < self.limit;
        if self.again.is_some() || new {
            return Some(if self.pace.is_ready(now) { now } else { self.pace.ready_at() });
        }
        if !self.losses.is_empty() {
            let pace = self.pace.ready_at();
            return Some(self.retransmit_pace.as_ref().map_or(pace, |bucket| bucket.ready_at().max(pace)).max(now));
        }
        self.probe_at(rtt)
    }

    /// Takes an acknowledgement; `false` when it is for packets that were never sent.
    pub(crate) fn acknowledged(&mut self, now: Instant, next: SeqNumber, room: Option<u32>) -> bool {
        let position = self.numbering.position(next, self.cursor);
        if position > self.cursor {
            self.counts.nonsense += 1;
            return false;
        }
        if let Some(room) = room {
            self.limit = position.saturating_add(room.max(2).into());
        }
        while self.buffer.base() < position && self.buffer.pop().is_some() {}
        self.settle(now);
        true
    }

    /// Takes a loss report; says what the peer must stop asking for.
    pub(crate) fn lost(&mut self, ranges: &[LossRange]) -> Vec<LossRange> {
        let mut gone = Vec::new();
        for range in ranges {
            let mut range = self.numbering.range(*range, self.cursor);
            if range.end > self.cursor {
                self.counts.nonsense += 1;
                range.end = self.cursor;
            }
            if range.is_empty() {
                continue;
            }
            let base = self.buffer.base();
            let before = range.start..range.end.min(base);
            if !before.is_empty() {
                gone.push(self.numbering.wire(&before));
            }
            let known = range.start.max(base)..range.end;
            if !known.is_empty() {
                self.counts.lost += (known.end - known.start).unsigned_abs();
                self.losses.insert(known);
            }
        }
        gone
    }

    pub(crate) const fn keys_mut(&mut self) -> Option<&mut SendKeys> {
        self.keys.as_mut()
    }

    pub(crate) const fn keys(&self) -> Option<&SendKeys> {
        self.keys.as_ref()
    }

    /// Packets and bytes that are not acknowledged, and the age of the oldest.
    pub(crate) fn waiting(&self, now: Instant) -> (usize, usize, Duration) {
        let age = self.buffer.front().map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent.queued));
        (self.buffer.len(), self.buffer.bytes(), age)
    }

    /// Packets that can be queued.
    pub(crate) fn room(&self) -> usize {
        self.limits.capacity.saturating_sub(self.buffer.len())
    }

    /// How long something was not acknowledged, all together.
    pub(crate) fn busy(&self, now: Instant) -> Duration {
        self.busy.1 + self.busy.0.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Packets that have been sent and are not acknowledged.
    pub(crate) const fn in_flight(&self) -> u64 {
        (self.cursor - self.buffer.base()).unsigned_abs()
    }

    /// Packets that the peer takes.
    pub(crate) fn window(&self) -> u64 {
        u64::try_from(self.limit - self.buffer.base()).unwrap_or(0)
    }

    pub(crate) const fn latency(&self) -> Duration {
        self.limits.latency
    }

    pub(crate) const fn bandwidth(&self) -> u64 {
        self.limits.bandwidth
    }
}
