//! Changes and numbers as they happen.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_engine::problem::Report;

use crate::bench::Bench;

/// One client of the event stream.
struct Client {
    body: BodyDataStream,
    text: String,
    /// How often numbers came, a clock of its own.
    seconds: u32,
}

impl Client {
    async fn connect(bench: &Bench) -> Self {
        let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
        let response = bench.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new(), seconds: 0 }
    }

    /// The next event; `None` at the end. Its name must be its type.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                let (name, data) = (line("event: "), line("data: "));
                self.text = rest.to_owned();
                if let Some(data) = data {
                    let event: Value = serde_json::from_str(&data).unwrap();
                    assert_eq!(event["type"].as_str(), name.as_deref());
                    return Some(event);
                }
                continue;
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.expect("an event");
            self.text.push_str(std::str::from_utf8(&more?.unwrap()).unwrap());
        }
    }

    async fn until(&mut self, kind: &str) -> Value {
        // Numbers come every second, so that waiting for something else would never end by itself.
        for _ in 0..1000 {
            let event = self.next().await.expect("more events");
            if event["type"] == kind {
                return event;
            }
            assert!(event["type"] != "stats" || self.seconds < 20, "no {kind} within 20 s");
            self.seconds += u32::from(event["type"] == "stats");
        }
        panic!("no {kind} among a thousand events");
    }
}

#[tokio::test]
async fn a_client_is_told_to_read_everything_then_what_changes() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    assert_eq!(client.next().await.unwrap(), json!({ "type": "resync", "missed": 0 }));
    let encoder = bench.publish("live/show");
    assert!(client.until("changed").await["topics"].as_array().unwrap().contains(&"streams".into()));
    drop(encoder);
    bench.call(Method::PATCH, "/settings", Some(json!({ "chunk_size": 1000 }))).await;
    loop {
        let topics = client.until("changed").await["topics"].as_array().unwrap().clone();
        if topics.contains(&"settings".into()) {
            break;
        }
    }
}

#[tokio::test]
async fn numbers_come_every_second_with_the_streams() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(2);
    let mut client = Client::connect(&bench).await;
    let first = client.until("stats").await;
    assert_eq!(first["stats"]["totals"]["streams_live"], 1);
    assert_eq!(first["stats"]["streams"][0]["path"], "live/show");
    assert_eq!(first["stats"]["streams"][0]["fps"], 25.0);
    let started = std::time::Instant::now();
    client.until("stats").await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_problem_is_told_as_it_happens() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    client.until("resync").await;
    let report = Report { code: "not_rtmp", message: "m".to_owned(), hint: "h".to_owned(), ..Report::default() };
    bench.engine.context().problems.report(report);
    assert_eq!(client.until("problem").await["problem"]["code"], "not_rtmp");
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_told_to_read_everything_anew() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    client.until("resync").await;
    for peer in 0..3000_u32 {
        let peer = Some(std::net::IpAddr::from(peer.to_be_bytes()).to_string());
        bench.engine.context().problems.report(Report { code: "not_rtmp", peer, ..Report::default() });
    }
    assert!(client.until("resync").await["missed"].as_u64().unwrap() > 1000);
}

#[tokio::test]
async fn many_changes_at_once_are_told_as_one() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    client.until("stats").await;
    let encoders: Vec<_> = (0..50).map(|number| bench.publish(&format!("live/{number}"))).collect();
    let mut told = 0;
    loop {
        let event = client.next().await.unwrap();
        match event["type"].as_str().unwrap() {
            "changed" => told += 1,
            "stats" => break,
            _ => {}
        }
    }
    assert!((1..=10).contains(&told), "{told} for {} streams", encoders.len());
}

#[tokio::test]
async fn places_are_bounded_and_given_back() {
    let bench = Bench::start().await;
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(Client::connect(&bench).await);
    }
    let refused = bench.get("/events").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "too_many_clients".to_owned()));
    clients.pop();
    Client::connect(&bench).await;
}

#[tokio::test]
async fn the_stream_ends_with_the_engine() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    client.until("resync").await;
    bench.engine.shutdown().await;
    client.until("shutting_down").await;
    assert_eq!(client.next().await, None);
}
