//! Our end, on a real socket and by the real clock.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use weir_srt::caller::{self, Call, CallError};
use weir_srt::connection::{self, Closed, Config, Connection, Event};
use weir_srt::crypto::Passphrase;
use weir_srt::handshake::Reject;
use weir_srt::listener;
use weir_srt::{Caller, Entropy, Listener};

use crate::program::{CATCH_UP, packet};
use crate::trace::{Trace, Way};

/// Our end.
pub(crate) struct Endpoint {
    socket: UdpSocket,
    listener: Option<Listener>,
    caller: Option<Caller>,
    pub(crate) connection: Option<Connection>,
    peer: Option<SocketAddr>,
    passphrase: Option<Passphrase>,
    config: Config,
    /// How many of a thousand datagrams get lost, each way.
    pub(crate) loss: u64,
    dice: u64,
    /// Time between two packets.
    pub(crate) pace: Duration,
    pub(crate) received: Vec<u8>,
    pub(crate) lost: u64,
    pub(crate) closed: Option<Closed>,
    pub(crate) rejected: Option<Reject>,
    pub(crate) failed: Option<CallError>,
    pub(crate) stream_id: String,
    /// Packets that have been sent, and when the next is due.
    sent: Option<(Instant, u64)>,
    pub(crate) trace: Trace,
}

/// How long a trial may take. Only one that hangs takes it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Endpoint {
    fn new(passphrase: Option<&str>, config: Config) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        Self {
            socket,
            listener: None,
            caller: None,
            connection: None,
            peer: None,
            passphrase: passphrase.map(|text| Passphrase::new(text).unwrap()),
            config,
            loss: 0,
            dice: 1,
            pace: crate::PACE,
            received: vec![],
            lost: 0,
            closed: None,
            rejected: None,
            failed: None,
            stream_id: String::new(),
            sent: None,
            trace: Trace::new(),
        }
    }

    pub(crate) fn listen(passphrase: Option<&str>, config: Config) -> Self {
        let mut endpoint = Self::new(passphrase, config);
        endpoint.listener = Some(Listener::new(Instant::now(), Entropy::new([3; 32]), None));
        endpoint
    }

    pub(crate) fn call(port: u16, call: Call) -> Self {
        let mut endpoint = Self::new(None, call.config);
        let peer = SocketAddr::from(([127, 0, 0, 2], port));
        endpoint.peer = Some(peer);
        endpoint.caller = Some(Caller::new(Instant::now(), peer, call, Entropy::new([4; 32])));
        endpoint
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Runs until `done`; an error when that does not come, or the connection ends before.
    pub(crate) fn run(&mut self, sends: bool, mut done: impl FnMut(&Self) -> bool) -> Result<(), String> {
        let started = Instant::now();
        let mut buffer = [0; 2048];
        while !done(self) {
            if started.elapsed() > PATIENCE {
                return Err(format!("not done after {PATIENCE:?}; {}", self.state()));
            }
            if let Some(closed) = self.closed {
                return Err(format!("closed before it was done ({closed}); {}", self.state()));
            }
            // All that waits first, or a stalled machine would make acknowledgements look late.
            let mut budget = 256;
            while let Some((len, from)) = (budget > 0).then(|| self.socket.recv_from(&mut buffer).ok()).flatten() {
                budget -= 1;
                let unlucky = self.unlucky();
                self.trace.datagram(if unlucky { Way::Lost("in") } else { Way::In }, &buffer[..len]);
                if !unlucky {
                    self.arrive(from, &buffer[..len]);
                }
                if budget == 255 {
                    self.socket.set_nonblocking(true).unwrap();
                }
            }
            self.socket.set_nonblocking(false).unwrap();
            self.tick();
            if sends {
                self.send_due();
            }
            self.poll();
        }
        Ok(())
    }

    /// What has happened, in words.
    pub(crate) fn state(&self) -> String {
        let statistics = self.connection.as_ref().map(|connection| connection.statistics(Instant::now()));
        let failed = self.failed.as_ref().map(ToString::to_string);
        let sent = self.sent.map(|(_, sent)| sent);
        format!(
            "{} bytes received, {} packets lost, sent {sent:?}, failed {failed:?}, {statistics:?}\n{}",
            self.received.len(),
            self.lost,
            self.trace.story()
        )
    }

    /// Datagrams get lost once there is a connection: libsrt's program stops listening when it has accepted, so a lost
    /// answer of it would not come again.
    fn unlucky(&mut self) -> bool {
        if self.connection.is_none() {
            return false;
        }
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % 1000 < self.loss
    }

    fn arrive(&mut self, from: SocketAddr, datagram: &[u8]) {
        let now = Instant::now();
        let to = weir_srt::packet::destination(datagram);
        if let Some(connection) = self.connection.as_mut().filter(|connection| to == Some(connection.local())) {
            connection.handle_datagram(now, datagram);
        } else if let Some(caller) = &mut self.caller {
            caller.handle_datagram(now, datagram);
        } else if let Some(listener) = &mut self.listener {
            listener.handle_datagram(now, from, datagram);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
        if let Some(caller) = &mut self.caller {
            caller.handle_timeout(now);
        }
    }

    /// Sends packets at the pace of the trial, without an end.
    fn send_due(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let now = Instant::now();
        let (mut due, mut number) = self.sent.unwrap_or((now, 0));
        due = due.max(now.checked_sub(self.pace * CATCH_UP).unwrap_or(now));
        while due <= now && !connection.is_closed() {
            if connection.send(now, packet(number).into()).is_err() {
                // The buffer is full: the other end does not run.
                break;
            }
            due += self.pace;
            number += 1;
        }
        self.sent = Some((due, number));
    }

    fn send_to(&mut self, to: SocketAddr, datagram: &[u8]) {
        let unlucky = self.unlucky();
        self.trace.datagram(if unlucky { Way::Lost("out") } else { Way::Out }, datagram);
        if !unlucky {
            // A full socket loses datagrams, as a network does.
            let _ = self.socket.send_to(datagram, to);
        }
    }

    fn poll(&mut self) {
        while let Some(output) = self.listener.as_mut().and_then(Listener::poll_output) {
            match output {
                listener::Output::Send(to, datagram) => self.send_to(to, &datagram),
                listener::Output::WakeAt(_) => {}
                listener::Output::Event(listener::Event::Refused(refusal)) => self.rejected = Some(refusal.reject),
                listener::Output::Event(listener::Event::Request(request)) => self.decide(&request),
            }
        }
        while let Some(output) = self.caller.as_mut().and_then(Caller::poll_output) {
            match output {
                caller::Output::Send(datagram) => self.send_to(self.peer.unwrap(), &datagram),
                caller::Output::WakeAt(_) => {}
                caller::Output::Connected(connection) => {
                    self.connection = Some(*connection);
                }
                caller::Output::Failed(error) => self.failed = Some(error),
            }
        }
        while let Some(output) = self.connection.as_mut().and_then(Connection::poll_output) {
            match output {
                connection::Output::Send(datagram) => self.send_to(self.peer.unwrap(), &datagram),
                connection::Output::WakeAt(_) => {}
                connection::Output::Event(Event::Payload(payload)) => self.received.extend_from_slice(&payload),
                connection::Output::Event(Event::Lost { packets }) => self.lost += packets,
                connection::Output::Event(Event::Closed(why)) => self.closed = Some(why),
            }
        }
    }

    fn decide(&mut self, request: &listener::Request) {
        self.stream_id = request.stream_id.as_str().to_owned();
        let unlocked = request.unlock(self.passphrase.as_ref());
        let Some(listener) = &mut self.listener else { return };
        match unlocked {
            Ok(unlocked) => {
                self.peer = Some(request.id.peer);
                self.connection = listener.accept(Instant::now(), request, unlocked, &self.config).ok();
            }
            Err(reject) => {
                self.rejected = Some(reject);
                listener.reject(Instant::now(), &request.id, reject);
            }
        }
    }
}
