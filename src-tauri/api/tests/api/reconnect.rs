//! Requests to connect anew.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::bench::Bench;

#[tokio::test]
async fn nobody_who_understands_is_there_and_the_answer_says_so() {
    let bench = Bench::start().await;
    let _encoder = bench.publish("live/show");
    for path in ["/reconnect", "/streams/live%2Fshow/publisher/reconnect"] {
        let answer = bench.call(Method::POST, path, Some(json!({ "url": "rtmp://elsewhere/live" }))).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "asked": 0 })), "{path}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_and_a_stranger_are_refused() {
    let bench = Bench::start().await;
    let _encoder = bench.publish("live/show");
    for (path, body, code) in [
        ("/reconnect", json!({ "url": "http://elsewhere/live" }), "invalid_value"),
        ("/reconnect", json!({ "url": "" }), "invalid_value"),
        ("/reconnect", json!({ "to": "rtmp://elsewhere/live" }), "invalid_request"),
        ("/streams/live%2Fother/publisher/reconnect", json!({}), "stream_not_found"),
        ("/streams/live%2Fshow/readers/77/reconnect", json!({}), "connection_not_found"),
    ] {
        let answer = bench.call(Method::POST, path, Some(body.clone())).await;
        assert_eq!(answer.code(), code, "{path} {body}");
    }
}
