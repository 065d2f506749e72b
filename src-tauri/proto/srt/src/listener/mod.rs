//! The end that is called. Nothing is kept for a caller until its cookie shows that it receives what it is sent.

mod floods;
mod guests;
mod request;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use floods::Floods;
pub use floods::MAX_ADDRESSES;
use guests::{Answer, Guests, Known};
pub use guests::{MAX_ANSWERS, MAX_WAITING, MAX_WAITING_PER_ADDRESS};
pub use request::{Encryption, Request, RequestId, Unlocked};

use crate::connection::{Agreed, Config, Connection};
use crate::crypto::{self, KeyLength, KeyMessage, ReceiveKeys, SendKeys};
use crate::entropy::Entropy;
use crate::handshake::{
    self, Ability, Extensions, Flags, Handshake, KeyAnswer, Kind, Reject, StreamId, Version, cookie::Baker, negotiate,
};
use crate::packet::{Body, Control, HEADER_LEN, MAX_PACKET, Packet, SocketId, WireTime};

/// Largest frame of the network, headers included: Ethernet.
pub(crate) const MTU: u32 = 1500;
/// Smallest one that is believed: what IPv4 must carry. Protects against payloads of no bytes.
const MIN_MTU: u32 = 576;
/// Packets that the peer may send before it hears from us: the reference implementation's default.
pub(crate) const WINDOW: u32 = 8192;
/// Most connections of one listener. Protects memory.
pub const MAX_CONNECTIONS: usize = 4096;
/// What marks the answer to an induction in the extension field.
pub(crate) const MAGIC: u16 = 0x4A17;
/// How often old state is looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Something a listener tells the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A caller waits to be let in.
    Request(Box<Request>),
    /// A caller has been refused by the protocol itself.
    Refused(Refusal),
}

/// A caller that was refused before anyone was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its address.
    pub peer: SocketAddr,
    /// The stream it wanted, as far as known.
    pub stream_id: StreamId,
    /// The code it was told.
    pub reject: Reject,
    /// What was wrong, in words.
    pub cause: String,
}

/// One thing a listener wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram to this address.
    Send(SocketAddr, Bytes),
    /// Something the application should know or decide.
    Event(Event),
    /// Call [`Listener::handle_timeout`] at this time or earlier; replaces any earlier wish.
    WakeAt(Instant),
}

/// Why a caller cannot be accepted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// It has been answered, or has gone away.
    #[error("the caller does not wait any more")]
    Gone,
    /// There are too many connections; the caller has been told.
    #[error("there are {MAX_CONNECTIONS} connections already")]
    TooMany,
}

/// The end that is called.
#[derive(Debug)]
pub struct Listener {
    entropy: Entropy,
    baker: Baker,
    started: Instant,
    advertised: Option<KeyLength>,
    inductions: Floods,
    conclusions: Floods,
    guests: Guests,
    live: HashSet<SocketId>,
    outputs: VecDeque<Output>,
    swept: Instant,
    announced: Option<Instant>,
}

impl Listener {
    /// A listener; `advertised` is the key length that callers without a choice of their own take.
    pub fn new(now: Instant, mut entropy: Entropy, advertised: Option<KeyLength>) -> Self {
        let baker = Baker::new(entropy.secret(), now);
        Self {
            entropy,
            baker,
            started: now,
            advertised,
            inductions: Floods::of_anyone(),
            conclusions: Floods::of_the_real(now),
            guests: Guests::default(),
            live: HashSet::new(),
            outputs: VecDeque::new(),
            swept: now,
            announced: None,
        }
    }

    /// Callers that come from now on and have no choice of their own take this key length.
    pub const fn advertise(&mut self, key_length: Option<KeyLength>) {
        self.advertised = key_length;
    }

    /// Takes a datagram for socket 0 ([`crate::packet::destination`]).
    pub fn handle_datagram(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) {
        if datagram.len() > MAX_PACKET {
            return;
        }
        let Ok(Packet { time, body: Body::Control(Control::Handshake(body)), .. }) = Packet::parse(datagram) else {
            return;
        };
        let Ok((handshake, extensions)) = Handshake::parse(&body) else { return };
        match handshake.kind {
            Kind::Induction if self.inductions.allow(now, peer.ip()) => self.induction(now, peer, handshake),
            Kind::Induction => {}
            Kind::Conclusion if self.baker.is_ours(peer, now, handshake.cookie) => {
                if self.conclusions.allow(now, peer.ip()) {
                    self.conclusion(now, peer, time, &handshake, extensions);
                }
            }
            // Nothing is said to a wrong cookie: the address may not be the sender's.
            Kind::Conclusion | Kind::Reject(_) | Kind::Other(_) => {}
        }
    }

    /// Forgets what is old.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.announced = None;
        if now.saturating_duration_since(self.swept) >= SWEEP {
            self.swept = now;
            self.guests.expire(now);
            self.inductions.expire(now);
            self.conclusions.expire(now);
        }
    }

    /// The next thing to do; ask until there is none after each call of another method.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.announced.is_some() || self.kept() == 0 {
            return None;
        }
        let deadline = self.swept + SWEEP;
        self.announced = Some(deadline);
        Some(Output::WakeAt(deadline))
    }

    /// How many callers and addresses are remembered: at most [`MAX_WAITING`] callers that wait, [`MAX_ANSWERS`] answers, and
    /// twice [`MAX_ADDRESSES`] addresses, however many datagrams come.
    pub fn kept(&self) -> usize {
        self.guests.len() + self.inductions.len() + self.conclusions.len()
    }

    /// Lets a caller in.
    pub fn accept(
        &mut self,
        now: Instant,
        request: &Request,
        unlocked: Unlocked,
        config: &Config,
    ) -> Result<Connection, AcceptError> {
        if !self.guests.is_waiting(&request.id) {
            return Err(AcceptError::Gone);
        }
        if self.live.len() >= MAX_CONNECTIONS {
            self.reject(now, &request.id, Reject::RESOURCE);
            return Err(AcceptError::TooMany);
        }
        let local = self.new_id();
        let latency = negotiate(config.latency, request.latency);
        let mtu = request.mtu.clamp(MIN_MTU, MTU);
        let ability = Ability { version: Version::OURS, flags: Flags::OURS, latency };
        let key_response = unlocked.0.as_ref().map(|opened| KeyAnswer::Echo(opened.message.clone()));
        let extensions = Extensions { response: Some(ability), key_response, ..Extensions::default() };
        let reply = Handshake {
            version: 5,
            encryption: request.key_length().map_or(0, KeyLength::handshake_field),
            extension: extensions.field(),
            seq: request.id.first,
            mtu,
            window: u32::try_from(config.limits.receive_buffer).unwrap_or(WINDOW).clamp(32, WINDOW),
            kind: Kind::Conclusion,
            socket: local,
            cookie: self.baker.bake(request.id.peer, now),
            address: handshake::wire_address(request.id.peer),
        };
        let mut body = reply.to_bytes();
        extensions.write(&mut body);
        let packet = handshake_packet(WireTime(0), request.id.socket, body);
        let answer = Answer { datagram: packet, started: now, local: Some(local) };
        self.send_answer(now, request.id.peer, &answer);
        self.guests.answer(&request.id, answer);
        let (receive_keys, send_keys) = match unlocked.0 {
            None => (None, None),
            // Until it makes its own, this end sends with the caller's keys.
            Some(opened) => (
                Some(ReceiveKeys::new(opened.passphrase, opened.kek.clone(), opened.keys.clone())),
                SendKeys::new(opened.kek, opened.keys, config.key_refresh),
            ),
        };
        let agreed = Agreed {
            local,
            peer: request.id.socket,
            peer_version: request.version,
            peer_flags: request.flags,
            latency,
            started: now,
            base: request.base,
            send_from: request.id.first,
            receive_from: request.id.first,
            max_payload: max_payload(mtu, request.id.peer),
            window: request.window,
            receive_keys,
            send_keys,
            entropy: self.entropy.fork(),
            round_trip: None,
        };
        Ok(Connection::new(now, agreed, config))
    }

    /// Refuses a caller. It hears the code at once and can say why.
    pub fn reject(&mut self, now: Instant, id: &RequestId, reject: Reject) {
        let datagram = rejection(id, reject);
        let answer = Answer { datagram, started: self.started, local: None };
        if self.guests.is_waiting(id) {
            self.send_answer(now, id.peer, &answer);
            self.guests.answer(id, answer);
        }
    }

    /// A connection has ended: its id is free again, and a caller that returns is a new one.
    pub fn closed(&mut self, local: SocketId) {
        self.live.remove(&local);
        self.guests.forget(local);
    }

    fn new_id(&mut self) -> SocketId {
        loop {
            // Random, not zero, and without the bit that marks groups.
            let id = SocketId(self.entropy.word() & 0x3FFF_FFFF);
            if id.0 != 0 && self.live.insert(id) {
                return id;
            }
        }
    }

    /// Answers with as many bytes as were asked, and keeps nothing.
    fn induction(&mut self, now: Instant, peer: SocketAddr, request: Handshake) {
        if request.socket.0 == 0 {
            return;
        }
        let to = request.socket;
        let reply = Handshake {
            version: 5,
            encryption: self.advertised.map_or(0, KeyLength::handshake_field),
            extension: MAGIC,
            cookie: self.baker.bake(peer, now),
            ..request
        };
        let time = wire_time(self.started, now);
        self.outputs.push_back(Output::Send(peer, handshake_packet(time, to, reply.to_bytes()).into()));
    }

    fn conclusion(&mut self, now: Instant, peer: SocketAddr, time: WireTime, request: &Handshake, rest: &[u8]) {
        let id = RequestId { peer, socket: request.socket, first: request.seq };
        if id.socket.0 == 0 {
            return;
        }
        match self.guests.seen(now, id) {
            Known::Waiting | Known::Crowded => {}
            Known::Answered(answer) => self.send_answer(now, peer, &answer),
            Known::Full => {
                let datagram = rejection(&id, Reject::BACKLOG);
                self.outputs.push_back(Output::Send(peer, datagram.into()));
            }
            Known::New => match check(id, request, rest, (now, time)) {
                Ok(request) => self.outputs.push_back(Output::Event(Event::Request(request))),
                Err((reject, stream_id, cause)) => {
                    self.reject(now, &id, reject);
                    if request.version < 5 {
                        // Callers before 1.3 do not understand a rejection.
                        let to = id.socket;
                        let packet = Packet { time: WireTime(0), to, body: Body::Control(Control::Shutdown) };
                        self.outputs.push_back(Output::Send(peer, packet.to_datagram().into()));
                    }
                    let refusal = Refusal { peer, stream_id, reject, cause };
                    self.outputs.push_back(Output::Event(Event::Refused(refusal)));
                }
            },
        }
    }

    fn send_answer(&mut self, now: Instant, peer: SocketAddr, answer: &Answer) {
        let mut datagram = answer.datagram.clone();
        let time = wire_time(answer.started, now).0.to_be_bytes();
        datagram.iter_mut().skip(8).zip(time).for_each(|(to, from)| *to = from);
        self.outputs.push_back(Output::Send(peer, datagram.into()));
    }
}

/// Reads a conclusion whose cookie is right.
fn check(
    id: RequestId,
    request: &Handshake,
    rest: &[u8],
    base: (Instant, WireTime),
) -> Result<Box<Request>, (Reject, StreamId, String)> {
    if request.version != 5 {
        let cause = format!("it speaks handshake version {}; SRT 1.3 or newer is needed", request.version);
        return Err((Reject::VERSION, StreamId::default(), cause));
    }
    let found = Extensions::parse(rest).map_err(|error| (Reject::ROGUE, StreamId::default(), error.to_string()))?;
    let stream_id = found.stream_id.clone().unwrap_or_default();
    let refuse = |reject, cause: String| Err((reject, stream_id.clone(), cause));
    let Some(ability) = found.request else {
        return refuse(Reject::ROGUE, "its handshake lacks the SRT extension".into());
    };
    if ability.flags.contains(Flags::STREAM) {
        return refuse(Reject::MESSAGE_API, "it is in file mode; live mode (transtype=live) is needed".into());
    }
    if let Some(congestion) = found.congestion.filter(|congestion| congestion != "live") {
        return refuse(Reject::CONGESTION, format!("it wants congestion control {congestion:?}; only live is offered"));
    }
    if let Some(filter) = found.filter.filter(|filter| !filter.is_empty()) {
        return refuse(
            Reject::FILTER,
            format!("it wants packet filter {filter:?}; remove packetfilter from its settings"),
        );
    }
    if found.group {
        return refuse(Reject::GROUP, "it wants to bond several connections; use a single one".into());
    }
    let encryption = match found.key_request.as_deref().map(KeyMessage::parse) {
        None => Encryption::Clear,
        Some(Ok(message)) => Encryption::Key(message),
        Some(Err(error @ (crypto::Error::Gcm | crypto::Error::UnknownCipher(_)))) => {
            return refuse(Reject::CRYPTO, error.to_string());
        }
        Some(Err(error)) => return refuse(Reject::ROGUE, error.to_string()),
    };
    Ok(Box::new(Request {
        id,
        version: ability.version,
        flags: ability.flags,
        stream_id,
        encryption,
        latency: ability.latency,
        mtu: request.mtu,
        window: request.window,
        base,
    }))
}

fn rejection(id: &RequestId, reject: Reject) -> Vec<u8> {
    let handshake = Handshake {
        version: 5,
        encryption: 0,
        extension: 0,
        seq: id.first,
        mtu: MTU,
        window: WINDOW,
        kind: Kind::Reject(reject),
        socket: id.socket,
        cookie: 0,
        address: handshake::wire_address(id.peer),
    };
    handshake_packet(WireTime(0), id.socket, handshake.to_bytes())
}

pub(crate) fn handshake_packet(time: WireTime, to: SocketId, body: Vec<u8>) -> Vec<u8> {
    Packet { time, to, body: Body::Control(Control::Handshake(body.into())) }.to_datagram()
}

pub(crate) fn wire_time(started: Instant, now: Instant) -> WireTime {
    WireTime(now.saturating_duration_since(started).as_micros() as u32)
}

/// What is left of a frame for media.
pub(crate) fn max_payload(mtu: u32, peer: SocketAddr) -> usize {
    let ip = if peer.ip().to_canonical().is_ipv4() { 20 } else { 40 };
    usize::try_from(mtu.clamp(MIN_MTU, MTU)).unwrap_or(0).saturating_sub(ip + 8 + HEADER_LEN)
}
