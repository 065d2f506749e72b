//! A server session with a hostile client and an application that decides at random. The input is a small program: each
//! step is an operation, a length and so many bytes.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use weir_amf0::Value;
use weir_rtmp::chunk::{MessageHeader, encode_message};
use weir_rtmp::command::Command;
use weir_rtmp::handshake::PACKET_LEN;
use weir_rtmp::session::server::{Config, Event, Rejection, RequestId};
use weir_rtmp::session::{Output, ServerSession};

/// What a stranger may cost before `connect`.
const STRANGER: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((&start, program)) = input.split_first() else { return };
    let mut client = Client::new();
    if start & 1 == 0 {
        client.handshake();
    }
    if start & 2 == 0 {
        client.command("connect", &[Value::object([("app", "live"), ("tcUrl", "rtmp://localhost/live")])]);
    }
    if start & 4 == 0 {
        client.command("createStream", &[Value::Null]);
        client.command("publish", &[Value::Null, Value::from("name"), Value::from("live")]);
    }
    client.run(program);
});

struct Client {
    session: ServerSession,
    now: Instant,
    requests: Vec<RequestId>,
    connected: bool,
    over: bool,
}

impl Client {
    fn new() -> Self {
        let now = Instant::now();
        let session = ServerSession::new(now, Arc::new(Config::default()), Box::new([7; PACKET_LEN - 8]));
        Self { session, now, requests: Vec::new(), connected: false, over: false }
    }

    fn run(&mut self, mut program: &[u8]) {
        while let [operation, length, rest @ ..] = program {
            if self.over {
                return;
            }
            let length = usize::from(*length);
            let (bytes, rest) = rest.split_at(length.min(rest.len()));
            program = rest;
            match operation % 8 {
                0..=2 => self.send(bytes),
                3 | 4 => self.message(bytes),
                5 => self.wait(Duration::from_millis(length as u64 * 200)),
                _ => self.decide(length),
            }
        }
    }

    fn handshake(&mut self) {
        let mut hello = vec![0; 1 + 2 * PACKET_LEN];
        hello[0] = 3;
        self.send(&hello);
    }

    fn command(&mut self, name: &str, rest: &[Value]) {
        let (object, arguments) = rest.split_first().expect("a command object");
        let command = Command::new(name, 1.0, arguments).with_object(object.clone());
        let mut body = bytes::BytesMut::new();
        command.encode(&mut body);
        self.encoded(20, 1, &body);
    }

    /// A message that is well formed as far as chunks go: its type, its stream and time, its body.
    fn message(&mut self, bytes: &[u8]) {
        let [type_id, stream_id, body @ ..] = bytes else { return };
        self.encoded(*type_id, u32::from(*stream_id), body);
    }

    fn encoded(&mut self, type_id: u8, stream_id: u32, body: &[u8]) {
        let header = MessageHeader { csid: 3, timestamp: stream_id << 20, type_id, stream_id };
        self.send(&encode_message(128, &header, body).expect("short enough"));
    }

    fn send(&mut self, bytes: &[u8]) {
        self.over |= self.session.handle_bytes(self.now, bytes).is_err();
        self.drain();
        assert!(self.connected || self.session.heap_len() <= STRANGER, "{} bytes are held", self.session.heap_len());
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.over |= self.session.handle_timeout(self.now).is_err();
        self.drain();
    }

    fn decide(&mut self, choice: usize) {
        let Some(&id) = self.requests.get(choice / 8 % self.requests.len().max(1)) else { return };
        // Each may come too late, which is said and harms nothing.
        let _ = match choice % 8 {
            0 => self.session.accept_publish(id),
            1 => self.session.accept_play(id),
            2 => self.session.reject_publish(id, Rejection::Failed, "taken"),
            3 => self.session.reject_play(id, Rejection::NotFound, "not there"),
            4 => self.session.end_play(id),
            5 => self.session.request_reconnect(None, "going down"),
            6 => {
                self.session.disconnect();
                Ok(())
            }
            _ => Ok(()),
        };
        self.drain();
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.session.poll_output() {
            outputs += 1;
            assert!(outputs < 100_000, "it never comes to rest");
            match output {
                Output::Event(Event::Connected(_)) => self.connected = true,
                Output::Event(Event::PublishRequested(request)) => self.requests.push(request.id),
                Output::Event(Event::PlayRequested(request)) => self.requests.push(request.id),
                Output::Close => self.over = true,
                _ => {}
            }
        }
    }
}
