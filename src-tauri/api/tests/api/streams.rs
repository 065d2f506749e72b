//! Live streams: look, record, disconnect.

use axum::http::{Method, StatusCode};
use serde_json::Value;
use weir_hub::{EndReason, Origin, SubscribeOptions};
use weir_media::StreamPath;

use crate::bench::Bench;

fn player() -> SubscribeOptions {
    let peer = Some(([127, 0, 0, 1], 40_000).into());
    SubscribeOptions::player(Origin { protocol: "rtmp", peer, agent: Some("test player".to_owned()), connection: None })
}

fn show() -> StreamPath {
    StreamPath::parse("live/show").unwrap()
}

#[tokio::test]
async fn a_stream_is_shown_with_its_tracks_and_numbers() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(3);
    let stream = bench.get("/streams/live%2Fshow").await.json();
    assert_eq!(stream["path"], "live/show");
    assert_eq!(stream["state"], "live");
    assert_eq!(stream["publisher"]["client"], "test encoder");
    assert_eq!(stream["publisher"]["remote"], "127.0.0.1:50000");
    assert_eq!(stream["fps"], 25.0);
    assert_eq!(stream["key_frame_interval_seconds"], 1.0);
    assert_eq!(stream["bytes_in"], 3 * 25 * 1100);
    assert_eq!(stream["recording"], Value::Null);
    let (video, audio) = (&stream["tracks"][0], &stream["tracks"][1]);
    assert_eq!((&video["kind"], &video["codec"]), (&"video".into(), &"H.264".into()));
    assert_eq!((&video["width"], &video["height"], &video["bit_depth"]), (&1280.into(), &720.into(), &8.into()));
    assert_eq!((&video["profile"], &video["level"], &video["hdr"]), (&"High".into(), &"3.1".into(), &false.into()));
    assert_eq!((&video["fps"], &video["frames"]), (&25.0.into(), &75.into()));
    assert_eq!((&audio["codec"], &audio["profile"]), (&"AAC".into(), &"LC".into()));
    assert_eq!((&audio["sample_rate"], &audio["channels"], &audio["fps"]), (&48_000.into(), &2.into(), &Value::Null));
    assert!(video["bitrate"].as_u64() > audio["bitrate"].as_u64());
    assert_eq!(bench.get("/streams").await.json()["streams"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_whose_encoder_went_says_how_long_it_stays() {
    let bench = Bench::start().await;
    drop(bench.publish("live/show"));
    let stream = bench.get("/streams/live%2Fshow").await.json();
    assert_eq!(stream["state"], "interrupted");
    let left = stream["ends_in_seconds"].as_f64().unwrap();
    assert!(left > 5.0 && left <= 10.0, "{left}");
}

#[tokio::test]
async fn a_player_is_shown_and_can_be_disconnected() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(1);
    let mut subscriber = bench.engine.context().hub.subscribe(&show(), player()).unwrap();
    subscriber.count_sent(1234);
    let stream = bench.get("/streams/live%2Fshow").await.json();
    let reader = &stream["readers"][0];
    assert_eq!((&reader["kind"], &reader["client"]), (&"player".into(), &"test player".into()));
    assert_eq!((&reader["remote"], &reader["bytes_sent"]), (&"127.0.0.1:40000".into(), &1234.into()));
    let path = format!("/streams/live%2Fshow/readers/{}", reader["id"].as_str().unwrap());
    assert_eq!(bench.call(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let mut batch = Vec::new();
    loop {
        subscriber.recv_batch(&mut batch).await;
        if let Some(weir_hub::Delivery::Ended(reason)) = batch.last() {
            assert_eq!(*reason, EndReason::Kicked);
            break;
        }
        batch.clear();
    }
    drop(subscriber);
    let again = bench.call(Method::DELETE, &path, None).await;
    assert_eq!((again.status, again.code()), (StatusCode::NOT_FOUND, "connection_not_found".to_owned()));
}

#[tokio::test]
async fn only_a_player_can_be_disconnected_as_a_reader() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(1);
    let options = SubscribeOptions::destination(Origin::internal("rtmp"));
    let subscriber = bench.engine.context().hub.subscribe(&show(), options).unwrap();
    let path = format!("/streams/live%2Fshow/readers/{}", subscriber.id().0);
    let answer = bench.call(Method::DELETE, &path, None).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".to_owned()));
}

#[tokio::test]
async fn a_publisher_can_be_disconnected_once() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    let path = "/streams/live%2Fshow/publisher";
    assert_eq!(bench.call(Method::DELETE, path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(encoder.publisher.closed().await, EndReason::Kicked);
    drop(encoder);
    let again = bench.call(Method::DELETE, path, None).await;
    assert_eq!((again.status, again.code()), (StatusCode::NOT_FOUND, "connection_not_found".to_owned()));
}

#[tokio::test]
async fn a_stream_that_only_has_waiting_players_cannot_be_recorded() {
    let bench = Bench::start().await;
    let _waiting = bench.engine.context().hub.subscribe(&show(), player()).unwrap();
    let stream = bench.get("/streams/live%2Fshow").await.json();
    assert_eq!((&stream["state"], &stream["started_at"]), (&"waiting".into(), &Value::Null));
    let answer = bench.call(Method::POST, "/streams/live%2Fshow/record", None).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "stream_not_live".to_owned()));
}

#[tokio::test]
async fn a_recording_is_started_shown_and_stopped_by_hand() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(2);
    let path = "/streams/live%2Fshow/record";
    for _ in 0..2 {
        let started = bench.call(Method::POST, path, None).await;
        assert_eq!(started.status, StatusCode::OK, "{started:?}");
        assert_eq!(started.json()["recording"]["failure"], Value::Null, "{started:?}");
        assert!(started.json()["recording"].is_object(), "{started:?}");
    }
    let running = bench.until("/recordings", |list| {
        let recording = &list["recordings"][0];
        (recording["state"] == "recording" && recording["duration_seconds"].as_f64()? > 0.0).then(|| list.clone())
    });
    encoder.write(2);
    let list = running.await;
    assert_eq!(list["recordings"].as_array().unwrap().len(), 1, "a second start is no second recording: {list}");
    assert_eq!(list["recordings"][0]["stream"], "live/show");
    assert_eq!(bench.get("/status").await.json()["totals"]["recordings_active"], 1);

    for _ in 0..2 {
        assert_eq!(bench.call(Method::DELETE, path, None).await.status, StatusCode::OK);
    }
    let finished = bench
        .until("/recordings", |list| {
            (list["recordings"][0]["state"] == "finished").then(|| list["recordings"][0].clone())
        })
        .await;
    assert!(finished["duration_seconds"].as_f64().unwrap() > 0.9, "{finished}");
    assert_eq!(bench.get("/streams/live%2Fshow").await.json()["recording"], Value::Null);
    let file = format!("/recordings/{}", finished["id"].as_str().unwrap());
    assert_eq!(bench.call(Method::DELETE, &file, None).await.status, StatusCode::NO_CONTENT);
}
