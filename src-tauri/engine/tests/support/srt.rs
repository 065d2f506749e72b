//! A small SRT caller, an encoder or a player, that does what a test says.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::net::UdpSocket;
use weir_engine::status::ListenerState;
use weir_engine::{Config, Engine};
use weir_media::{Frame, Tracks};
use weir_mpegts::Muxer;
use weir_srt::caller::{self, Call, CallError};
use weir_srt::connection::{Closed, Event, Output};
use weir_srt::crypto::{KeyLength, Passphrase};
use weir_srt::handshake::{Reject, StreamId};
use weir_srt::{Connection, Entropy};

use super::PATIENCE;

/// Payload bytes of a packet: seven packets of a transport stream.
const PAYLOAD: usize = 1316;

/// Switches the server on, on a port of its own; nothing comes too late, however busy the machine is.
pub(crate) fn on(config: &mut Config) {
    config.srt.enabled = true;
    config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.srt.latency_ms = 8000.try_into().unwrap();
}

/// Where the engine's SRT server listens.
pub(crate) fn address(engine: &Engine) -> SocketAddr {
    match engine.srt().listeners().remove(0).state {
        ListenerState::Listening { bound } => bound[0],
        other => panic!("SRT must listen: {other:?}"),
    }
}

/// One connection to a server.
pub(crate) struct Caller {
    socket: UdpSocket,
    peer: SocketAddr,
    connection: Connection,
    wake_at: Instant,
    events: VecDeque<Event>,
    muxer: Muxer,
    /// What came so far.
    pub(crate) received: Vec<u8>,
    pub(crate) closed: Option<Closed>,
    /// Data packets that left and that came, as the network saw them.
    pub(crate) sent: Flow,
    pub(crate) arrived: Flow,
}

/// Packets that carry media, and their bytes with every header of theirs, as SRT programs count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flow {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Flow {
    /// Headers of UDP and IP.
    const BELOW: u64 = 28;

    fn count(&mut self, datagram: &[u8]) {
        // The first bit tells control packets.
        if datagram.first().is_some_and(|first| first & 0x80 == 0) {
            self.packets += 1;
            self.bytes += datagram.len() as u64 + Self::BELOW;
        }
    }
}

impl Caller {
    /// Calls for `id`; says how it is refused if it is.
    pub(crate) async fn call(peer: SocketAddr, id: &str) -> Result<Self, Reject> {
        Self::call_with(peer, id, None, None).await
    }

    pub(crate) async fn call_with(
        peer: SocketAddr,
        id: &str,
        passphrase: Option<&str>,
        key_length: Option<KeyLength>,
    ) -> Result<Self, Reject> {
        let passphrase = passphrase.map(|text| Passphrase::new(text).unwrap());
        let stream_id = StreamId::new(id.to_owned());
        let call = Call { stream_id, passphrase, key_length, timeout: PATIENCE, ..Call::default() };
        Self::dial_from(Ipv4Addr::LOCALHOST, peer, id, call).await
    }

    /// Calls from another address of this computer.
    pub(crate) async fn call_from(from: Ipv4Addr, peer: SocketAddr, id: &str) -> Result<Self, Reject> {
        let stream_id = StreamId::new(id.to_owned());
        Self::dial_from(from, peer, id, Call { stream_id, timeout: PATIENCE, ..Call::default() }).await
    }

    async fn dial_from(from: Ipv4Addr, peer: SocketAddr, id: &str, call: Call) -> Result<Self, Reject> {
        match Self::dial(from, peer, call).await {
            Ok(caller) => Ok(caller),
            Err(CallError::Rejected(reject)) => Err(reject),
            Err(error) => panic!("{id}: {error}"),
        }
    }

    async fn dial(from: Ipv4Addr, peer: SocketAddr, call: Call) -> Result<Self, CallError> {
        let socket = UdpSocket::bind((from, 0)).await.unwrap();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let mut calling = caller::Caller::new(Instant::now(), peer, call, Entropy::new(seed));
        let mut wake_at = Instant::now();
        let mut datagram = [0; 2048];
        loop {
            while let Some(output) = calling.poll_output() {
                match output {
                    caller::Output::Send(datagram) => drop(socket.send_to(&datagram, peer).await),
                    caller::Output::WakeAt(at) => wake_at = at,
                    caller::Output::Failed(error) => return Err(error),
                    caller::Output::Connected(connection) => {
                        let (events, received) = (VecDeque::new(), Vec::new());
                        let wake_at = Instant::now();
                        let (sent, arrived) = (Flow::default(), Flow::default());
                        let connection = *connection;
                        return Ok(Self {
                            socket,
                            peer,
                            connection,
                            wake_at,
                            events,
                            muxer: Muxer::new(),
                            received,
                            closed: None,
                            sent,
                            arrived,
                        });
                    }
                }
            }
            tokio::select! {
                got = socket.recv_from(&mut datagram) => if let Ok((len, _)) = got {
                    calling.handle_datagram(Instant::now(), &datagram[..len]);
                },
                () = tokio::time::sleep_until(wake_at.into()) => calling.handle_timeout(Instant::now()),
            }
        }
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs the connection until it is closed or `done`.
    pub(crate) async fn run(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let running = async {
            loop {
                self.pump().await;
                if self.closed.is_some() || done(self) {
                    return;
                }
                self.step().await;
            }
        };
        tokio::time::timeout(PATIENCE, running).await.expect("it happens in time");
    }

    /// Runs it until the other end closes it.
    pub(crate) async fn last(&mut self) -> Closed {
        self.run(|_| false).await;
        self.closed.expect("closed")
    }

    /// Sends bytes and waits until all of them are acknowledged, or the other end has closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        for payload in bytes.chunks(PAYLOAD) {
            self.run(|this| this.connection.is_closed() || this.has_room()).await;
            if self.connection.send(Instant::now(), Bytes::copy_from_slice(payload)).is_err() {
                break;
            }
            self.pump().await;
        }
        self.run(|this| this.connection.statistics(Instant::now()).pkt_snd_buf == 0).await;
    }

    /// Sends frames as a transport stream, which goes on with each call.
    pub(crate) async fn send_frames(&mut self, tracks: &Tracks, frames: &[Frame]) {
        let mut packets = BytesMut::new();
        self.muxer.set_tracks(tracks);
        frames.iter().for_each(|frame| self.muxer.write(frame, &mut packets));
        self.send(&packets).await;
    }

    /// Ends it and tells the other end.
    pub(crate) async fn close(mut self) {
        self.connection.close(Instant::now());
        self.pump().await;
    }

    fn has_room(&self) -> bool {
        self.connection.statistics(Instant::now()).pkt_snd_buf < 1000
    }

    async fn pump(&mut self) {
        while let Some(output) = self.connection.poll_output() {
            match output {
                Output::Send(datagram) => {
                    self.sent.count(&datagram);
                    let _ = self.socket.send_to(&datagram, self.peer).await;
                }
                Output::WakeAt(at) => self.wake_at = at,
                Output::Event(event) => self.events.push_back(event),
            }
        }
        while let Some(event) = self.events.pop_front() {
            match event {
                Event::Payload(payload) => self.received.extend_from_slice(&payload),
                Event::Lost { packets } => panic!("{packets} lost on loopback"),
                Event::Closed(why) => self.closed = Some(why),
            }
        }
    }

    async fn step(&mut self) {
        let mut datagram = [0; 2048];
        // Who waits looks now and then at what has no datagram.
        let wake_at = self.wake_at.min(Instant::now() + Duration::from_millis(20));
        tokio::select! {
            got = self.socket.recv_from(&mut datagram) => if let Ok((len, _)) = got {
                self.arrived.count(&datagram[..len]);
                self.connection.handle_datagram(Instant::now(), &datagram[..len]);
            },
            () = tokio::time::sleep_until(wake_at.into()) => {
                if self.wake_at <= Instant::now() {
                    self.connection.handle_timeout(Instant::now());
                }
            }
        }
    }
}
