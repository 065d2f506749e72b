//! The past of a stream, how it is, and the past of a destination.

use std::net::{Ipv4Addr, TcpListener};

use axum::http::Method;
use serde_json::{Value, json};

use crate::bench::Bench;

const HISTORY: &str = "/streams/live%2Fshow/history";

fn codes(history: &Value) -> Vec<String> {
    let events = history["events"].as_array().map_or(&[][..], Vec::as_slice);
    events.iter().map(|event| event["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn numbers_and_events_are_kept_from_the_first_second_on() {
    let bench = Bench::start().await;
    assert_eq!(bench.get(HISTORY).await.code(), "stream_not_found");
    let mut encoder = bench.publish("live/show");
    encoder.write(3);
    let history = bench
        .until(HISTORY, |history| {
            let full = history["recent"]["times"].as_array().is_some_and(|times| times.len() >= 2);
            full.then(|| history.clone())
        })
        .await;
    let recent = &history["recent"];
    let length = recent["times"].as_array().unwrap().len();
    for column in ["bitrate", "fps", "key_frame_interval_seconds", "behind_seconds", "readers"] {
        assert_eq!(recent[column].as_array().unwrap().len(), length, "{column}");
    }
    assert!(recent["fps"].as_array().unwrap().contains(&25.0.into()), "{recent}");
    assert!(recent["bitrate"].as_array().unwrap().iter().any(|rate| rate.as_f64() > Some(0.0)));
    assert!(codes(&history).starts_with(&["publish_started".to_owned(), "tracks_changed".to_owned()]), "{history}");
    assert_eq!(history["events"][0]["subject"], "127.0.0.1:50000");

    let last = recent["times"][length - 1].as_f64().unwrap();
    let newer = bench.get(&format!("{HISTORY}?since={last}")).await.json();
    assert_eq!(newer["recent"]["times"][0].as_f64(), Some(last));
    assert!(newer["events"].as_array().unwrap().len() < history["events"].as_array().unwrap().len());
    assert_eq!(bench.get(&format!("{HISTORY}?until=5")).await.code(), "invalid_request");
}

#[tokio::test]
async fn what_was_recorded_and_why_it_ended_is_in_the_story() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(1);
    bench.call(Method::POST, "/streams/live%2Fshow/record", None).await;
    encoder.write(1);
    bench.until(HISTORY, |history| codes(history).contains(&"recording_started".to_owned()).then_some(())).await;
    bench.call(Method::DELETE, "/streams/live%2Fshow/record", None).await;
    drop(encoder);
    let seen = ["recording_stopped".to_owned(), "publish_stopped".to_owned()];
    bench.until(HISTORY, |history| seen.iter().all(|code| codes(history).contains(code)).then_some(())).await;
    let history = bench.get(HISTORY).await.json();
    let events = history["events"].as_array().unwrap();
    let stopped = events.iter().find(|event| event["code"] == "publish_stopped").unwrap();
    assert_eq!((&stopped["reason"], &stopped["message"]), (&"publisher_left".into(), &"the publisher left".into()));
    assert!(events.iter().filter(|event| event["code"] == "recording_started").all(|event| event["reason"].is_null()));
}

#[tokio::test]
async fn a_stream_says_how_it_is_and_what_to_do() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(1);
    let fresh = bench.get("/streams/live%2Fshow").await.json();
    assert_eq!((&fresh["health"]["level"], &fresh["health"]["findings"]), (&"good".into(), &Value::Array(Vec::new())));
    // The encoder stays connected and sends nothing more.
    let health = bench
        .until("/streams/live%2Fshow", |stream| (stream["health"]["level"] == "bad").then(|| stream["health"].clone()))
        .await;
    let finding = &health["findings"][0];
    assert_eq!(finding["code"], "no_frames");
    assert!(finding["message"].as_str().unwrap().starts_with("Nothing has arrived for "), "{finding}");
    assert!(finding["values"]["seconds"].as_f64().unwrap() >= 3.0 && !finding["hint"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn the_numbers_of_a_destination_are_kept_with_its_outages() {
    let bench = Bench::start().await;
    assert_eq!(bench.get("/destinations/none/history").await.code(), "destination_not_found");
    // Nobody answers there.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let url = format!("rtmp://127.0.0.1:{port}/app");
    let created = bench.call(Method::POST, "/destinations", Some(json!({ "url": url, "key": "k" }))).await.json();
    let path = format!("/destinations/{}/history", created["id"].as_str().unwrap());
    let before = bench.get(&path).await.json();
    assert_eq!(before["recent"]["times"], json!([]), "nothing is known of what has not run");

    let mut encoder = bench.publish("live/show");
    encoder.write(1);
    let history = bench
        .until(&path, |history| {
            let full = history["recent"]["times"].as_array().is_some_and(|times| times.len() >= 2);
            full.then(|| history.clone())
        })
        .await;
    let recent = &history["recent"];
    let length = recent["times"].as_array().unwrap().len();
    for column in ["bitrate", "behind_seconds", "rtt_ms", "frames_skipped"] {
        assert_eq!(recent[column].as_array().unwrap().len(), length, "{column}");
    }
    assert_eq!(recent["bitrate"][0], 0.0, "an outage is a line at zero");
    assert_eq!((&before["session_began"], &history["session_began"]), (&Value::Null, &recent["times"][0]));
    let last = recent["times"][length - 1].as_f64().unwrap();
    let newer = bench.get(&format!("{path}?since={last}")).await.json();
    assert_eq!(newer["recent"]["times"][0].as_f64(), Some(last));

    // It was never live, so it was not lost; and it is one line, however often it is tried.
    let tried = |history: &Value| {
        let events = history["events"].as_array()?;
        events
            .iter()
            .find(|event| event["count"].as_u64() > Some(1) && event["code"] == "destination_attempt_failed")
            .cloned()
    };
    let line = bench.until(HISTORY, tried).await;
    assert_eq!((&line["subject"], &line["reason"]), (&"127.0.0.1".into(), &"connection_refused".into()));
    let codes = codes(&bench.get(HISTORY).await.json());
    assert_eq!(codes.iter().filter(|code| code.starts_with("destination_")).count(), 1, "{codes:?}");
}
