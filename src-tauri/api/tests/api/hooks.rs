//! Programs and addresses that are told what happens.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::{Answer, Bench};

async fn create(bench: &Bench, body: Value) -> Answer {
    bench.call(Method::POST, "/hooks", Some(body)).await
}

#[tokio::test]
async fn a_webhook_is_kept_with_its_secrets_apart() {
    let bench = Bench::start().await;
    let new = json!({
        "events": ["publish_start", "publish_stop"], "url": "https://host.example/canary-path?x=canary-query",
        "headers": {"Authorization": "Bearer canary-header"}, "signing_key": "canary-key", "enabled": false,
    });
    let answer = create(&bench, new).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let hook = answer.json();
    let id = hook["id"].as_str().unwrap().to_owned();
    assert_eq!((&hook["kind"], &hook["url"]), (&"webhook".into(), &"https://host.example".into()));
    assert_eq!((&hook["url_hidden"], &hook["signing_key_set"]), (&true.into(), &true.into()));
    assert_eq!((&hook["headers"], &hook["name"]), (&json!(["Authorization"]), &"https://host.example".into()));
    for shown in [bench.get("/hooks").await, bench.get("/config").await] {
        assert!(!format!("{shown:?}").contains("canary"), "{shown:?}");
    }
    let file = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(file.contains("webhook = \"https://host.example\"") && !file.contains("canary"), "{file}");
    let kept =
        |what: &str| bench.engine.secrets().find(&format!("hook/{id}/{what}")).map(|secret| secret.expose().clone());
    for what in ["url", "headers", "signing_key"] {
        assert!(kept(what).unwrap().contains("canary"), "{what}");
    }

    let change = json!({"headers": {}, "signing_key": "", "name": "Mine", "events": ["play_start"]});
    let changed = bench.call(Method::PATCH, &format!("/hooks/{id}"), Some(change)).await.json();
    assert_eq!((&changed["name"], &changed["events"]), (&"Mine".into(), &json!(["play_start"])));
    assert_eq!((&changed["headers"], &changed["signing_key_set"]), (&json!([]), &false.into()));
    assert_eq!(changed["url_hidden"], true, "it stays");
    let gone = bench.call(Method::DELETE, &format!("/hooks/{id}"), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(["url", "headers", "signing_key"].into_iter().all(|what| kept(what).is_none()));
    assert_eq!(bench.get("/hooks").await.json()["hooks"], json!([]));
}

#[cfg(unix)]
#[tokio::test]
async fn a_sample_is_fired_and_its_result_is_kept() {
    let bench = Bench::start().await;
    let new =
        json!({"events": ["publish_start"], "script": "sh", "arguments": ["-c", "echo $RTMP_EVENT_TYPE; exit 1"]});
    let hook = create(&bench, new).await.json();
    assert_eq!(hook["name"], "sh");
    let path = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let result = bench.call(Method::POST, &path, Some(json!({}))).await.json();
    assert_eq!((&result["ok"], &result["output"]), (&false.into(), &"publish_start".into()));
    assert!(result["error"].as_str().unwrap().contains("exit status: 1"), "{result}");
    let result = bench.call(Method::POST, &path, Some(json!({"event": "auth_failed"}))).await.json();
    assert_eq!(result["output"], "auth_failed");
    let shown = bench.get("/hooks").await.json();
    assert_eq!(shown["hooks"][0]["results"].as_array().unwrap().len(), 2);
    assert_eq!(shown["hooks"][0]["failed"], 2);
    assert!(shown["events"].as_array().unwrap().len() >= 17);
}

#[tokio::test]
async fn what_can_never_work_is_refused() {
    let bench = Bench::start().await;
    for bad in [
        json!({"events": ["publish"], "script": "x"}),
        json!({"events": [], "script": "x"}),
        json!({"events": ["play_start"]}),
        json!({"events": ["play_start"], "script": "x", "url": "http://h/canary"}),
        json!({"events": ["play_start"], "script": ""}),
        json!({"events": ["play_start"], "url": "ftp://host/canary"}),
        json!({"events": ["play_start"], "url": "http://h", "headers": {"a b": "canary"}}),
        json!({"events": ["play_start"], "url": "http://h", "headers": {"Content-Length": "5"}}),
        json!({"events": ["play_start"], "url": "http://h", "headers": {"host": "canary"}}),
        json!({"events": ["play_start"], "url": "http://h", "headers": {"a": "canary\nx: y"}}),
        json!({"events": ["play_start"], "script": "x", "name": "n".repeat(81)}),
    ] {
        let answer = create(&bench, bad.clone()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".into()), "{bad}");
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
    }
    for (method, path) in
        [(Method::PATCH, "/hooks/none"), (Method::DELETE, "/hooks/none"), (Method::POST, "/hooks/none/test")]
    {
        let answer = bench.call(method, path, Some(json!({}))).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "hook_not_found".into()), "{path}");
    }
    assert_eq!(bench.get("/config").await.json()["config"]["hooks"]["list"], json!([]));
}
