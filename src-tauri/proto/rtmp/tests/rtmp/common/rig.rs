//! A server session with a hand-driven client at its other end, in virtual time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_amf0::Value;
use weir_rtmp::chunk::{Limits, Reader};
use weir_rtmp::command::{Command, Status};
use weir_rtmp::message::{Control, Message, kind};
use weir_rtmp::session::Error;
use weir_rtmp::session::server::{Config, Event, Output, PlayRequest, PublishRequest, ServerSession};

use super::raw::{Chunks, body};

pub(crate) struct Rig {
    pub(crate) now: Instant,
    pub(crate) session: ServerSession,
    pub(crate) events: Vec<Event>,
    /// What the client read, in order.
    pub(crate) seen: Vec<Message>,
    pub(crate) closed: bool,
    pub(crate) wake: Option<Instant>,
    pub(crate) chunks: Chunks,
    reader: Reader,
    handshake_left: usize,
}

impl Rig {
    /// Before the handshake.
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        Self {
            now,
            session: ServerSession::new(now, Arc::new(config), Box::new([3; 1528])),
            events: Vec::new(),
            seen: Vec::new(),
            closed: false,
            wake: None,
            chunks: Chunks::new(),
            reader: Reader::new(Limits::PUBLISHING),
            handshake_left: 1 + 2 * 1536,
        }
    }

    /// After the handshake.
    pub(crate) fn shaken() -> Self {
        let mut rig = Self::new(Config::default());
        let hello: Vec<u8> = std::iter::once(3).chain([0; 8]).chain([9; 1528]).chain([0; 1536]).collect();
        rig.feed(&hello).unwrap();
        assert!(matches!(rig.events.pop(), Some(Event::HandshakeFinished(_))));
        rig
    }

    /// After `connect` to this application.
    pub(crate) fn connected(app: &str) -> Self {
        let mut rig = Self::shaken();
        let object = Value::object([("app", app.to_owned()), ("tcUrl", format!("rtmp://host/{app}"))]);
        rig.call(3, 0, &[Value::from("connect"), Value::from(1.0), object]);
        assert!(matches!(rig.events.pop(), Some(Event::Connected(_))));
        rig.chunks.chunk_size = 4096;
        rig.chunks.put_full(2, 0, kind::SET_CHUNK_SIZE, 0, &4096u32.to_be_bytes());
        rig.flush();
        rig.seen.clear();
        rig
    }

    /// After an accepted `publish` of `live/show`.
    pub(crate) fn publishing() -> (Self, PublishRequest) {
        let mut rig = Self::connected("live");
        rig.create_stream();
        rig.call(4, 1, &["publish".into(), 5.0.into(), Value::Null, "show".into(), "live".into()]);
        let request = rig.publish_request();
        rig.session.accept_publish(request.id).unwrap();
        rig.pump();
        rig.seen.clear();
        (rig, request)
    }

    /// After an accepted `play` of `live/show`.
    pub(crate) fn playing() -> (Self, PlayRequest) {
        let mut rig = Self::connected("live");
        rig.create_stream();
        rig.call(4, 1, &["play".into(), 5.0.into(), Value::Null, "show".into()]);
        let request = rig.play_request();
        rig.session.accept_play(request.id).unwrap();
        rig.pump();
        (rig, request)
    }

    pub(crate) fn create_stream(&mut self) {
        self.call(3, 0, &["createStream".into(), 4.0.into(), Value::Null]);
        let reply = self.commands().pop().unwrap();
        assert_eq!((reply.name.as_str(), reply.argument(0).as_number()), ("_result", Some(1.0)));
        self.seen.clear();
    }

    pub(crate) fn publish_request(&mut self) -> PublishRequest {
        match self.events.pop() {
            Some(Event::PublishRequested(request)) => *request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn play_request(&mut self) -> PlayRequest {
        match self.events.pop() {
            Some(Event::PlayRequested(request)) => *request,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a command with a full header.
    pub(crate) fn call(&mut self, csid: u32, stream_id: u32, values: &[Value]) {
        self.chunks.put_full(csid, 0, kind::COMMAND, stream_id, &body(values));
        self.flush();
    }

    pub(crate) fn send(&mut self, csid: u32, timestamp: u32, type_id: u8, stream_id: u32, payload: &[u8]) {
        self.chunks.put_full(csid, timestamp, type_id, stream_id, payload);
        self.flush();
    }

    /// Sends what was written into `chunks`.
    pub(crate) fn flush(&mut self) {
        let bytes = self.chunks.take();
        self.feed(&bytes).unwrap();
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let result = self.session.handle_bytes(self.now, bytes);
        self.pump();
        result
    }

    /// Lets time pass, waking the session when it wants to be.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), Error> {
        let end = self.now + time;
        while let Some(wake) = self.wake.filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.wake = None;
            let result = self.session.handle_timeout(self.now);
            self.pump();
            result?;
        }
        self.now = end;
        Ok(())
    }

    pub(crate) fn pump(&mut self) {
        while let Some(output) = self.session.poll_output() {
            assert!(!self.closed, "nothing comes after the close");
            match output {
                Output::Send(bytes) => {
                    let skipped = self.handshake_left.min(bytes.len());
                    self.handshake_left -= skipped;
                    let mut input = &bytes[skipped..];
                    while let Some(message) = self.reader.read(&mut input).unwrap() {
                        self.seen.extend(Message::parse(message).unwrap());
                    }
                }
                Output::Event(event) => self.events.push(event),
                Output::WakeAt(at) => self.wake = Some(at),
                Output::Close => self.closed = true,
            }
        }
    }

    /// The commands the client got.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let commands = self.seen.iter().filter_map(|message| match message {
            Message::Command { payload, .. } => Some(Command::parse(payload).unwrap()),
            _ => None,
        });
        commands.collect()
    }

    /// The control messages the client got.
    pub(crate) fn controls(&self) -> Vec<Control> {
        let controls = self.seen.iter().filter_map(|message| match message {
            Message::Control(control) => Some(control.clone()),
            _ => None,
        });
        controls.collect()
    }

    /// The codes of all statuses the client got, in order.
    pub(crate) fn codes(&self) -> Vec<String> {
        let status = |command: &Command| command.arguments.iter().find_map(Status::from_value);
        self.commands().iter().filter_map(status).map(|status| status.code).collect()
    }

    /// Names of the commands the client got, with the transactions they answer.
    pub(crate) fn names(&self) -> Vec<(String, f64)> {
        self.commands().into_iter().map(|command| (command.name, command.transaction)).collect()
    }
}
