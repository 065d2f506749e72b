//! Faults of the program that Weir replaces, one test each. Those on time, liveness and refusals are beside their like.

use weir_amf0::Value;
use weir_rtmp::command::code;
use weir_rtmp::message::{Control, MediaKind, Message, UserControl, kind};
use weir_rtmp::session::server::{Config, EndReason, Event, PlayControl};

use super::common::raw::{Chunks, body};
use super::common::rig::Rig;

#[test]
fn media_from_a_player_reaches_nobody() {
    let (mut rig, _) = Rig::playing();
    for stream_id in [0, 1, 2] {
        rig.send(6, 0, kind::VIDEO, stream_id, &[0x17, 1]);
        rig.send(4, 0, kind::AUDIO, stream_id, &[0xAF, 1]);
        rig.send(5, 0, kind::DATA, stream_id, &body(&["onMetaData".into()]));
    }
    assert!(rig.events.is_empty(), "{:?}", rig.events);
    assert_eq!(rig.session.counters().ignored, 9);
    assert!(!rig.closed);
}

#[test]
fn metadata_captions_and_cue_points_are_passed_on() {
    let (mut rig, _) = Rig::publishing();
    let messages = [
        body(&["@setDataFrame".into(), "onMetaData".into(), Value::ecma_array([("width", 640.0)])]),
        body(&["onTextData".into(), Value::object([("text", "hello")])]),
        body(&["onCuePoint".into(), Value::object([("name", "ad")])]),
        vec![0, 0, 0, 7],
    ];
    for (time, message) in messages.iter().enumerate() {
        rig.send(4, time as u32, kind::DATA, 1, message);
    }
    let seen: Vec<_> = rig
        .events
        .iter()
        .map(|event| match event {
            Event::Media { message, .. } => (message.kind, message.payload.to_vec()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, messages.map(|message| (MediaKind::Data, message)));
}

#[test]
fn fault_05_amf3_commands_and_data_are_read() {
    let mut rig = Rig::shaken();
    let connect = body(&["connect".into(), 1.0.into(), Value::object([("app", "live")])]);
    rig.send(3, 0, kind::COMMAND_AMF3, 0, &[&[0], connect.as_slice()].concat());
    assert!(rig.codes().contains(&code::CONNECT_SUCCESS.to_owned()));
    // Old code leaves the zero byte out, and arguments may be AMF3 values.
    rig.send(3, 0, kind::COMMAND_AMF3, 0, &body(&["createStream".into(), 2.0.into(), Value::Null]));
    let name = Value::Avm(Box::new(Value::from("show")));
    let publish = body(&["publish".into(), 3.0.into(), Value::Avm(Box::new(Value::Null)), name]);
    rig.send(4, 0, kind::COMMAND_AMF3, 1, &[&[0], publish.as_slice()].concat());
    let request = rig.publish_request();
    assert_eq!(request.path.as_str(), "live/show");
    rig.session.accept_publish(request.id).unwrap();
    rig.pump();
    rig.events.clear();
    rig.send(4, 0, kind::DATA_AMF3, 1, &[&[0], body(&["onMetaData".into()]).as_slice()].concat());
    let Some(Event::Media { message, .. }) = rig.events.pop() else { panic!() };
    assert_eq!(message.payload[..], body(&["onMetaData".into()]), "data comes out as plain AMF0");
}

#[test]
fn fault_05_aggregates_are_taken_apart() {
    let (mut rig, _) = Rig::publishing();
    let mut aggregate = Vec::new();
    for (type_id, time, payload) in [(8u8, 100u8, b"au".as_slice()), (9, 140, b"vid")] {
        aggregate.extend([type_id, 0, 0, payload.len() as u8, 0, 0, time, 0, 0, 0, 0]);
        aggregate.extend(payload);
        aggregate.extend([0, 0, 0, 11 + payload.len() as u8]);
    }
    rig.send(6, 9_000, kind::AGGREGATE, 1, &aggregate);
    let seen: Vec<_> = rig
        .events
        .iter()
        .map(|event| match event {
            Event::Media { message, .. } => (message.kind, message.timestamp, message.payload.to_vec()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [(MediaKind::Audio, 9_000, b"au".to_vec()), (MediaKind::Video, 9_040, b"vid".to_vec())]);
}

/// 2.8 kB before connect reserved 320 MB.
#[test]
fn a_stranger_costs_less_than_64_kib_whatever_he_sends() {
    let mut rig = Rig::shaken();
    for csid in 3..23 {
        let mut bytes = Chunks::new().full(csid, 0, kind::COMMAND, 0, &[0; 16_000]).done();
        bytes.truncate(140);
        rig.feed(&bytes).unwrap();
    }
    assert!(rig.session.heap_len() < 16 * 1024, "{}", rig.session.heap_len());
    // And however much more follows.
    for csid in (3..23).cycle() {
        let more = [&[0xC0 | csid], [0; 128].as_slice()].concat();
        if rig.feed(&more).is_err() {
            break;
        }
        assert!(rig.session.heap_len() < 64 * 1024, "{}", rig.session.heap_len());
    }
}

#[test]
fn a_connection_costs_little_before_and_after_its_handshake_and_while_it_plays() {
    let mut rig = Rig::new(Config::default());
    rig.pump();
    assert!(rig.session.heap_len() < 2 * 1024);
    assert!(Rig::shaken().session.heap_len() < 1024);
    let (rig, _) = Rig::playing();
    assert!(rig.session.heap_len() < 1024, "{}", rig.session.heap_len());
    assert!(size_of_val(&rig.session) < 1024, "{}", size_of_val(&rig.session));
}

/// AMF0 long string, undefined, date and reference broke the connection.
#[test]
fn fault_13_every_amf0_type_is_survived_in_connect() {
    let mut rig = Rig::shaken();
    let mut connect = body(&["connect".into(), 1.0.into()]);
    connect.extend(b"\x03\x00\x03app\x0c\x00\x00\x00\x04live"); // long string
    connect.extend(b"\x00\x01a\x06\x00\x01b\x0b\0\0\0\0\0\0\0\0\0\0"); // undefined, date
    connect.extend(b"\x00\x01c\x0a\0\0\0\x01\x05\x00\x01d\x07\x00\x01"); // strict array, reference to it
    connect.extend(b"\x00\x01e\x0f\0\0\0\x01x\x00\x01f\x10\x00\x01C\x00\x00\x09"); // XML, typed object
    connect.extend(b"\x00\x00\x09");
    rig.send(3, 0, kind::COMMAND, 0, &connect);
    assert!(rig.codes().contains(&code::CONNECT_SUCCESS.to_owned()));
    let Some(Event::Connected(connect)) = rig.events.pop() else { panic!() };
    assert_eq!(connect.app.expose(), "live");
}

#[test]
fn nested_amf0_does_not_exhaust_the_stack() {
    let mut rig = Rig::shaken();
    let mut connect = body(&["connect".into(), 1.0.into()]);
    connect.extend(b"\x03\x00\x01a".repeat(3_000));
    rig.chunks.put_full(3, 0, kind::COMMAND, 0, &connect);
    let bytes = rig.chunks.take();
    let error = rig.feed(&bytes).unwrap_err();
    assert!(error.to_string().contains("nests deeper than 16 levels"), "{error}");
}

/// Every reader of the stream would have to follow it down; what is read at all is passed on, and so is what is no AMF0.
#[test]
fn data_that_is_nested_too_deep_is_left_out_and_the_stream_goes_on() {
    let nested = |levels: usize| {
        let value = (0..levels).fold(Value::from(1.0), |inside, _| Value::object([("a", inside)]));
        body(&["onCuePoint".into(), value])
    };
    let (mut rig, _) = Rig::publishing();
    for (message, passes) in
        [(nested(16), true), (nested(17), false), (b"\x03\x00\x01a".repeat(3_000), false), (vec![0, 0, 0, 7], true)]
    {
        let ignored = rig.session.counters().ignored;
        rig.send(4, 0, kind::DATA, 1, &message);
        let seen: Vec<_> = rig.events.drain(..).collect();
        assert_eq!((seen.len() == 1, rig.session.counters().ignored - ignored), (passes, u64::from(!passes)));
    }
    let mut aggregate = vec![18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let deep = nested(17);
    aggregate[3] = deep.len() as u8;
    aggregate.extend([&deep[..], &[0, 0, 0, 11 + deep.len() as u8]].concat());
    rig.send(6, 0, kind::AGGREGATE, 1, &aggregate);
    assert!(rig.events.is_empty() && !rig.closed, "nor in an aggregate");
}

#[test]
fn the_end_of_a_play_is_told_in_the_words_players_know() {
    let (mut rig, request) = Rig::playing();
    rig.seen.clear();
    rig.session.end_play(request.id).unwrap();
    rig.pump();
    assert_eq!(rig.controls(), [Control::User(UserControl::StreamEof(1))]);
    assert_eq!(rig.codes(), [code::PLAY_UNPUBLISH_NOTIFY, code::PLAY_STOP]);
    assert!(!rig.closed, "the player may play again");
    assert!(rig.session.is_idle());
}

#[test]
fn players_steer_their_play() {
    let (mut rig, request) = Rig::playing();
    rig.seen.clear();
    rig.call(4, 1, &["pause".into(), 0.0.into(), Value::Null, true.into(), 1_000.0.into()]);
    rig.call(4, 1, &["pause".into(), 0.0.into(), Value::Null, false.into(), 1_000.0.into()]);
    // Whatever stream the header names: there is only one.
    rig.call(4, 0, &["seek".into(), 0.0.into(), Value::Null, 5_000.0.into()]);
    rig.call(4, 1, &["receiveVideo".into(), 0.0.into(), Value::Null, false.into()]);
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0, 3, 0, 0, 0, 1, 0, 0, 1, 44]);
    let controls = [
        PlayControl::Pause,
        PlayControl::Resume,
        PlayControl::Seek(5_000.0),
        PlayControl::ReceiveVideo(false),
        PlayControl::BufferLength(300),
    ];
    assert_eq!(rig.events, controls.map(|control| Event::PlayControl { id: request.id, control }));
    assert_eq!(rig.codes(), [code::PAUSE_NOTIFY, code::UNPAUSE_NOTIFY, code::SEEK_NOTIFY]);
}

#[test]
fn several_streams_of_one_connection_stay_apart() {
    let mut rig = Rig::connected("live");
    for _ in 0..2 {
        rig.call(3, 0, &["createStream".into(), 2.0.into(), Value::Null]);
    }
    rig.call(4, 1, &["publish".into(), 0.0.into(), Value::Null, "one".into()]);
    let one = rig.publish_request();
    rig.call(4, 2, &["publish".into(), 0.0.into(), Value::Null, "two".into()]);
    let two = rig.publish_request();
    rig.session.accept_publish(two.id).unwrap();
    rig.session.accept_publish(one.id).unwrap();
    rig.pump();
    rig.send(4, 0, kind::AUDIO, 2, b"two");
    rig.send(4, 0, kind::AUDIO, 1, b"one");
    rig.send(4, 0, kind::AUDIO, 0, b"whose");
    let seen: Vec<_> = rig
        .events
        .drain(..)
        .map(|event| match event {
            Event::Media { id, message } => (id, message.payload),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [(two.id, "two".into()), (one.id, "one".into())]);
    rig.call(4, 0, &["FCUnpublish".into(), 9.0.into(), Value::Null, "two".into()]);
    assert_eq!(rig.events, [Event::Ended { id: two.id, reason: EndReason::Closed }]);
}

#[test]
fn a_player_is_told_all_before_media_in_the_order_players_expect() {
    let (rig, request) = Rig::playing();
    assert_eq!(request.message_stream_id, 1);
    assert_eq!(rig.codes(), [code::PLAY_RESET, code::PLAY_START]);
    assert_eq!(rig.seen.first(), Some(&Message::Control(Control::User(UserControl::StreamBegin(1)))));
    let Some(Message::Media(access)) = rig.seen.last() else { panic!() };
    let values = Value::decode_all(&access.payload).unwrap();
    assert_eq!(values, [Value::from("|RtmpSampleAccess"), true.into(), true.into()]);
}
