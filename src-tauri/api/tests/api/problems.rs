//! What went wrong lately.

use axum::http::{Method, StatusCode};
use serde_json::json;
use weir_engine::problem::Report;

use crate::bench::Bench;

#[tokio::test]
async fn problems_are_shown_newest_first_and_can_be_forgotten() {
    let bench = Bench::start().await;
    for (code, peer) in [("not_rtmp", "10.0.0.1"), ("not_rtmp", "10.0.0.1"), ("publisher_exists", "10.0.0.2")] {
        bench.engine.context().problems.report(Report {
            code,
            message: "What happened.".to_owned(),
            hint: "What to do.".to_owned(),
            path: Some("live/show".to_owned()),
            peer: Some(peer.to_owned()),
        });
    }
    let problems = bench.get("/problems").await.json()["problems"].clone();
    assert_eq!(problems.as_array().unwrap().len(), 2);
    assert_eq!((&problems[0]["code"], &problems[0]["count"]), (&"publisher_exists".into(), &1.into()));
    assert_eq!((&problems[1]["code"], &problems[1]["count"]), (&"not_rtmp".into(), &2.into()));
    assert_eq!((&problems[1]["remote"], &problems[1]["stream"]), (&"10.0.0.1".into(), &"live/show".into()));
    assert_eq!((&problems[1]["message"], &problems[1]["hint"]), (&"What happened.".into(), &"What to do.".into()));
    assert_eq!(bench.get("/status").await.json()["problems"], 2);
    assert_eq!(bench.call(Method::DELETE, "/problems", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.get("/problems").await.json(), json!({ "problems": [] }));
}

#[tokio::test]
async fn what_is_no_address_is_not_told_as_one() {
    let bench = Bench::start().await;
    for (code, peer) in [("recording_damaged", "live_k_20261122.mp4"), ("not_rtmp", "2001:db8::1")] {
        let peer = Some(peer.to_owned());
        bench.engine.context().problems.report(Report { code, peer, ..Report::default() });
    }
    let problems = bench.get("/problems").await.json()["problems"].clone();
    assert_eq!((&problems[0]["remote"], &problems[1]["remote"]), (&"2001:db8::1".into(), &serde_json::Value::Null));
}
