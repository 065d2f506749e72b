//! Every setting as one document.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use weir_engine::destination::Config as Destination;

use crate::bench::{Answer, Bench};

async fn patch(bench: &Bench, body: Value) -> Answer {
    bench.call(Method::PATCH, "/config", Some(body)).await
}

#[tokio::test]
async fn any_setting_is_changed_by_a_merge_patch_and_null_means_the_default() {
    let bench = Bench::start().await;
    let answer =
        patch(&bench, json!({"rtmp": {"idle_seconds": 30}, "hooks": {"stdio": "off", "concurrency": 3}})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let shown = answer.json();
    assert_eq!(shown["config"]["rtmp"]["idle_seconds"], 30);
    assert_eq!(shown["config"]["hooks"]["concurrency"], 3);
    assert_eq!(shown["defaults"]["hooks"]["concurrency"], 10);
    assert_eq!(bench.get("/config").await.json(), shown);
    let file = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(file.contains("idle_seconds = 30") && file.contains("concurrency = 3"), "{file}");
    let back = patch(&bench, json!({"rtmp": {"idle_seconds": null}, "hooks": null})).await.json();
    assert_eq!(back["config"]["rtmp"]["idle_seconds"], 90);
    assert_eq!(back["config"]["hooks"]["concurrency"], 10);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_place_and_changes_nothing() {
    let bench = Bench::start().await;
    let before = bench.get("/config").await.json();
    for (bad, place) in [
        (json!({"rtmp": {"idle_seconds": -1}, "hooks": {"concurrency": 2}}), "rtmp.idle_seconds"),
        (json!({"rtmp": {"speed": 1}}), "rtmp"),
        (json!({"hooks": {"list": [{"id": "a", "events": ["publish"], "script": "x"}]}}), "hooks.list[0]"),
        (json!({"log": {"level": "loud"}}), "log.level"),
        (json!({"metrics": {"listen": "nowhere"}}), "metrics.listen"),
        (json!({"tls": {"cert": "/chain.pem"}}), "tls.cert"),
        (
            json!({"destinations": [{"id": "a", "url": "rtmp://h/a"}, {"id": "a", "url": "rtmp://h/b"}]}),
            "destinations[1].id",
        ),
        (json!([]), "object"),
    ] {
        let answer = patch(&bench, bad.clone()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".into()), "{bad}");
        assert!(answer.json()["message"].as_str().unwrap().contains(place), "{answer:?}");
    }
    assert_eq!(bench.get("/config").await.json(), before);
}

#[tokio::test]
async fn addresses_are_shown_without_secrets_and_keep_them_when_they_come_back_as_shown() {
    // As they are in force when a person has written them into the file.
    let callback = "http://user:canary-word@127.0.0.1:9/ask/canary-path?token=canary-query";
    let bench = Bench::with(|config| {
        let mut one = Destination::new("a", "srt://127.0.0.1:9?latency=200&srt_streamid=canary-key");
        one.enabled = false;
        let other = Destination { id: "b".to_owned(), url: "rtmp://127.0.0.1:9/app".to_owned(), ..one.clone() };
        (config.auth.callback, config.destinations) = (Some(callback.to_owned()), vec![one, other]);
    })
    .await;
    let mut shown = bench.get("/config").await.json();
    assert!(!shown.to_string().contains("canary") && shown.to_string().contains("latency=200"), "{shown}");
    // As a page sends back what it was shown, in another order and with one change.
    let config = &mut shown["config"];
    config["destinations"].as_array_mut().unwrap().reverse();
    config["destinations"][0]["enabled"] = true.into();
    let back = patch(&bench, json!({"auth": config["auth"], "destinations": config["destinations"]})).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    let config = bench.engine.config();
    assert_eq!(config.auth.callback.as_deref(), Some(callback));
    let urls: Vec<_> =
        config.destinations.iter().map(|one| (one.id.as_str(), one.url.contains("canary-key"))).collect();
    assert_eq!(urls, [("b", false), ("a", true)]);
}

#[tokio::test]
async fn the_schema_describes_every_section() {
    let bench = Bench::start().await;
    let schema = bench.get("/config/schema").await.json();
    let shown = bench.get("/config").await.json();
    for section in shown["config"].as_object().unwrap().keys() {
        assert!(schema["properties"][section]["description"].is_string(), "{section}");
    }
}

#[tokio::test]
async fn an_edited_file_is_followed_and_an_invalid_one_explained() {
    let bench = Bench::start().await;
    let file = bench.folder.path().join("config.toml");
    let save = |text: &str| std::fs::write(&file, format!("[rtmp]\nlisten = [\"127.0.0.1:0\"]\n{text}")).unwrap();
    save("[recording]\nkeep_days = 7\n");
    bench.until("/config", |shown| (shown["config"]["recording"]["keep_days"] == 7).then_some(())).await;
    save("[recording]\nkeep_days = 8\nspeed = 1\n");
    let problem = bench
        .until("/problems", |shown| {
            shown["problems"].as_array()?.iter().find(|problem| problem["code"] == "settings_invalid").cloned()
        })
        .await;
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("line 5, column 1") && message.contains("speed"), "{message}");
    assert_eq!(bench.get("/config").await.json()["config"]["recording"]["keep_days"], 7);
    save("[recording]\nkeep_days = 9\n");
    bench.until("/config", |shown| (shown["config"]["recording"]["keep_days"] == 9).then_some(())).await;
}
