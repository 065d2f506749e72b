//! The client session: librtmp's sequence, which every platform is tested with.

use std::sync::Arc;
use std::time::Instant;

use weir_amf0::Value;
use weir_media::Secret;

use super::Output;
use super::config::Config;
use super::event::Event;
use super::refusal::{Refusal, Stage};
use crate::chunk::Limits;
use crate::command::{Capabilities, Command, Connect, Status, code};
use crate::handshake::{self, Random};
use crate::login::Demand;
use crate::message::Message;
use crate::session::Error;
use crate::session::deadline::{Deadline, Waiting};
use crate::session::link::Link;
use crate::session::outbox::Outbox;
use crate::url::PublishUrl;

/// Transactions of our calls. Servers answer with these, with 0 or with others: the phase decides, these only help.
const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;
const DELETE_STREAM: f64 = 7.0;

/// One connection as the publishing client sees it. Media is encoded outside, with [`crate::chunk::encode_message`] and
/// [`ClientSession::chunk_size`], and sent after [`Event::Published`].
#[derive(Debug)]
pub struct ClientSession {
    config: Arc<Config>,
    url: PublishUrl,
    phase: Phase,
    link: Link,
    outbox: Outbox<Event>,
    deadline: Deadline,
    checked_bandwidth: bool,
    /// Of this connection alone, to prove a password with.
    random: u32,
}

#[derive(Debug)]
enum Phase {
    Handshake(handshake::Client),
    Connect,
    CreateStream,
    Publish { stream_id: u32 },
    Publishing { stream_id: u32 },
    Over,
}

impl ClientSession {
    /// A session for a connection made at `now`; `random` fills C1.
    pub fn new(now: Instant, config: Arc<Config>, url: PublishUrl, random: &Random) -> Self {
        let (handshake, hello) = handshake::Client::new(random);
        let mut link = Link::new(Limits::CONNECTED);
        link.out.extend_from_slice(&hello);
        Self {
            config,
            url,
            phase: Phase::Handshake(handshake),
            link,
            outbox: Outbox::new(),
            deadline: Deadline::new(now),
            checked_bandwidth: false,
            random: random.first_chunk().copied().map(u32::from_be_bytes).unwrap_or_default(),
        }
    }

    /// Takes bytes from the server. After an error the session is over: close the connection.
    pub fn handle_bytes(&mut self, now: Instant, mut input: &[u8]) -> Result<(), Error> {
        self.link.count(input.len());
        let result = self.read(now, &mut input);
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// Does what is due at `now`. Fails when the server is to be given up.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.outbox.woke();
        let result = self.deadline.check(now, &self.config.timeouts);
        if result.is_err() {
            self.finish();
        }
        result.map(|_| ())
    }

    /// The next thing to do; call until `None` after each call of anything else.
    pub fn poll_output(&mut self) -> Option<Output> {
        let deadline = self.deadline.next(&self.config.timeouts);
        self.outbox.poll(&mut self.link.out, deadline)
    }

    /// Ends publishing in good order and closes.
    pub fn stop(&mut self) {
        if let Phase::Publish { stream_id } | Phase::Publishing { stream_id } = self.phase {
            let key = Value::from(self.url.key.expose().as_str());
            self.link.send_command(0, &Command::new("FCUnpublish", FC_UNPUBLISH, [key]));
            self.link.send_command(0, &Command::new("deleteStream", DELETE_STREAM, [Value::from(stream_id)]));
        }
        self.close();
    }

    /// The chunk size we send with: what media must be encoded with.
    pub const fn chunk_size(&self) -> u32 {
        self.link.chunk_size()
    }

    /// The message stream media goes on, once published.
    pub const fn message_stream_id(&self) -> Option<u32> {
        match self.phase {
            Phase::Publishing { stream_id } => Some(stream_id),
            _ => None,
        }
    }

    /// What the server last said to have received, modulo 2^32; many never say.
    pub const fn acknowledged(&self) -> Option<u32> {
        self.link.peer_acknowledged()
    }

    /// Where this session publishes to.
    pub const fn url(&self) -> &PublishUrl {
        &self.url
    }

    fn read(&mut self, now: Instant, input: &mut &[u8]) -> Result<(), Error> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            if let Some(reply) = handshake.handle_bytes(input)? {
                self.link.out.extend_from_slice(&reply);
            }
            if !handshake.is_finished() {
                return Ok(());
            }
            self.deadline.waiting = Waiting::Setup { since: now };
            self.outbox.push(Event::HandshakeFinished);
            self.connect();
        }
        while !matches!(self.phase, Phase::Over) {
            let Some(message) = self.link.read(input)? else { break };
            // A publisher needs nothing but commands; what else a server sends is its own affair.
            if let Message::Command { payload, .. } = message
                && let Ok(command) = Command::parse(&payload)
            {
                self.handle_command(&command);
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn connect(&mut self) {
        self.phase = Phase::Connect;
        self.link.send_chunk_size(self.config.chunk_size);
        let connect = Connect {
            app: self.url.app.clone(),
            tc_url: self.url.tc_url.clone(),
            flash_ver: self.config.flash_ver.clone(),
            object_encoding: 0.0,
            capabilities: self.config.capabilities.clone(),
        };
        self.link.send_command(0, &connect.to_publisher_command());
    }

    fn handle_command(&mut self, command: &Command) {
        match command.name.as_str() {
            "_result" => self.handle_result(command),
            "_error" => self.handle_error(command),
            "onStatus" => self.handle_status(command),
            "onBWDone" if !self.checked_bandwidth => {
                self.checked_bandwidth = true;
                self.link.send_command(0, &Command::new("_checkbw", 0.0, []));
            }
            "_onbwcheck" => self.link.send_command(0, &Command::new("_result", command.transaction, [])),
            "ping" => self.link.send_command(0, &Command::new("pong", command.transaction, [])),
            "close" | "onFCUnsubscribe" => self.leave(Event::Closed),
            _ => {}
        }
    }

    fn handle_result(&mut self, command: &Command) {
        match self.phase {
            Phase::Connect if !is_other(command.transaction, CONNECT) => {
                // Which of the two objects holds them the specification leaves open.
                let objects = [&command.object].into_iter().chain(&command.arguments);
                let server = objects.map(Capabilities::from_value).find(Capabilities::is_enhanced).unwrap_or_default();
                self.outbox.push(Event::Connected(Box::new(server)));
                self.create_stream();
            }
            Phase::CreateStream if !is_other(command.transaction, CREATE_STREAM) => {
                // The answers to releaseStream and FCPublish carry no number, this one must.
                if let Some(Value::Number(stream_id)) = command.arguments.first() {
                    self.publish(*stream_id as u32);
                }
            }
            _ => {}
        }
    }

    fn create_stream(&mut self) {
        self.phase = Phase::CreateStream;
        let key = Value::from(self.url.key.expose().as_str());
        self.link.send_window(self.config.window_ack_size);
        self.link.send_command(0, &Command::new("releaseStream", RELEASE_STREAM, [key.clone()]));
        self.link.send_command(0, &Command::new("FCPublish", FC_PUBLISH, [key]));
        self.link.send_command(0, &Command::new("createStream", CREATE_STREAM, []));
    }

    fn publish(&mut self, stream_id: u32) {
        self.phase = Phase::Publish { stream_id };
        // YouTube takes no other type than "live".
        let arguments = [Value::from(self.url.key.expose().as_str()), Value::from("live")];
        self.link.send_command(stream_id, &Command::new("publish", PUBLISH, arguments));
    }

    /// Servers refuse releaseStream and FCPublish and go on all the same.
    fn handle_error(&mut self, command: &Command) {
        let stage = match self.phase {
            Phase::Connect => Stage::Connect,
            Phase::CreateStream if !is_other(command.transaction, CREATE_STREAM) => Stage::CreateStream,
            Phase::Publish { .. } if command.transaction == PUBLISH => Stage::Publish,
            _ => return,
        };
        let status = information(command).unwrap_or_else(|| Status::error("", ""));
        self.refuse(stage, status);
    }

    fn handle_status(&mut self, command: &Command) {
        let Some(status) = information(command) else { return };
        if status.code == code::RECONNECT_REQUEST {
            let tc_url = command.arguments.iter().find_map(|value| value.get("tcUrl")).and_then(Value::as_str);
            let tc_url = tc_url.map(|url| Secret::new(url.to_owned()));
            self.outbox.push(Event::ReconnectRequested { tc_url });
            return;
        }
        let stage = match self.phase {
            Phase::Connect => Stage::Connect,
            Phase::CreateStream => Stage::CreateStream,
            Phase::Publish { .. } => Stage::Publish,
            Phase::Publishing { .. } => Stage::Publishing,
            Phase::Handshake(_) | Phase::Over => return,
        };
        if status.is_refusal() {
            self.refuse(stage, status);
        } else if let Phase::Publish { stream_id } = self.phase
            && status.code == code::PUBLISH_START
        {
            self.phase = Phase::Publishing { stream_id };
            self.deadline.waiting = Waiting::Nothing;
            self.outbox.push(Event::Published { message_stream_id: stream_id });
        } else if stage == Stage::Publishing && status.code == code::UNPUBLISH_SUCCESS {
            self.leave(Event::Closed);
        }
    }

    fn refuse(&mut self, stage: Stage, status: Status) {
        let demand = if stage == Stage::Connect { Demand::read(&status.description) } else { None };
        let login = demand.as_ref().zip(self.url.credentials.as_ref());
        if let Some(query) = login.and_then(|(demand, login)| demand.answer(&self.url, login, self.random)) {
            return self.leave(Event::LoginAsked(query));
        }
        let refusal = Refusal::new(stage, status, demand.as_ref(), &self.url);
        self.leave(Event::Refused(refusal));
    }

    fn leave(&mut self, event: Event) {
        self.outbox.push(event);
        self.close();
    }

    fn close(&mut self) {
        self.finish();
        self.outbox.close();
    }

    fn finish(&mut self) {
        self.phase = Phase::Over;
        self.deadline.waiting = Waiting::Nothing;
    }
}

/// Whether an answer is plainly to another of our calls than `expected`. nginx and SRS answer with 0 and worse.
fn is_other(transaction: f64, expected: f64) -> bool {
    let ours = [CONNECT, RELEASE_STREAM, FC_PUBLISH, CREATE_STREAM, PUBLISH];
    transaction != expected && ours.contains(&transaction)
}

/// The information object, wherever among the values the server put it.
fn information(command: &Command) -> Option<Status> {
    command.arguments.iter().chain([&command.object]).find_map(Status::from_value)
}
