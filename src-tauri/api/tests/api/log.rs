//! The latest lines of the log.

use axum::http::{Method, StatusCode};
use serde_json::json;
use weir_engine::log;

use crate::bench::Bench;

#[tokio::test]
async fn lines_are_listed_by_what_they_are_about_and_the_level_changes_live() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = log::start(&log::Config::default(), folder.path());
    let stream = "live/log_test";
    let say = |level: &str| match level {
        "info" => tracing::info!(target: "weir_test", path = stream, connection = 7_u64, "said at info"),
        _ => tracing::debug!(target: "weir_test", path = stream, connection = 7_u64, "said at debug"),
    };
    let lines = async |more: &str| {
        let answer = bench.get(&format!("/log?stream={stream}{more}")).await;
        answer.json()["lines"].as_array().unwrap().clone()
    };
    say("info");
    say("debug");
    let seen = lines("").await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&seen[0]["message"], &seen[0]["connection"]), (&"said at info".into(), &7.into()));
    let changed = bench.call(Method::PATCH, "/settings", Some(json!({"log_level": "debug"}))).await;
    assert_eq!(changed.json()["log_level"], "debug");
    say("debug");
    let since = format!("&since={}", seen[0]["id"]);
    let more = lines(&since).await;
    assert_eq!((more.len(), &more[0]["level"]), (1, &"debug".into()));
    assert_eq!(lines("&level=info").await.len(), 1);
    assert_eq!(lines("&connection=8").await.len(), 0);
    assert_eq!(lines("&text=AT+DEBUG&limit=5").await.len(), 1);
    let answer = bench.get("/log?level=loud").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "invalid_request".into()));
    log.flush();
    let written = std::fs::read_to_string(folder.path().join("log/weir.log")).unwrap();
    assert!(written.contains("said at info") && written.contains("said at debug"), "{written}");
}
