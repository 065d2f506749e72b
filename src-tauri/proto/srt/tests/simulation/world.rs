//! A caller and a listener, the network between them, and one virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use weir_srt::caller::{self, Call, CallError};
use weir_srt::connection::{self, Closed, Config, Connection, Event};
use weir_srt::crypto::Passphrase;
use weir_srt::listener;
use weir_srt::{Caller, Entropy, Listener};

use crate::link::{Faults, Link};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Listener,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Listener,
            Self::Listener => Self::Caller,
        }
    }
}

pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) round_trip: Duration,
    /// From the caller to the listener, and back.
    pub(crate) faults: (Faults, Faults),
    pub(crate) call: Call,
    pub(crate) config: Config,
    pub(crate) passphrase: Option<Passphrase>,
    /// How fast the caller's clock runs, in millionths more.
    pub(crate) caller_ppm: i64,
    /// What the caller's clock shows at the start.
    pub(crate) caller_uptime: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        let round_trip = Duration::from_millis(50);
        let mut config = Config::default();
        config.latency.receive = round_trip * 4;
        let mut call = Call { timeout: Duration::from_secs(20), ..Call::default() };
        call.config.latency.receive = round_trip * 4;
        Self {
            seed: 1,
            round_trip,
            faults: Default::default(),
            call,
            config,
            passphrase: None,
            caller_ppm: 0,
            caller_uptime: Duration::ZERO,
        }
    }
}

/// What one side has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connection: Option<Connection>,
    pub(crate) payloads: Vec<(Duration, Bytes)>,
    pub(crate) lost: u64,
    pub(crate) closed: Option<Closed>,
    wake: Option<Duration>,
}

pub(crate) struct World {
    setup: Setup,
    epoch: Instant,
    pub(crate) now: Duration,
    links: [Link; 2],
    flying: BTreeMap<(Duration, u64), (Side, Bytes)>,
    count: u64,
    caller: Caller,
    caller_wake: Option<Duration>,
    listener: Listener,
    pub(crate) at_caller: Seen,
    pub(crate) at_listener: Seen,
    pub(crate) failed: Option<CallError>,
    pub(crate) requests: u32,
    pub(crate) accepted: u32,
    address: SocketAddr,
    /// The key flag each side used last for something new, and how often it changed.
    used: [(u8, u32); 2],
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
        let epoch = Instant::now() + Duration::from_secs(100_000);
        let address: SocketAddr = "192.0.2.7:9000".parse().unwrap();
        let one_way = setup.round_trip / 2;
        let links =
            [Link::new(setup.faults.0, one_way, setup.seed), Link::new(setup.faults.1, one_way, setup.seed + 1000)];
        let caller = Caller::new(epoch - setup.caller_uptime, address, setup.call.clone(), Entropy::new([1; 32]));
        let listener = Listener::new(epoch, Entropy::new([2; 32]), None);
        let mut world = Self {
            epoch,
            now: Duration::ZERO,
            links,
            flying: BTreeMap::new(),
            count: 0,
            caller,
            caller_wake: None,
            listener,
            at_caller: Seen::default(),
            at_listener: Seen::default(),
            failed: None,
            requests: 0,
            accepted: 0,
            address,
            used: [(0, 0); 2],
            setup,
        };
        world.poll(Side::Caller);
        world
    }

    pub(crate) fn seen(&mut self, side: Side) -> &mut Seen {
        match side {
            Side::Caller => &mut self.at_caller,
            Side::Listener => &mut self.at_listener,
        }
    }

    /// How many keys a side has used.
    pub(crate) fn keys(&self, side: Side) -> u32 {
        self.used[usize::from(side == Side::Listener)].1
    }

    pub(crate) fn lost_on_the_way(&self) -> u64 {
        self.links[0].lost + self.links[1].lost
    }

    /// What a side's clock shows at a time of the world.
    pub(crate) fn clock(&self, side: Side, at: Duration) -> Instant {
        let ppm = if side == Side::Caller { self.setup.caller_ppm } else { 0 };
        let micros = at.as_micros() as i64;
        self.epoch + Duration::from_micros((micros + micros * ppm / 1_000_000) as u64)
    }

    /// The time of the world at which a side's clock shows `instant` or a little more.
    fn at(&self, side: Side, instant: Instant) -> Duration {
        let ppm = if side == Side::Caller { self.setup.caller_ppm } else { 0 };
        let micros = instant.saturating_duration_since(self.epoch).as_nanos().div_ceil(1000) as i64;
        Duration::from_micros((micros - micros * ppm / (1_000_000 + ppm)) as u64 + u64::from(ppm != 0))
    }

    fn transmit(&mut self, from: Side, datagram: Bytes) {
        // Data that is sent for the first time.
        if datagram[0] & 0x80 == 0 && datagram[4] & 0x04 == 0 {
            let (used, changes) = &mut self.used[usize::from(from == Side::Listener)];
            *changes += u32::from(*used != datagram[4] & 0x18);
            *used = datagram[4] & 0x18;
        }
        for arrival in self.links[usize::from(from == Side::Listener)].carry(self.now) {
            self.count += 1;
            self.flying.insert((arrival, self.count), (from.other(), datagram.clone()));
        }
    }

    pub(crate) fn send(&mut self, from: Side, payload: Bytes) -> bool {
        let now = self.clock(from, self.now);
        let sent = self.seen(from).connection.as_mut().is_some_and(|connection| connection.send(now, payload).is_ok());
        self.poll(from);
        sent
    }

    pub(crate) fn close(&mut self, side: Side) {
        let now = self.clock(side, self.now);
        if let Some(connection) = &mut self.seen(side).connection {
            connection.close(now);
        }
        self.poll(side);
    }

    /// Moves everything that happens until `end`.
    pub(crate) fn run_until(&mut self, end: Duration) {
        loop {
            let wakes = [self.caller_wake, self.at_caller.wake, self.at_listener.wake];
            let flying = self.flying.first_key_value().map(|((at, _), _)| *at);
            let next = wakes.into_iter().chain([flying]).flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if flying == Some(next) {
                let ((..), (to, datagram)) = self.flying.pop_first().unwrap();
                self.arrive(to, &datagram);
                continue;
            }
            for side in [Side::Caller, Side::Listener] {
                if self.seen(side).wake.is_some_and(|wake| wake <= next) {
                    let now = self.clock(side, self.now);
                    let seen = self.seen(side);
                    seen.wake = None;
                    if let Some(connection) = &mut seen.connection {
                        connection.handle_timeout(now);
                    }
                    self.poll(side);
                }
            }
            if self.caller_wake.is_some_and(|wake| wake <= next) {
                self.caller_wake = None;
                let now = self.clock(Side::Caller, self.now);
                self.caller.handle_timeout(now);
                self.poll(Side::Caller);
            }
        }
        self.now = self.now.max(end);
    }

    fn arrive(&mut self, to: Side, datagram: &[u8]) {
        let now = self.clock(to, self.now);
        let listening = to == Side::Listener && weir_srt::packet::destination(datagram).is_some_and(|to| to.0 == 0);
        if listening {
            self.listener.handle_datagram(now, "192.0.2.9:5000".parse().unwrap(), datagram);
        } else if let Some(connection) = &mut self.seen(to).connection {
            connection.handle_datagram(now, datagram);
        } else if to == Side::Caller {
            self.caller.handle_datagram(now, datagram);
        }
        self.poll(to);
    }

    fn poll(&mut self, side: Side) {
        match side {
            Side::Caller => self.poll_caller(),
            Side::Listener => self.poll_listener(),
        }
        let mut connection = self.seen(side).connection.take();
        while let Some(output) = connection.as_mut().and_then(Connection::poll_output) {
            match output {
                connection::Output::Send(datagram) => self.transmit(side, datagram),
                connection::Output::WakeAt(at) => self.seen(side).wake = Some(self.at(side, at)),
                connection::Output::Event(event) => {
                    let now = self.now;
                    let seen = self.seen(side);
                    match event {
                        Event::Payload(payload) => seen.payloads.push((now, payload)),
                        Event::Lost { packets } => seen.lost += packets,
                        Event::Closed(why) => seen.closed = Some(why),
                    }
                }
            }
        }
        self.seen(side).connection = connection;
    }

    fn poll_caller(&mut self) {
        while let Some(output) = self.caller.poll_output() {
            match output {
                caller::Output::Send(datagram) => self.transmit(Side::Caller, datagram),
                caller::Output::WakeAt(at) => self.caller_wake = Some(self.at(Side::Caller, at)),
                caller::Output::Connected(connection) => self.at_caller.connection = Some(*connection),
                caller::Output::Failed(error) => self.failed = Some(error),
            }
        }
    }

    fn poll_listener(&mut self) {
        while let Some(output) = self.listener.poll_output() {
            match output {
                listener::Output::Send(_, datagram) => self.transmit(Side::Listener, datagram),
                listener::Output::WakeAt(_) => {}
                listener::Output::Event(listener::Event::Refused(refusal)) => panic!("{refusal:?}"),
                listener::Output::Event(listener::Event::Request(request)) => {
                    self.requests += 1;
                    let now = self.clock(Side::Listener, self.now);
                    match request.unlock(self.setup.passphrase.as_ref()) {
                        Ok(unlocked) => {
                            let config = self.setup.config;
                            self.at_listener.connection =
                                Some(self.listener.accept(now, &request, unlocked, &config).unwrap());
                            self.accepted += 1;
                        }
                        Err(reject) => self.listener.reject(now, &request.id, reject),
                    }
                }
            }
        }
    }

    pub(crate) fn connect(&mut self) {
        while self.at_caller.connection.is_none() && self.failed.is_none() {
            assert!(self.now < Duration::from_secs(30), "no connection to {}", self.address);
            self.run_until(self.now + Duration::from_millis(10));
        }
    }

    /// Sends numbered payloads at an even pace.
    pub(crate) fn stream(&mut self, from: Side, count: u64, every: Duration) {
        for number in 0..count {
            let mut payload = vec![number as u8; 1316];
            payload[..8].copy_from_slice(&number.to_be_bytes());
            assert!(self.send(from, payload.into()));
            self.run_until(self.now + every);
        }
    }

    /// The numbers that a side has received, having checked the payloads.
    pub(crate) fn numbers(&mut self, side: Side) -> Vec<u64> {
        let numbers = self.seen(side).payloads.iter().map(|(_, payload)| {
            let number = u64::from_be_bytes(payload[..8].try_into().unwrap());
            assert!(payload.len() == 1316 && payload[8..].iter().all(|byte| *byte == number as u8), "broken payload");
            number
        });
        numbers.collect()
    }
}
