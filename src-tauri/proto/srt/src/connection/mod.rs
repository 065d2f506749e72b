//! One connection in live mode: datagrams and time go in, datagrams and events come out.

mod config;
mod statistics;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
pub use config::{Config, Delivery, Limits};
use statistics::Exchange;
pub use statistics::Statistics;

use crate::crypto::{KeyMessage, KeyState, ReceiveKeys, SendKeys};
use crate::entropy::Entropy;
use crate::handshake::{Flags, Latency, Version};
use crate::packet::{
    self, Ack, AckBody, Body, Control, Data, DropRequest, LossRange, MAX_PACKET, Packet, SeqNumber, SocketId, View,
    WireTime,
};
use crate::receiver::{Acks, Due, Receiver, Tsbpd};
use crate::rtt::RoundTrip;
use crate::sender::{self, Sender};

/// Time without sending after which a sign of life is sent.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// The least time between two reports of all losses.
const MIN_NAK_INTERVAL: Duration = Duration::from_millis(20);
/// How often a loss should be reported within the latency.
const NAKS_IN_LATENCY: u32 = 6;
/// How often the end of a connection is said, since nobody confirms it.
const SHUTDOWNS: usize = 2;

/// Something a connection tells the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next payload, in order.
    Payload(Bytes),
    /// Packets that will not come, between the payload before and the one after.
    Lost {
        /// How many.
        packets: u64,
    },
    /// The connection has ended; nothing follows.
    Closed(Closed),
}

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The peer ended it.
    #[error("the other end closed the connection")]
    ByPeer,
    /// Nothing came from the peer for too long.
    #[error("nothing came from the other end for {} seconds", .0.as_secs())]
    Idle(Duration),
    /// This end closed it.
    #[error("closed")]
    ByUs,
}

/// One thing a connection wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram to the peer.
    Send(Bytes),
    /// Something the application should know.
    Event(Event),
    /// Call [`Connection::handle_timeout`] at this time or earlier; replaces any earlier wish.
    WakeAt(Instant),
}

/// Why a payload is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It does not fit a packet.
    #[error("a payload of {len} bytes does not fit a packet, {most} do")]
    TooLong {
        /// Its length.
        len: usize,
        /// What fits.
        most: usize,
    },
    /// The peer does not take what it is sent, and the buffer is full.
    #[error("the send buffer is full: the other end takes less than it is sent")]
    Full,
    /// The connection has ended.
    #[error("the connection is closed")]
    Closed,
}

/// What the handshake has agreed on.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) local: SocketId,
    pub(crate) peer: SocketId,
    pub(crate) peer_version: Version,
    pub(crate) peer_flags: Flags,
    pub(crate) latency: Latency,
    /// Zero of our time stamps.
    pub(crate) started: Instant,
    /// When the peer's handshake came, and what time it bore.
    pub(crate) base: (Instant, WireTime),
    pub(crate) send_from: SeqNumber,
    pub(crate) receive_from: SeqNumber,
    pub(crate) max_payload: usize,
    pub(crate) window: u32,
    pub(crate) receive_keys: Option<ReceiveKeys>,
    pub(crate) send_keys: Option<SendKeys>,
    pub(crate) entropy: Entropy,
    /// A first idea of the round trip time.
    pub(crate) round_trip: Option<Duration>,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    local: SocketId,
    peer: SocketId,
    peer_version: Version,
    peer_flags: Flags,
    encrypted: bool,
    started: Instant,
    idle_timeout: Duration,
    max_payload: usize,
    receiver: Receiver,
    sender: Sender,
    acks: Acks,
    rtt: RoundTrip,
    entropy: Entropy,
    exchange: Exchange,
    last_sent: Instant,
    last_received: Instant,
    closed: bool,
    outbox: VecDeque<Bytes>,
    events: VecDeque<Event>,
    deadline: Option<Instant>,
    announced: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(now: Instant, agreed: Agreed, config: &Config) -> Self {
        let (arrival, time) = agreed.base;
        let tsbpd = Tsbpd::new(arrival, time, agreed.latency.receive);
        let encrypted = agreed.receive_keys.is_some();
        let limits = sender::Limits {
            capacity: config.limits.send_buffer,
            bandwidth: config.max_bandwidth,
            retransmit_bandwidth: config.max_retransmit_bandwidth,
            latency: agreed.latency.send,
            drop_late: agreed.peer_flags.contains(Flags::TOO_LATE_DROP),
            periodic_nak: agreed.peer_flags.contains(Flags::PERIODIC_NAK),
            mark_again: agreed.peer_flags.contains(Flags::RETRANSMIT),
            window: agreed.window,
        };
        let capacity = config.limits.receive_buffer;
        let mut connection = Self {
            local: agreed.local,
            peer: agreed.peer,
            peer_version: agreed.peer_version,
            peer_flags: agreed.peer_flags,
            encrypted,
            started: agreed.started,
            idle_timeout: config.idle_timeout,
            max_payload: agreed.max_payload,
            receiver: Receiver::new(agreed.receive_from, capacity, tsbpd, agreed.receive_keys, config.delivery),
            sender: Sender::new(now, agreed.peer, agreed.send_from, limits, agreed.send_keys),
            acks: Acks::default(),
            rtt: RoundTrip::new(),
            entropy: agreed.entropy,
            exchange: Exchange::default(),
            last_sent: now,
            last_received: now,
            closed: false,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            deadline: None,
            announced: None,
        };
        if let Some(round_trip) = agreed.round_trip {
            connection.rtt.told(round_trip, round_trip / 2);
        }
        connection.run(now);
        connection
    }

    /// Takes a datagram that came from the peer's address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        if self.closed {
            return;
        }
        let (time, view) = match packet::view(datagram) {
            Ok((time, to, view)) if to == self.local && datagram.len() <= MAX_PACKET => (time, view),
            _ => {
                self.exchange.invalid += 1;
                return;
            }
        };
        self.last_received = now;
        match view {
            View::Data(data) => self.data(now, time, data),
            View::Control(control) => self.control(now, time, control),
        }
        self.run(now);
    }

    /// Does what time has made due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.announced = None;
        if !self.closed {
            self.run(now);
        }
    }

    /// Sends a payload: in live mode at most 1456 bytes, less over IPv6 ([`Connection::max_payload`]).
    pub fn send(&mut self, now: Instant, payload: Bytes) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        if payload.len() > self.max_payload {
            return Err(SendError::TooLong { len: payload.len(), most: self.max_payload });
        }
        let time = self.time(now);
        let taken = self.sender.push(now, time, &payload, &mut self.entropy);
        self.run(now);
        if taken { Ok(()) } else { Err(SendError::Full) }
    }

    /// How many payloads [`Connection::send`] takes now.
    pub fn send_room(&mut self, now: Instant) -> usize {
        if self.closed { 0 } else { self.sender.room_now(now) }
    }

    /// Ends the connection and tells the peer. What has not been acknowledged is given up.
    pub fn close(&mut self, now: Instant) {
        if !self.closed {
            for _ in 0..SHUTDOWNS {
                self.control_out(now, Control::Shutdown);
            }
            self.end(Closed::ByUs);
        }
    }

    /// The next thing to do; ask until there is none after each call of another method.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(datagram) = self.outbox.pop_front() {
            return Some(Output::Send(datagram));
        }
        if let Some(event) = self.events.pop_front() {
            return Some(Output::Event(event));
        }
        // A deadline that moved later is not announced: waking up early is cheaper than saying so each time.
        let deadline = self.deadline.filter(|_| !self.closed)?;
        if self.announced.is_some_and(|announced| announced <= deadline) {
            return None;
        }
        self.announced = Some(deadline);
        Some(Output::WakeAt(deadline))
    }

    fn data(&mut self, now: Instant, time: WireTime, mut data: Data<&[u8]>) {
        self.acks.packet();
        if !self.peer_flags.contains(Flags::RETRANSMIT) {
            // Without the mark its bit belongs to the number of the message.
            if std::mem::take(&mut data.retransmitted) {
                data.message.0 |= 1 << 26;
            }
        }
        if let Some(lost) = self.receiver.receive(now, time, data) {
            self.loss_report(now, vec![lost]);
        }
    }

    fn control(&mut self, now: Instant, time: WireTime, control: Control) {
        match control {
            Control::Ack(ack) => self.ack(now, ack),
            Control::LossReport(ranges) => {
                self.exchange.nak_received += 1;
                for range in self.sender.lost(&ranges) {
                    self.control_out(now, Control::DropRequest(DropRequest { message: 0, range }));
                }
            }
            Control::AckAck(number) => {
                if let Some(sample) = self.acks.answered(now, number) {
                    self.rtt.sample(sample);
                    let longer = self.rtt.since_first(sample);
                    self.receiver.tsbpd_mut().sample(now, time, longer);
                }
            }
            Control::DropRequest(request) => self.receiver.drop_request(request.range),
            Control::Shutdown => {
                // What has arrived is worth having, whenever it would have been due.
                self.receiver.deliver(now + self.receiver.latency() * 2, &mut self.events);
                self.end(Closed::ByPeer);
            }
            Control::KeyRequest(body) => {
                let answer = self.new_keys(now, &body);
                self.control_out(now, Control::KeyResponse(answer));
            }
            Control::KeyResponse(body) => {
                if let Some(keys) = self.sender.keys_mut() {
                    keys.answered(&body);
                }
            }
            // A keepalive is not answered: two ends that do would never stop.
            Control::KeepAlive | Control::Handshake(_) | Control::Other(..) => {}
        }
    }

    fn ack(&mut self, now: Instant, ack: Ack) {
        self.exchange.ack_received += 1;
        if !self.sender.acknowledged(now, ack.next, ack.body.map(|body| body.room)) {
            return;
        }
        if let Some(body) = ack.body {
            self.rtt.told(body.rtt, body.rtt_var);
        }
        if ack.number != 0 {
            self.control_out(now, Control::AckAck(ack.number));
        }
    }

    /// Takes the keys of a message; the answer is the message itself, or what is wrong with it.
    fn new_keys(&mut self, now: Instant, body: &Bytes) -> Bytes {
        let highest = self.receiver.highest();
        let Some(keys) = self.receiver.keys_mut() else {
            return Bytes::copy_from_slice(&KeyState::NoSecret.to_bytes());
        };
        let taken = KeyMessage::parse(body).and_then(|message| keys.take(now, &message, highest));
        taken.map_or_else(|_| Bytes::copy_from_slice(&KeyState::BadSecret.to_bytes()), |()| body.clone())
    }

    fn end(&mut self, why: Closed) {
        self.closed = true;
        self.events.push_back(Event::Closed(why));
    }

    /// Does everything that is due, and finds out what is next.
    fn run(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if now.saturating_duration_since(self.last_received) >= self.idle_timeout {
            self.control_out(now, Control::Shutdown);
            self.receiver.deliver(now + self.receiver.latency() * 2, &mut self.events);
            self.end(Closed::Idle(self.idle_timeout));
            return;
        }
        self.receiver.deliver(now, &mut self.events);
        self.acknowledge(now);
        self.report_losses(now);
        if let Some(message) = self.sender.keys_mut().and_then(|keys| keys.poll(now, &self.rtt)) {
            self.control_out(now, Control::KeyRequest(message));
        }
        while let Some(datagram) = self.sender.poll(now, &self.rtt) {
            self.last_sent = now;
            self.outbox.push_back(datagram);
        }
        if now.saturating_duration_since(self.last_sent) >= KEEPALIVE {
            self.control_out(now, Control::KeepAlive);
        }
        let deadlines = [
            Some(self.last_received + self.idle_timeout),
            Some(self.last_sent + KEEPALIVE),
            self.receiver.deadline(),
            self.acks.deadline(now, self.receiver.next(), &self.rtt),
            self.receiver.is_reporting().then(|| self.receiver.report_deadline(self.nak_interval())).flatten(),
            self.sender.keys().and_then(|keys| keys.deadline(now)),
            self.sender.deadline(now, &self.rtt),
        ];
        self.deadline = deadlines.into_iter().flatten().min();
    }

    fn acknowledge(&mut self, now: Instant) {
        let next = self.receiver.next();
        while let Some(due) = self.acks.poll(now, next, &self.rtt) {
            let (number, body) = match due {
                Due::Light => (0, None),
                Due::Full { number, rates } => {
                    let body = AckBody {
                        rtt: self.rtt.smoothed(),
                        rtt_var: self.rtt.variance(),
                        room: self.receiver.room(),
                        rates: rates.then(|| self.receiver.rates.wire()),
                    };
                    (number, Some(body))
                }
            };
            self.exchange.ack_sent += 1;
            self.control_out(now, Control::Ack(Ack { number, next: self.receiver.seq(next), body }));
        }
    }

    /// Reports everything that is still missing, again and again.
    fn report_losses(&mut self, now: Instant) {
        if !self.receiver.is_reporting() {
            return;
        }
        let interval = self.nak_interval();
        for report in self.receiver.loss_reports(now, interval) {
            self.loss_report(now, report);
        }
    }

    /// The reference implementation's interval, but short enough for several tries within the latency: a stall of either end
    /// makes the variance large for a long time.
    fn nak_interval(&self) -> Duration {
        let most = (self.receiver.latency() / NAKS_IN_LATENCY).max(self.rtt.smoothed() * 5 / 4);
        (self.rtt.patience() / 2).min(most).max(MIN_NAK_INTERVAL)
    }

    fn loss_report(&mut self, now: Instant, ranges: Vec<LossRange>) {
        self.exchange.nak_sent += 1;
        self.control_out(now, Control::LossReport(ranges));
    }

    /// Our time, as it goes on the wire.
    fn time(&self, now: Instant) -> WireTime {
        WireTime(now.saturating_duration_since(self.started).as_micros() as u32)
    }

    fn control_out(&mut self, now: Instant, control: Control) {
        self.last_sent = now;
        let packet = Packet { time: self.time(now), to: self.peer, body: Body::Control(control) };
        self.outbox.push_back(packet.to_datagram().into());
    }

    /// The id that datagrams for this connection bear.
    pub const fn local(&self) -> SocketId {
        self.local
    }

    /// The peer's version.
    pub const fn peer_version(&self) -> Version {
        self.peer_version
    }

    /// What the peer can do.
    pub const fn peer_flags(&self) -> Flags {
        self.peer_flags
    }

    /// Whether payloads are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Latencies in force: of what is received, and of what is sent.
    pub const fn latency(&self) -> Latency {
        Latency { receive: self.receiver.latency(), send: self.sender.latency() }
    }

    /// Most bytes of a payload.
    pub const fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// Whether the connection has ended.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }
}
