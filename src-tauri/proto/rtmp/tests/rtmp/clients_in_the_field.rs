//! The command flows of named clients, chunk by chunk as they send them, and what each must be told.

use weir_amf0::Value;
use weir_rtmp::command::code;
use weir_rtmp::message::{BandwidthLimit, Control, MediaKind, kind};
use weir_rtmp::session::server::{EndReason, Event, RequestId};

use super::common::raw::body;
use super::common::rig::Rig;

const NULL: Value = Value::Null;

fn connect(rig: &mut Rig, entries: Vec<(&str, Value)>) {
    rig.call(3, 0, &["connect".into(), 1.0.into(), Value::object(entries)]);
    assert_eq!(rig.codes(), [code::CONNECT_SUCCESS]);
    let Some(Event::Connected(_)) = rig.events.pop() else { panic!() };
    rig.seen.clear();
}

fn accept(rig: &mut Rig, path: &str) -> RequestId {
    let request = rig.publish_request();
    assert_eq!(request.path.as_str(), path);
    rig.session.accept_publish(request.id).unwrap();
    rig.pump();
    assert_eq!(rig.codes().last().map(String::as_str), Some(code::PUBLISH_START));
    let status = rig.commands().pop().unwrap();
    assert_eq!(status.arguments.len(), 1, "librtmp looks for the status in the fourth value");
    rig.seen.clear();
    request.id
}

fn sends_media(rig: &mut Rig, id: RequestId, csid: u32, stream_id: u32) {
    rig.send(csid, 40, kind::VIDEO, stream_id, &[0x17, 0]);
    match rig.events.pop() {
        Some(Event::Media { id: seen, message }) => {
            assert_eq!((seen, message.kind, message.timestamp), (id, MediaKind::Video, 40));
        }
        other => panic!("{other:?}"),
    }
}

fn has_ended(rig: &Rig, id: RequestId) {
    assert_eq!(rig.events, [Event::Ended { id, reason: EndReason::Closed }]);
    assert!(!rig.closed);
}

#[test]
fn fault_39_connect_is_answered_with_windows_chunk_size_and_result_in_this_order() {
    let mut rig = Rig::shaken();
    rig.call(3, 0, &["connect".into(), 1.0.into(), Value::object([("app", "live")])]);
    assert_eq!(
        rig.controls(),
        [
            Control::WindowAckSize(2_500_000),
            Control::SetPeerBandwidth(2_500_000, BandwidthLimit::Dynamic),
            Control::SetChunkSize(4096)
        ]
    );
    let result = rig.commands().pop().unwrap();
    assert_eq!((result.name.as_str(), result.transaction), ("_result", 1.0));
    assert_eq!(result.object.get("fmsVer").and_then(Value::as_str), Some("FMS/3,0,1,123"));
    assert_eq!(result.argument(0).get("objectEncoding").and_then(Value::as_number), Some(0.0));
    assert!(result.object.get("capsEx").is_none(), "a legacy client sees nothing new");
}

#[test]
fn obs_publishes_and_stops() {
    let mut rig = Rig::shaken();
    rig.send(2, 0, kind::SET_CHUNK_SIZE, 0, &4096u32.to_be_bytes());
    rig.chunks.chunk_size = 4096;
    connect(
        &mut rig,
        vec![
            ("app", "live".into()),
            ("type", "nonprivate".into()),
            ("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)".into()),
            ("swfUrl", "rtmp://localhost/live".into()),
            ("tcUrl", "rtmp://localhost/live".into()),
        ],
    );
    rig.chunks.put_delta(3, 0, kind::COMMAND, &body(&["releaseStream".into(), 2.0.into(), NULL, "key".into()]));
    rig.chunks.put_delta(3, 0, kind::COMMAND, &body(&["FCPublish".into(), 3.0.into(), NULL, "key".into()]));
    rig.chunks.put_delta(3, 0, kind::COMMAND, &body(&["createStream".into(), 4.0.into(), NULL]));
    rig.flush();
    let answered: Vec<_> = rig.names().into_iter().filter(|(name, _)| name == "_result").collect();
    assert_eq!(answered, [2.0, 3.0, 4.0].map(|transaction| ("_result".to_owned(), transaction)));
    assert!(rig.names().contains(&("onFCPublish".to_owned(), 0.0)));
    rig.call(4, 1, &["publish".into(), 5.0.into(), NULL, "key?token=x".into(), "live".into()]);
    let id = accept(&mut rig, "live/key");
    sends_media(&mut rig, id, 4, 1);
    rig.call(3, 0, &["FCUnpublish".into(), 6.0.into(), NULL, "key?token=x".into()]);
    assert!(rig.names().contains(&("onFCUnpublish".to_owned(), 0.0)));
    rig.call(3, 0, &["deleteStream".into(), 7.0.into(), NULL, 1.0.into()]);
    has_ended(&rig, id);
}

#[test]
fn ffmpeg_publishes_in_chunks_of_128_bytes_with_short_headers() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live".into()), ("flashVer", "FMLE/3.0 (compatible; Lavf59)".into())]);
    rig.chunks.put_full(2, 0, kind::SET_CHUNK_SIZE, 0, &4096u32.to_be_bytes());
    rig.chunks.chunk_size = 4096;
    for (name, transaction) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
        rig.chunks.put_delta(3, 0, kind::COMMAND, &body(&[name.into(), transaction.into(), NULL, "key".into()]));
    }
    rig.chunks.put_delta(3, 0, kind::COMMAND, &body(&["createStream".into(), 4.0.into(), NULL]));
    rig.flush();
    // The id is read at a fixed place: name, transaction, null, number.
    let created = rig.commands().pop().unwrap();
    assert_eq!((created.object.clone(), created.argument(0)), (NULL, &Value::Number(1.0)));
    rig.call(8, 1, &["publish".into(), 5.0.into(), NULL, "key".into(), "live".into()]);
    let id = accept(&mut rig, "live/key");
    sends_media(&mut rig, id, 6, 1);
}

#[test]
fn ffmpeg_plays() {
    let mut rig = Rig::shaken();
    connect(
        &mut rig,
        vec![
            ("app", "live".into()),
            ("fpad", false.into()),
            ("capabilities", 15.0.into()),
            ("audioCodecs", 4071.0.into()),
            ("videoCodecs", 252.0.into()),
            ("videoFunction", 1.0.into()),
        ],
    );
    rig.send(2, 0, kind::WINDOW_ACK_SIZE, 0, &2_500_000u32.to_be_bytes());
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(8, 0, &["FCSubscribe".into(), 3.0.into(), NULL, "show".into()]);
    rig.call(8, 0, &["getStreamLength".into(), 4.0.into(), NULL, "show".into()]);
    let answers = rig.names();
    for answer in [("_result", 2.0), ("_result", 3.0), ("onFCSubscribe", 0.0), ("_result", 4.0)] {
        assert!(answers.contains(&(answer.0.to_owned(), answer.1)), "{answers:?}");
    }
    rig.call(8, 1, &["play".into(), 5.0.into(), NULL, "show".into(), (-2000.0).into()]);
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0, 3, 0, 0, 0, 1, 0, 0, 11, 184]);
    assert_eq!(rig.play_request().path.as_str(), "live/show");
}

#[test]
fn gstreamer_calls_without_wanting_answers_and_deletes_by_name() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live".into())]);
    rig.call(3, 0, &["releaseStream".into(), 0.0.into(), NULL, "key".into()]);
    assert!(rig.seen.is_empty());
    rig.call(3, 0, &["FCPublish".into(), 0.0.into(), NULL, "key".into()]);
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(4, 1, &["publish".into(), 3.0.into(), NULL, "key".into(), "live".into()]);
    let request = rig.publish_request();
    rig.seen.clear();
    rig.session.accept_publish(request.id).unwrap();
    rig.pump();
    assert_eq!(rig.codes(), [code::PUBLISH_START], "exactly one status comes before media");
    sends_media(&mut rig, request.id, 5, 1);
    rig.call(3, 0, &["closeStream".into(), 0.0.into(), NULL, "key".into()]);
    rig.call(3, 0, &["deleteStream".into(), 0.0.into(), NULL, "key".into()]);
    has_ended(&rig, request.id);
}

#[test]
fn haishinkit_calls_in_parallel_and_learns_what_weir_understands() {
    let mut rig = Rig::shaken();
    rig.send(2, 0, kind::SET_CHUNK_SIZE, 0, &8192u32.to_be_bytes());
    rig.chunks.chunk_size = 8192;
    let codecs = Value::StrictArray(vec!["av01".into(), "vp09".into(), "hvc1".into()]);
    let entries = vec![
        ("app", "live".into()),
        ("fourCcList", codecs),
        ("videoFourCcInfoMap", Value::object([("hvc1", 7.0)])),
        ("capsEx", 3.0.into()),
    ];
    rig.call(3, 0, &["connect".into(), 1.0.into(), Value::object(entries)]);
    let result = rig.commands().pop().unwrap();
    for object in [&result.object, result.argument(0)] {
        assert_eq!(object.get("fourCcList").and_then(Value::items), Some(&["*".into()][..]));
        assert_eq!(object.get("capsEx").and_then(Value::as_number), Some(15.0));
        assert_eq!(object.get("videoFourCcInfoMap").and_then(|map| map.get("*")), Some(&Value::Number(4.0)));
    }
    let Some(Event::Connected(connect)) = rig.events.pop() else { panic!() };
    assert_eq!(connect.capabilities.four_cc_list, ["av01", "vp09", "hvc1"]);
    assert_eq!(connect.capabilities.video_four_cc, [("hvc1".to_owned(), 7)]);
    assert!(connect.capabilities.has_multitrack() && connect.capabilities.has_reconnect());

    rig.chunks.put_full(3, 0, kind::COMMAND, 0, &body(&["createStream".into(), 2.0.into(), NULL]));
    rig.chunks.put_full(3, 0, kind::COMMAND, 0, &body(&["releaseStream".into(), 3.0.into(), NULL, "key".into()]));
    rig.chunks.put_full(3, 0, kind::COMMAND, 0, &body(&["FCPublish".into(), 4.0.into(), NULL, "key".into()]));
    rig.flush();
    rig.call(8, 1, &["publish".into(), 5.0.into(), NULL, "key".into(), "live".into()]);
    let id = accept(&mut rig, "live/key");
    rig.session.request_reconnect(Some("rtmp://other/live"), "Moving.").unwrap();
    rig.pump();
    assert_eq!(rig.codes(), [code::RECONNECT_REQUEST]);
    assert!(!rig.closed, "the old server goes on serving");
    for call in ["closeStream", "FCUnpublish", "deleteStream", "deleteStream", "closeStream"] {
        rig.call(3, 1, &[call.into(), 0.0.into(), NULL, 1.0.into()]);
    }
    has_ended(&rig, id);
}

/// xiu 0.14 before it plays.
#[test]
fn calls_with_the_number_of_connect_get_no_answer_that_could_be_its() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live".into())]);
    for name in ["releaseStream", "FCPublish"] {
        rig.call(3, 0, &[name.into(), 1.0.into(), NULL, "key".into()]);
        assert!(rig.commands().iter().all(|command| command.name != "_result"), "{name}");
    }
    rig.call(3, 0, &["createStream".into(), 1.0.into(), NULL]);
    assert_eq!(rig.commands().pop().unwrap().argument(0), &Value::Number(1.0));
}

#[test]
fn larix_and_flash_publish_without_releasing_first() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live/".into()), ("tcUrl", "rtmp://host:1935/live/".into())]);
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(8, 1, &["publish".into(), 0.0.into(), NULL, "key".into()]);
    let id = accept(&mut rig, "live/key");
    sends_media(&mut rig, id, 6, 1);
}

#[test]
fn makito_announces_its_name_after_creating_the_stream() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live".into())]);
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(3, 0, &["FCPublish".into(), 3.0.into(), NULL, "key".into()]);
    rig.call(8, 1, &["publish".into(), 4.0.into(), NULL, "key".into(), "live".into()]);
    accept(&mut rig, "live/key");
}

#[test]
fn gopro_publishes_an_empty_name() {
    let mut rig = Rig::shaken();
    connect(&mut rig, vec![("app", "live/gopro".into()), ("tcUrl", "rtmp://host/live/gopro".into())]);
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(8, 1, &["publish".into(), 3.0.into(), NULL, "".into(), "live".into()]);
    accept(&mut rig, "live/gopro");
}

#[test]
fn dji_uses_chunk_stream_33_and_checks_its_bandwidth() {
    let mut rig = Rig::shaken();
    rig.call(33, 0, &["connect".into(), 1.0.into(), Value::object([("app", "live")])]);
    rig.chunks.put_delta(33, 0, kind::COMMAND, &body(&["_checkbw".into(), 2.0.into(), NULL]));
    rig.flush();
    assert_eq!(rig.names().last(), Some(&("_result".to_owned(), 2.0)));
    rig.call(33, 0, &["createStream".into(), 3.0.into(), NULL]);
    rig.call(33, 1, &["publish".into(), 4.0.into(), NULL, "key".into(), "live".into()]);
    let id = accept(&mut rig, "live/key");
    sends_media(&mut rig, id, 33, 1);
}

#[test]
fn cameras_publish_and_send_on_stream_zero() {
    let mut rig = Rig::shaken();
    // ECMA array, quoted values, key in lower case.
    let object = Value::ecma_array([("app", "'live'"), ("tcurl", "'rtmp://host/live'")]);
    rig.call(3, 0, &["connect".into(), 1.0.into(), object]);
    rig.events.clear();
    rig.call(3, 0, &["publish".into(), 2.0.into(), NULL, "cam".into(), "live".into()]);
    let id = accept(&mut rig, "live/cam");
    sends_media(&mut rig, id, 6, 0);

    // Created, and then not used.
    let mut rig = Rig::connected("live");
    rig.create_stream();
    rig.call(4, 1, &["publish".into(), 5.0.into(), NULL, "cam".into(), "live".into()]);
    let id = accept(&mut rig, "live/cam");
    sends_media(&mut rig, id, 6, 0);
}

#[test]
fn a_publish_on_the_same_stream_replaces_the_last() {
    let (mut rig, first) = Rig::publishing();
    rig.call(4, 1, &["publish".into(), 6.0.into(), NULL, "other".into(), "live".into()]);
    let second = rig.publish_request();
    assert_eq!(rig.events, [Event::Ended { id: first.id, reason: EndReason::Replaced }]);
    assert_eq!(second.path.as_str(), "live/other");
}

#[test]
fn what_a_client_is_called_or_sends_as_key_is_in_no_debug_output() {
    let mut rig = Rig::shaken();
    let object = Value::object([("app", "live?token=canary"), ("tcUrl", "rtmp://host/live?token=canary")]);
    rig.call(3, 0, &["connect".into(), 1.0.into(), object]);
    rig.call(3, 0, &["createStream".into(), 2.0.into(), NULL]);
    rig.call(4, 1, &["publish".into(), 3.0.into(), NULL, "key?token=canary".into(), "live".into()]);
    assert_eq!(rig.events.len(), 2);
    assert!(!format!("{:?} {:?}", rig.events, rig.session).contains("canary"));
}
