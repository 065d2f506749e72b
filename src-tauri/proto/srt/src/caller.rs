//! The end that calls.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::connection::{Agreed, Config, Connection};
use crate::crypto::{
    KeyLength, KeyMessage, KeyState, Keys, Passphrase, ReceiveKeys, Salt, SendKeys, StreamKey, WrappingKey,
};
use crate::entropy::Entropy;
use crate::handshake::{
    self, Ability, Extensions, Flags, Handshake, KeyAnswer, Kind, Reject, StreamId, Version, negotiate,
};
use crate::listener::{MAGIC, MTU, WINDOW, handshake_packet, max_payload, wire_time};
use crate::packet::{Body, Control, Packet, SeqNumber, SocketId, WireTime};

/// Time after which a question is repeated.
const REPEAT: Duration = Duration::from_millis(250);
/// Longest stream id that is sent.
pub const MAX_STREAM_ID: usize = 512;

/// What a caller wants.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which stream; empty for none. At most 512 bytes.
    pub stream_id: StreamId,
    /// The secret, for an encrypted connection.
    pub passphrase: Option<Passphrase>,
    /// The key length; `None` takes the listener's wish, or 128 bits.
    pub key_length: Option<KeyLength>,
    /// Time after which a listener that does not answer is given up.
    pub timeout: Duration,
    /// How the connection behaves.
    pub config: Config,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            stream_id: StreamId::default(),
            passphrase: None,
            key_length: None,
            timeout: Duration::from_secs(3),
            config: Config::default(),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody answered.
    #[error("no answer within {} ms; the address may be wrong, or UDP does not get through", .0.as_millis())]
    Timeout(Duration),
    /// The listener refused.
    #[error("refused: {0}")]
    Rejected(Reject),
    /// The listener ended it without a word.
    #[error("the other end closed the connection during the handshake")]
    Shutdown,
    /// The listener is too old.
    #[error("the other end speaks handshake version {0}; SRT 1.3 or newer is needed")]
    TooOld(u32),
    /// The listener's answer cannot be read.
    #[error("the answer cannot be read: {0}")]
    Malformed(#[from] handshake::Error),
    /// The listener's answer lacks something.
    #[error("the answer is incomplete: {0}")]
    Incomplete(&'static str),
    /// The listener did not take the keys.
    #[error("the other end did not take the passphrase: {0}")]
    Keys(&'static str),
    /// The stream id is too long.
    #[error("the stream id has {0} bytes, at most 512 are possible")]
    StreamIdTooLong(usize),
}

/// One thing a caller wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram to the peer.
    Send(Bytes),
    /// Call [`Caller::handle_timeout`] at this time or earlier; replaces any earlier wish.
    WakeAt(Instant),
    /// The connection stands; the caller is done.
    Connected(Box<Connection>),
    /// There is no connection; the caller is done.
    Failed(CallError),
}

/// Keys that the caller has made.
#[derive(Debug)]
struct Offer {
    passphrase: Passphrase,
    kek: WrappingKey,
    keys: Keys,
    message: Vec<u8>,
}

#[derive(Debug)]
enum Step {
    Induction,
    Conclusion { cookie: u32, offer: Option<Box<Offer>> },
    Done,
}

/// The end that calls.
#[derive(Debug)]
pub struct Caller {
    peer: SocketAddr,
    call: Call,
    entropy: Entropy,
    local: SocketId,
    first: SeqNumber,
    started: Instant,
    repeat: Instant,
    step: Step,
    /// How long the first answer took, unless the question was repeated.
    round_trip: Option<Duration>,
    outputs: VecDeque<Output>,
    announced: Option<Instant>,
}

impl Caller {
    /// Begins to call.
    pub fn new(now: Instant, peer: SocketAddr, call: Call, mut entropy: Entropy) -> Self {
        let local = SocketId((entropy.word() & 0x3FFF_FFFF).max(1));
        let first = SeqNumber::new(entropy.word());
        let mut caller = Self {
            peer,
            call,
            entropy,
            local,
            first,
            started: now,
            repeat: now,
            step: Step::Induction,
            round_trip: None,
            outputs: VecDeque::new(),
            announced: None,
        };
        let len = caller.call.stream_id.as_str().len();
        if len > MAX_STREAM_ID {
            caller.fail(CallError::StreamIdTooLong(len));
        } else {
            caller.ask(now);
        }
        caller
    }

    /// Takes a datagram that came from the peer's address.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(packet) = Packet::parse(datagram) else { return };
        // Old listeners answer to socket 0.
        if packet.to != self.local && packet.to.0 != 0 {
            return;
        }
        match packet.body {
            Body::Control(Control::Handshake(body)) => match self.answer(now, packet.time, &body) {
                Ok(()) => {}
                Err(error) => self.fail(error),
            },
            Body::Control(Control::Shutdown) => self.fail(CallError::Shutdown),
            _ => {}
        }
    }

    /// Repeats the question, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.announced = None;
        if now.saturating_duration_since(self.started) >= self.call.timeout {
            self.fail(CallError::Timeout(self.call.timeout));
        } else if now >= self.repeat {
            self.ask(now);
        }
    }

    /// The next thing to do; ask until there is none after each call of another method.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let deadline = self.repeat.min(self.started + self.call.timeout);
        if matches!(self.step, Step::Done) || self.announced.is_some_and(|announced| announced <= deadline) {
            return None;
        }
        self.announced = Some(deadline);
        Some(Output::WakeAt(deadline))
    }

    fn fail(&mut self, error: CallError) {
        if !matches!(self.step, Step::Done) {
            self.step = Step::Done;
            self.outputs.push_back(Output::Failed(error));
        }
    }

    fn ask(&mut self, now: Instant) {
        self.repeat = now + REPEAT;
        let blank = Handshake {
            version: 4,
            encryption: 0,
            extension: 2,
            seq: self.first,
            mtu: MTU,
            window: WINDOW,
            kind: Kind::Induction,
            socket: self.local,
            cookie: 0,
            address: handshake::wire_address(self.peer),
        };
        let body = match &self.step {
            Step::Done => return,
            Step::Induction => blank.to_bytes(),
            Step::Conclusion { cookie, offer } => {
                let ability = Ability { version: Version::OURS, flags: Flags::OURS, latency: self.call.config.latency };
                let stream_id = Some(self.call.stream_id.clone()).filter(|id| !id.is_empty());
                let key_request = offer.as_ref().map(|offer| offer.message.clone());
                let extensions = Extensions { request: Some(ability), stream_id, key_request, ..Extensions::default() };
                let handshake = Handshake {
                    version: 5,
                    encryption: offer.as_ref().map_or(0, |offer| offer.kek.length().handshake_field()),
                    extension: extensions.field(),
                    kind: Kind::Conclusion,
                    cookie: *cookie,
                    ..blank
                };
                let mut body = handshake.to_bytes();
                extensions.write(&mut body);
                body
            }
        };
        let datagram = handshake_packet(wire_time(self.started, now), SocketId(0), body);
        self.outputs.push_back(Output::Send(datagram.into()));
    }

    fn answer(&mut self, now: Instant, time: WireTime, body: &[u8]) -> Result<(), CallError> {
        let (answer, rest) = Handshake::parse(body)?;
        match (&self.step, answer.kind) {
            (Step::Done, _) | (_, Kind::Other(_)) => Ok(()),
            (_, Kind::Reject(reject)) => Err(CallError::Rejected(reject)),
            (Step::Induction, Kind::Induction) => {
                if answer.version < 5 || answer.extension != MAGIC {
                    return Err(CallError::TooOld(answer.version));
                }
                let took = now.saturating_duration_since(self.started);
                self.round_trip = Some(took).filter(|took| *took < REPEAT);
                let advertised = KeyLength::from_bytes(usize::from(answer.encryption) * 8);
                let offer = self.offer(advertised);
                self.step = Step::Conclusion { cookie: answer.cookie, offer };
                self.ask(now);
                Ok(())
            }
            (Step::Conclusion { .. }, Kind::Conclusion) => {
                let extensions = Extensions::parse(rest)?;
                self.connect(now, time, &answer, extensions)
            }
            // An answer that came late, or twice.
            (Step::Induction, Kind::Conclusion) | (Step::Conclusion { .. }, Kind::Induction) => Ok(()),
        }
    }

    /// Makes keys. They stay the same however often the question is repeated.
    fn offer(&mut self, advertised: Option<KeyLength>) -> Option<Box<Offer>> {
        let passphrase = self.call.passphrase.clone()?;
        let length = self.call.key_length.or(advertised).unwrap_or(KeyLength::Aes128);
        let mut salt = Salt([0; 16]);
        self.entropy.fill(&mut salt.0);
        let kek = WrappingKey::derive(&passphrase, salt, length);
        let keys = Keys { even: StreamKey::random(length, &mut self.entropy), odd: None };
        let message = KeyMessage::wrap_under(&kek, &keys)?.to_bytes();
        Some(Box::new(Offer { passphrase, kek, keys, message }))
    }

    fn connect(
        &mut self,
        now: Instant,
        time: WireTime,
        answer: &Handshake,
        found: Extensions,
    ) -> Result<(), CallError> {
        if answer.version != 5 {
            return Err(CallError::TooOld(answer.version));
        }
        let ability = found.response.ok_or(CallError::Incomplete("it lacks the SRT extension"))?;
        if answer.socket.0 == 0 {
            return Err(CallError::Incomplete("it names no socket"));
        }
        let Step::Conclusion { offer, .. } = std::mem::replace(&mut self.step, Step::Done) else { return Ok(()) };
        let keys = match offer {
            None => None,
            Some(offer) => match taken(&offer, found.key_response) {
                Ok(()) => Some(*offer),
                Err(why) => {
                    // It believes that there is a connection.
                    let body = Body::Control(Control::Shutdown);
                    let packet = Packet { time: wire_time(self.started, now), to: answer.socket, body };
                    self.outputs.push_back(Output::Send(packet.to_datagram().into()));
                    self.outputs.push_back(Output::Failed(CallError::Keys(why)));
                    return Ok(());
                }
            },
        };
        let config = &self.call.config;
        let (receive_keys, send_keys) = match keys {
            None => (None, None),
            Some(offer) => (
                Some(ReceiveKeys::new(offer.passphrase, offer.kek.clone(), offer.keys.clone())),
                SendKeys::new(offer.kek, offer.keys, config.key_refresh),
            ),
        };
        let agreed = Agreed {
            local: self.local,
            peer: answer.socket,
            peer_version: ability.version,
            peer_flags: ability.flags,
            latency: negotiate(config.latency, ability.latency),
            started: self.started,
            base: (now, time),
            send_from: self.first,
            receive_from: answer.seq,
            max_payload: max_payload(answer.mtu, self.peer),
            window: answer.window,
            receive_keys,
            send_keys,
            entropy: self.entropy.fork(),
            round_trip: self.round_trip,
        };
        let connection = Connection::new(now, agreed, config);
        self.outputs.push_back(Output::Connected(Box::new(connection)));
        Ok(())
    }
}

/// Whether the listener has taken the keys.
fn taken(offer: &Offer, answer: Option<KeyAnswer>) -> Result<(), &'static str> {
    match answer {
        Some(KeyAnswer::Echo(message)) if message == offer.message => Ok(()),
        Some(KeyAnswer::Echo(_)) => Err("its answer holds other keys"),
        Some(KeyAnswer::State(KeyState::NoSecret | KeyState::Unsecured)) | None => Err("it has none"),
        Some(KeyAnswer::State(KeyState::BadSecret)) => Err("it has another one"),
        Some(KeyAnswer::State(KeyState::BadCryptoMode)) => Err("it wants another cipher"),
        Some(KeyAnswer::State(_)) => Err("it says that keys are still to come"),
    }
}
