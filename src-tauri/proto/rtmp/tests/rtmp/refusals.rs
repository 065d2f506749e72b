//! Every refusal is told before the connection closes.

use weir_amf0::Value;
use weir_rtmp::command::code;
use weir_rtmp::message::kind;
use weir_rtmp::session::Error;
use weir_rtmp::session::server::{Config, EndReason, Event, Gone, Rejection};
use weir_rtmp::{chunk, handshake};

use super::common::rig::Rig;

#[test]
fn a_refused_publish_gets_its_status_on_its_stream_and_then_the_close() {
    for (why, code) in [
        (Rejection::NameTaken, code::PUBLISH_BAD_NAME),
        (Rejection::Unauthorized, code::PUBLISH_DENIED),
        (Rejection::Denied, code::PUBLISH_DENIED),
        (Rejection::Failed, code::PUBLISH_REJECTED),
    ] {
        let mut rig = Rig::connected("live");
        rig.create_stream();
        rig.call(4, 1, &["publish".into(), 5.0.into(), Value::Null, "show".into(), "live".into()]);
        let request = rig.publish_request();
        assert!(!rig.closed);
        rig.session.reject_publish(request.id, why, "No.").unwrap();
        rig.pump();
        let status = rig.commands().pop().unwrap();
        assert_eq!((status.name.as_str(), status.transaction), ("onStatus", 0.0));
        assert_eq!(status.argument(0).get("level").and_then(Value::as_str), Some("error"));
        assert_eq!(status.argument(0).get("description").and_then(Value::as_str), Some("No."));
        assert_eq!(rig.codes(), [code], "{why:?}");
        assert!(rig.closed);
        assert_eq!(rig.session.accept_publish(request.id), Err(Gone));
    }
}

#[test]
fn a_refused_play_gets_its_status_and_then_the_close() {
    for (why, code) in [
        (Rejection::NotFound, code::PLAY_STREAM_NOT_FOUND),
        (Rejection::Unauthorized, code::PLAY_FAILED),
        (Rejection::Failed, code::PLAY_FAILED),
    ] {
        let mut rig = Rig::connected("live");
        rig.create_stream();
        rig.call(4, 1, &["play".into(), 5.0.into(), Value::Null, "show".into()]);
        let request = rig.play_request();
        rig.session.reject_play(request.id, why, "No.").unwrap();
        rig.pump();
        assert_eq!(rig.codes(), [code], "{why:?}");
        assert!(rig.closed);
    }
}

#[test]
fn a_running_publish_can_be_ended_with_a_reason() {
    let (mut rig, request) = Rig::publishing();
    rig.session.reject_publish(request.id, Rejection::NameTaken, "Another publisher took over.").unwrap();
    rig.pump();
    assert_eq!(rig.codes(), [code::PUBLISH_BAD_NAME]);
    assert!(rig.closed);
}

#[test]
fn names_that_could_leave_a_folder_are_refused() {
    for (call, code) in [("publish", code::PUBLISH_BAD_NAME), ("play", code::PLAY_STREAM_NOT_FOUND)] {
        let mut rig = Rig::connected("live");
        rig.create_stream();
        rig.call(4, 1, &[call.into(), 5.0.into(), Value::Null, "../../etc/passwd".into()]);
        assert_eq!(rig.codes(), [code]);
        assert!(rig.closed);
        assert!(rig.events.is_empty());
    }
    let mut rig = Rig::shaken();
    rig.call(3, 0, &["connect".into(), 1.0.into(), Value::object([("app", "live/../x")])]);
    assert_eq!(rig.names(), [("_error".to_owned(), 1.0)]);
    assert_eq!(rig.codes(), [code::CONNECT_INVALID_APP]);
    assert!(rig.closed);
}

#[test]
fn commands_before_connect_are_refused() {
    let mut rig = Rig::shaken();
    rig.call(3, 0, &["createStream".into(), 2.0.into(), Value::Null]);
    assert_eq!(rig.names(), [("_error".to_owned(), 2.0)]);
    assert_eq!(rig.codes(), [code::CALL_FAILED]);
    assert!(rig.closed);
}

/// Predecessor: a refused command got no `_error`.
#[test]
fn fault_07_unknown_calls_get_an_error_with_a_description_and_nothing_ends() {
    let (mut rig, _) = Rig::publishing();
    rig.call(3, 0, &["doWhatISay".into(), 9.0.into(), Value::Null]);
    let error = rig.commands().pop().unwrap();
    assert_eq!((error.name.as_str(), error.transaction), ("_error", 9.0));
    assert!(error.argument(0).get("description").and_then(Value::as_str).unwrap().contains("doWhatISay"));
    rig.seen.clear();
    rig.call(3, 0, &["doWhatISay".into(), 0.0.into(), Value::Null]);
    assert!(rig.seen.is_empty(), "transaction 0 wants no answer");
    rig.send(3, 0, kind::COMMAND, 0, &[0xFF, 1, 2]);
    assert!(!rig.closed);
    assert_eq!(rig.session.counters().ignored, 1);
}

#[test]
fn a_connection_has_a_limit_of_streams() {
    let mut rig = Rig::connected("live");
    for stream in 1..=17 {
        rig.call(3, 0, &["createStream".into(), f64::from(stream).into(), Value::Null]);
    }
    let names = rig.names();
    assert!(names[..16].iter().all(|(name, _)| name == "_result"));
    assert_eq!(names[16], ("_error".to_owned(), 17.0));
    assert!(!rig.closed);
}

#[test]
fn other_protocols_and_nonsense_end_the_session_with_a_sentence() {
    let mut rig = Rig::new(Config::default());
    assert_eq!(rig.feed(b"GET / HTTP/1.1\r\n"), Err(Error::Handshake(handshake::Error::Http)));
    let mut rig = Rig::shaken();
    let error = rig.feed(&[0xC4]).unwrap_err();
    assert_eq!(error, Error::Chunk { received: 3074, source: chunk::Error::NothingToRepeat { csid: 4, fmt: 3 } });
    assert_eq!(
        error.to_string(),
        "within the first 3074 bytes of the connection: \
         chunk stream 4 begins with a type 3 header, which repeats fields that were never sent"
    );
}

#[test]
fn early_media_is_kept_until_the_publish_is_accepted_and_not_without_bound() {
    let mut rig = Rig::connected("live");
    rig.create_stream();
    rig.call(4, 1, &["publish".into(), 5.0.into(), Value::Null, "show".into(), "live".into()]);
    rig.send(6, 0, kind::VIDEO, 1, b"header");
    rig.send(4, 0, kind::AUDIO, 1, b"config");
    let request = rig.publish_request();
    assert!(rig.events.is_empty());
    rig.session.accept_publish(request.id).unwrap();
    rig.pump();
    assert_eq!(rig.codes(), [code::PUBLISH_START]);
    let payloads: Vec<_> = rig
        .events
        .iter()
        .map(|event| match event {
            Event::Media { message, .. } => message.payload.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(payloads, ["header", "config"]);

    let mut rig = Rig::connected("live");
    rig.create_stream();
    rig.call(4, 1, &["publish".into(), 5.0.into(), Value::Null, "show".into(), "live".into()]);
    let mut result = Ok(());
    for _ in 0..100 {
        rig.chunks.put_full(6, 0, kind::VIDEO, 1, &vec![7; 100_000]);
        let bytes = rig.chunks.take();
        result = rig.feed(&bytes);
        if result.is_err() {
            break;
        }
        assert!(rig.session.heap_len() < 5 * 1024 * 1024);
    }
    assert_eq!(result, Err(Error::TooMuchEarlyMedia(4 * 1024 * 1024)));
}

#[test]
fn a_client_that_gives_up_waiting_ends_its_request() {
    let mut rig = Rig::connected("live");
    rig.create_stream();
    rig.call(4, 1, &["play".into(), 5.0.into(), Value::Null, "show".into()]);
    let request = rig.play_request();
    rig.call(4, 1, &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()]);
    assert_eq!(rig.events, [Event::Ended { id: request.id, reason: EndReason::Closed }]);
    assert_eq!(rig.session.accept_play(request.id), Err(Gone));
}
