//! The publishing client against servers of all manners.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_amf0::Value;
use weir_media::Secret;
use weir_rtmp::chunk::{Limits, Reader};
use weir_rtmp::command::Command;
use weir_rtmp::message::{Control, Message, kind};
use weir_rtmp::session::Error;
use weir_rtmp::session::client::{ClientSession, Config, Event, Output, RefusalKind, Stage};
use weir_rtmp::url::PublishUrl;

use super::common::raw::{Chunks, body};

const NULL: Value = Value::Null;

/// A client session with a hand-driven server at its other end.
struct Rig {
    now: Instant,
    session: ClientSession,
    reader: Reader,
    handshake_left: usize,
    seen: Vec<Message>,
    events: Vec<Event>,
    wake: Option<Instant>,
    closed: bool,
}

impl Rig {
    fn to(url: &str) -> Self {
        let now = Instant::now();
        let key = Secret::new("canary-key?x=1".to_owned());
        let url = PublishUrl::parse(url, Some(&key)).unwrap();
        let session = ClientSession::new(now, Arc::new(Config::default()), url, &[4; 1528]);
        let reader = Reader::new(Limits::PUBLISHING);
        let (seen, events) = (Vec::new(), Vec::new());
        let mut rig =
            Self { now, session, reader, handshake_left: 1 + 2 * 1536, seen, events, wake: None, closed: false };
        rig.pump();
        rig
    }

    fn new() -> Self {
        Self::to("rtmp://host/app/?backup=1")
    }

    fn shaken() -> Self {
        Self::new().shake()
    }

    fn shake(mut self) -> Self {
        self.feed(&[&[3], [7; 2 * 1536].as_slice()].concat()).unwrap();
        assert_eq!(self.events, [Event::HandshakeFinished]);
        self.events.clear();
        self
    }

    fn connected() -> Self {
        let mut rig = Self::shaken();
        rig.seen.clear();
        rig.say(0, &["_result".into(), 1.0.into(), NULL, status("status", "NetConnection.Connect.Success")]);
        assert_eq!(rig.events, [Event::Connected(Box::default())]);
        rig.events.clear();
        rig
    }

    fn publishing() -> Self {
        let mut rig = Self::connected();
        rig.say(0, &["_result".into(), 4.0.into(), NULL, 1.0.into()]);
        rig.seen.clear();
        rig.say(1, &["onStatus".into(), 0.0.into(), NULL, status("status", "NetStream.Publish.Start")]);
        assert_eq!(rig.events, [Event::Published { message_stream_id: 1 }]);
        rig.events.clear();
        rig
    }

    fn say(&mut self, stream_id: u32, values: &[Value]) {
        let bytes = Chunks::new().full(3, 0, kind::COMMAND, stream_id, &body(values)).done();
        self.feed(&bytes).unwrap();
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let result = self.session.handle_bytes(self.now, bytes);
        self.pump();
        result
    }

    fn pump(&mut self) {
        while let Some(output) = self.session.poll_output() {
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

    fn commands(&self) -> Vec<Command> {
        let commands = self.seen.iter().filter_map(|message| match message {
            Message::Command { payload, .. } => Some(Command::parse(payload).unwrap()),
            _ => None,
        });
        commands.collect()
    }

    fn names(&self) -> Vec<String> {
        self.commands().into_iter().map(|command| command.name).collect()
    }
}

fn status(level: &str, code: &str) -> Value {
    Value::object([("level", level), ("code", code), ("description", "canary-key is what you said")])
}

#[test]
fn connect_says_what_librtmp_says() {
    let rig = Rig::shaken();
    assert_eq!(rig.seen.first(), Some(&Message::Control(Control::SetChunkSize(4096))));
    let connect = &rig.commands()[0];
    let entries: Vec<_> = connect.object.entries().unwrap().iter().map(|(key, value)| (key.as_str(), value)).collect();
    let text = |text: &str| Value::from(text);
    assert_eq!(
        entries[..5],
        [
            ("app", &text("app/?backup=1")),
            ("type", &text("nonprivate")),
            ("flashVer", &text("FMLE/3.0 (compatible; FMSc/1.0)")),
            ("swfUrl", &text("rtmp://host/app/?backup=1")),
            ("tcUrl", &text("rtmp://host/app/?backup=1")),
        ]
    );
    let announced: Vec<_> = entries[5..].iter().map(|(key, _)| *key).collect();
    assert_eq!(announced, ["fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"]);
}

#[test]
fn publish_follows_librtmps_sequence() {
    let mut rig = Rig::connected();
    assert_eq!(rig.names(), ["releaseStream", "FCPublish", "createStream"]);
    assert_eq!(rig.commands()[0].argument(0), &Value::from("canary-key?x=1"));
    rig.seen.clear();
    rig.say(0, &["_result".into(), 2.0.into(), NULL]);
    rig.say(0, &["_error".into(), 3.0.into(), NULL, status("error", "NetConnection.Call.Failed")]);
    assert!(rig.seen.is_empty() && !rig.closed, "these two may fail");
    rig.say(0, &["_result".into(), 4.0.into(), NULL, 7.0.into()]);
    let Some(Message::Command { stream_id: 7, payload }) = rig.seen.pop() else { panic!("{:?}", rig.seen) };
    let publish = Command::parse(&payload).unwrap();
    assert_eq!(publish.arguments, [Value::from("canary-key?x=1"), Value::from("live")]);
    rig.say(7, &["onStatus".into(), 0.0.into(), NULL, status("status", "NetStream.Publish.Start")]);
    assert_eq!(rig.events, [Event::Published { message_stream_id: 7 }]);
    assert_eq!((rig.session.message_stream_id(), rig.session.chunk_size()), (Some(7), 4096));
}

#[test]
fn answers_with_wrong_transactions_are_understood() {
    for wrong in [0.0, 17.0] {
        let mut rig = Rig::shaken();
        rig.say(0, &["_result".into(), wrong.into(), NULL, status("status", "NetConnection.Connect.Success")]);
        rig.say(0, &["_result".into(), wrong.into(), NULL]);
        rig.say(0, &["_result".into(), wrong.into(), NULL, 1.0.into()]);
        rig.say(1, &["onStatus".into(), 5.0.into(), NULL, status("status", "NetStream.Publish.Start")]);
        assert_eq!(
            rig.events,
            [Event::Connected(Box::default()), Event::Published { message_stream_id: 1 }],
            "{wrong}"
        );
    }
}

#[test]
fn refusals_say_what_is_wrong_and_never_the_key() {
    let table = [
        ("NetStream.Publish.BadName", RefusalKind::NameTaken, "somebody is already streaming with this key"),
        ("NetStream.Publish.Denied", RefusalKind::Unauthorized, "the server does not accept the stream key"),
        ("NetStream.Publish.Unauthorized", RefusalKind::Unauthorized, "the server does not accept the stream key"),
        ("Some.Other.Code", RefusalKind::Other, "the server refused the stream"),
    ];
    for (code, kind, sentence) in table {
        let mut rig = Rig::connected();
        rig.say(0, &["_result".into(), 4.0.into(), NULL, 1.0.into()]);
        rig.say(1, &["onStatus".into(), 0.0.into(), NULL, status("error", code)]);
        let Some(Event::Refused(refusal)) = rig.events.pop() else { panic!() };
        assert_eq!((refusal.kind, refusal.stage, refusal.code.as_str()), (kind, Stage::Publish, code));
        assert_eq!(refusal.to_string(), format!("{sentence} ({code}: *** is what you said)"));
        assert!(rig.closed);
        assert!(!format!("{refusal:?} {:?}", rig.session).contains("canary"));
    }
}

#[test]
fn a_refused_connect_ends_the_session() {
    for (code, description, kind) in [
        ("NetConnection.Connect.InvalidApp", "no", RefusalKind::UnknownApp),
        (
            "NetConnection.Connect.Rejected",
            "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ",
            RefusalKind::LoginNeeded,
        ),
        ("NetConnection.Connect.Rejected", "go away", RefusalKind::Other),
    ] {
        let mut rig = Rig::shaken();
        let information = Value::object([("level", "error"), ("code", code), ("description", description)]);
        rig.say(0, &["_error".into(), 1.0.into(), NULL, information]);
        let Some(Event::Refused(refusal)) = rig.events.pop() else { panic!() };
        assert_eq!((refusal.stage, refusal.kind), (Stage::Connect, kind));
        assert!(rig.closed);
    }
}

#[test]
fn a_server_that_asks_who_comes_is_answered_in_another_connection() {
    let ask = |description: &str| {
        let mut rig = Rig::to("rtmp://canary-user:canary@h/app").shake();
        let code = "NetConnection.Connect.Rejected";
        let information = Value::object([("level", "error"), ("code", code), ("description", description)]);
        rig.say(0, &["_error".into(), 1.0.into(), NULL, information]);
        assert!(rig.closed && !format!("{:?} {:?}", rig.events, rig.session).contains("canary"));
        rig.events.pop().unwrap()
    };
    let Event::LoginAsked(query) = ask("[ code=403 need auth; authmod=adobe ]") else { panic!() };
    assert_eq!(query.expose(), "authmod=adobe&user=canary-user");
    let Event::LoginAsked(query) = ask("[ authmod=adobe ] : ?reason=needauth&salt=s&challenge=c") else { panic!() };
    assert!(
        query.expose().starts_with("authmod=adobe&user=canary-user&challenge=")
            && query.expose().contains("&response=")
    );
    for (description, kind) in [
        ("[ authmod=adobe ] : ?reason=authfailed", RefusalKind::LoginRefused),
        ("[ code=403 need auth; authmod=other ]", RefusalKind::Other),
    ] {
        let Event::Refused(refusal) = ask(description) else { panic!() };
        assert_eq!((refusal.stage, refusal.kind), (Stage::Connect, kind));
    }
}

#[test]
fn a_running_stream_that_the_server_ends_is_told() {
    let mut rig = Rig::publishing();
    rig.say(1, &["onStatus".into(), 0.0.into(), NULL, status("error", "NetStream.Failed")]);
    assert!(matches!(&rig.events[..], [Event::Refused(refusal)] if refusal.stage == Stage::Publishing));
    assert!(rig.closed);
    let mut rig = Rig::publishing();
    rig.say(0, &["close".into(), 0.0.into(), NULL]);
    assert_eq!(rig.events, [Event::Closed]);
}

#[test]
fn servers_that_want_answers_get_them() {
    let mut rig = Rig::publishing();
    rig.say(0, &["onBWDone".into(), 0.0.into(), NULL]);
    rig.say(0, &["onBWDone".into(), 0.0.into(), NULL]);
    rig.say(0, &["_onbwcheck".into(), 9.0.into(), NULL]);
    rig.say(0, &["ping".into(), 0.0.into(), NULL]);
    assert_eq!(rig.names(), ["_checkbw", "_result", "pong"]);
    rig.feed(&Chunks::new().full(2, 0, kind::USER_CONTROL, 0, &[0, 6, 0, 0, 0, 9]).done()).unwrap();
    rig.feed(&Chunks::new().full(2, 0, kind::USER_CONTROL, 0, &[0, 32, 0, 0, 0, 9]).done()).unwrap();
    rig.say(0, &["onSomethingNew".into(), 3.0.into(), NULL]);
    assert!(rig.events.is_empty() && !rig.closed);
}

#[test]
fn a_reconnect_request_is_passed_on() {
    let mut rig = Rig::publishing();
    let information = Value::object([
        ("level", "status"),
        ("code", "NetConnection.Connect.ReconnectRequest"),
        ("tcUrl", "rtmp://other/app"),
    ]);
    rig.say(0, &["onStatus".into(), 0.0.into(), NULL, information]);
    let tc_url = Some(Secret::new("rtmp://other/app".to_owned()));
    assert_eq!(rig.events, [Event::ReconnectRequested { tc_url }]);
    assert!(!rig.closed);
}

#[test]
fn stopping_says_goodbye_and_closes() {
    let mut rig = Rig::publishing();
    rig.session.stop();
    rig.pump();
    assert_eq!(rig.names(), ["FCUnpublish", "deleteStream"]);
    assert_eq!(rig.commands()[1].argument(0), &Value::Number(1.0));
    assert!(rig.closed);
}

#[test]
fn a_server_that_says_nothing_is_given_up_and_a_silent_one_that_accepted_is_not() {
    let mut rig = Rig::new();
    let wake = rig.wake.unwrap();
    assert_eq!(rig.session.handle_timeout(wake), Err(Error::HandshakeTimeout(Duration::from_secs(10))));
    let mut rig = Rig::connected();
    // The first wake-up was for the handshake: it is over, so only the next one counts.
    let wake = rig.wake.unwrap();
    assert_eq!(rig.session.handle_timeout(wake), Ok(()));
    rig.pump();
    let wake = rig.wake.unwrap();
    assert_eq!(rig.session.handle_timeout(wake), Err(Error::SetupTimeout(Duration::from_secs(15))));
    let mut rig = Rig::publishing();
    assert_eq!(rig.session.handle_timeout(rig.now + Duration::from_secs(86_400)), Ok(()));
}
