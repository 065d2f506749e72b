//! The server session's state, and how bytes and time change it.

use std::sync::Arc;
use std::time::Instant;

use weir_amf0::Decoder;
use weir_media::Secret;

use super::Output;
use super::config::Config;
use super::event::{EndReason, Event, PlayControl, RequestId};
use super::net_stream::{MAX_HELD_LEN, NetStream, Role, hold};
use crate::chunk::Limits;
use crate::handshake::{self, Random};
use crate::message::{Aggregate, Control, MediaKind, MediaMessage, Message, UserControl};
use crate::session::Error;
use crate::session::deadline::{Deadline, Elapsed, Waiting};
use crate::session::link::Link;
use crate::session::outbox::Outbox;

/// One connection as the server sees it.
#[derive(Debug)]
pub struct ServerSession {
    pub(super) config: Arc<Config>,
    pub(super) phase: Phase,
    pub(super) link: Link,
    pub(super) outbox: Outbox<Event>,
    pub(super) streams: Vec<NetStream>,
    pub(super) deadline: Deadline,
    next_request: u32,
    pub(super) ignored: u64,
}

#[derive(Debug)]
pub(super) enum Phase {
    Handshake(handshake::Server),
    /// Waiting for `connect`.
    Connect,
    Connected(Box<Peer>),
    /// Refused or failed: nothing more is read.
    Over,
}

/// What is remembered of `connect`.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) app: Secret<String>,
    pub(super) tc_url: Secret<String>,
    pub(super) takes_reconnect: bool,
    /// The number of the call.
    pub(super) transaction: f64,
}

/// What a session counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bytes received, handshake included.
    pub received: u64,
    /// Messages that were read and not acted upon: media from a player, parts that made no sense.
    pub ignored: u64,
    /// Messages the client began and gave up.
    pub abandoned: u64,
    /// What the client last said to have received, modulo 2^32.
    pub acknowledged: Option<u32>,
}

impl ServerSession {
    /// A session for a connection accepted at `now`; `random` fills S1.
    pub fn new(now: Instant, config: Arc<Config>, random: Box<Random>) -> Self {
        Self {
            phase: Phase::Handshake(handshake::Server::new(random)),
            link: Link::new(config.limits.within(Limits::BEFORE_CONNECT)),
            outbox: Outbox::new(),
            streams: Vec::new(),
            deadline: Deadline::new(now),
            next_request: 0,
            ignored: 0,
            config,
        }
    }

    /// Takes bytes from the client. After an error the session is over: send what is queued and close. Publishes and
    /// plays then get no [`Event::Ended`].
    pub fn handle_bytes(&mut self, now: Instant, mut input: &[u8]) -> Result<(), Error> {
        self.link.count(input.len());
        self.deadline.received(now);
        let result = self.read(now, &mut input);
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// Does what is due at `now`. Fails when the client is to be given up.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.outbox.woke();
        match self.deadline.check(now, &self.config.timeouts) {
            Ok(Elapsed::Nothing) => {}
            Ok(Elapsed::Ping(time)) => self.link.send_control(&Control::User(UserControl::PingRequest(time))),
            Err(error) => {
                self.finish();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The next thing to do; call until `None` after each call of anything else.
    pub fn poll_output(&mut self) -> Option<Output> {
        let deadline = self.deadline.next(&self.config.timeouts);
        self.outbox.poll(&mut self.link.out, deadline)
    }

    /// The chunk size we send with: what media for this client must be encoded with.
    pub const fn chunk_size(&self) -> u32 {
        self.link.chunk_size()
    }

    /// Whether the client neither publishes nor plays nor asked to: a driver may give it up after a while.
    pub fn is_idle(&self) -> bool {
        self.streams.iter().all(|stream| stream.request().is_none())
    }

    /// What was counted so far.
    pub const fn counters(&self) -> Counters {
        Counters {
            received: self.link.received(),
            ignored: self.ignored,
            abandoned: self.link.reader.abandoned(),
            acknowledged: self.link.peer_acknowledged(),
        }
    }

    /// Heap bytes held, to a good approximation.
    pub fn heap_len(&self) -> usize {
        let phase = match &self.phase {
            Phase::Handshake(handshake) => handshake.heap_len(),
            Phase::Connected(peer) => {
                size_of::<Peer>() + peer.app.expose().capacity() + peer.tc_url.expose().capacity()
            }
            Phase::Connect | Phase::Over => 0,
        };
        let held = self.streams.iter().map(|stream| match &stream.role {
            Role::PublishPending { held_len, .. } => *held_len,
            _ => 0,
        });
        let streams = self.streams.capacity().saturating_mul(size_of::<NetStream>());
        [phase, self.link.heap_len(), self.outbox.heap_len(), streams, held.sum()].iter().sum()
    }

    fn read(&mut self, now: Instant, input: &mut &[u8]) -> Result<(), Error> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            if let Some(reply) = handshake.handle_bytes(input)? {
                self.link.out.extend_from_slice(&reply);
            }
            let Some(scheme) = handshake.finished() else { return Ok(()) };
            self.phase = Phase::Connect;
            self.deadline.waiting = Waiting::Setup { since: now };
            self.outbox.push(Event::HandshakeFinished(scheme));
        }
        let most = self.config.limits.before_connect;
        if matches!(self.phase, Phase::Connect) && self.link.received() > most.saturating_add(handshake::LENGTH) {
            return Err(Error::TooMuchBeforeConnect(most));
        }
        while !matches!(self.phase, Phase::Over) {
            let Some(message) = self.link.read(input)? else { break };
            match message {
                Message::Command { stream_id, payload } => self.handle_command(now, stream_id, &payload)?,
                Message::Media(message) => self.handle_media(message)?,
                Message::Aggregate(aggregate) => self.handle_aggregate(aggregate)?,
                Message::Control(Control::User(event)) => self.handle_user_control(&event),
                Message::Control(_) => {}
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn handle_aggregate(&mut self, aggregate: Aggregate) -> Result<(), Error> {
        for part in aggregate {
            match part {
                Ok(message) => self.handle_media(message)?,
                Err(_) => self.ignored = self.ignored.saturating_add(1),
            }
        }
        Ok(())
    }

    /// Media counts only where this client publishes: a player that sends some is not heard.
    fn handle_media(&mut self, mut message: MediaMessage) -> Result<(), Error> {
        let Some(stream) = find_publish(&mut self.streams, message.stream_id) else {
            self.ignored = self.ignored.saturating_add(1);
            return Ok(());
        };
        if message.kind == MediaKind::Data && is_too_deep(&message.payload, self.config.limits.amf_depth) {
            self.ignored = self.ignored.saturating_add(1);
            return Ok(());
        }
        message.stream_id = stream.id;
        match &mut stream.role {
            Role::Publishing { request, .. } => self.outbox.push(Event::Media { id: *request, message }),
            Role::PublishPending { held, held_len, .. } => {
                hold(held, held_len, message).map_err(|()| Error::TooMuchEarlyMedia(MAX_HELD_LEN))?;
            }
            Role::Idle | Role::PlayPending { .. } | Role::Playing { .. } => {}
        }
        Ok(())
    }

    fn handle_user_control(&mut self, event: &UserControl) {
        if let UserControl::SetBufferLength { stream_id, millis } = event
            && let Some(NetStream { role: Role::Playing { request }, .. }) =
                self.streams.iter().find(|stream| stream.id == *stream_id)
        {
            let control = PlayControl::BufferLength(*millis);
            self.outbox.push(Event::PlayControl { id: *request, control });
        }
    }

    pub(super) fn new_request(&mut self) -> RequestId {
        self.next_request = self.next_request.wrapping_add(1);
        RequestId(self.next_request)
    }

    /// Ends what happens on a message stream; the message stream stays.
    pub(super) fn end(&mut self, index: usize, reason: EndReason) {
        let Some(stream) = self.streams.get_mut(index) else { return };
        if let Some(id) = stream.request() {
            stream.role = Role::Idle;
            self.outbox.push(Event::Ended { id, reason });
        }
        if !self.streams.iter().any(NetStream::takes_media) {
            self.link.reader.set_limits(self.config.limits.within(Limits::CONNECTED));
        }
    }

    /// Nothing more is read and nothing more is waited for.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Over;
        self.deadline.waiting = Waiting::Nothing;
        self.streams = Vec::new();
    }

    /// Sends what is queued, then closes.
    pub(super) fn close(&mut self) {
        self.finish();
        self.outbox.close();
    }
}

/// Whether values of a data message are nested deeper than `depth`: every reader of the stream would have to follow them. What
/// cannot be read at all is no such case.
fn is_too_deep(payload: &[u8], depth: usize) -> bool {
    let limits = weir_amf0::Limits { depth, ..weir_amf0::Limits::DATA };
    Decoder::with_limits(payload, limits).any(|value| matches!(value, Err(weir_amf0::Error::TooDeep(_))))
}

/// The stream a media message belongs to. Cameras write 0 or anything: then it is the only publish there is.
fn find_publish(streams: &mut [NetStream], id: u32) -> Option<&mut NetStream> {
    let exact = streams.iter().position(|stream| stream.id == id);
    match exact {
        Some(index) if id != 0 => streams.get_mut(index).filter(|stream| stream.takes_media()),
        _ => {
            let mut publishes = streams.iter_mut().filter(|stream| stream.takes_media());
            let only = publishes.next()?;
            publishes.next().is_none().then_some(only)
        }
    }
}
