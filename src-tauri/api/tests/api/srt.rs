//! SRT: settings, passphrases, and that no passphrase leaves but when it is asked for.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::Bench;

#[tokio::test]
async fn it_is_listed_switched_off_until_it_is_switched_on() {
    let bench = Bench::with(|config| config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()]).await;
    let listeners = bench.get("/listeners").await.json();
    let srt = listeners["listeners"].as_array().unwrap().iter().find(|it| it["protocol"] == "srt").unwrap();
    assert_eq!((&srt["id"], &srt["protocol"], &srt["state"]), (&"srt".into(), &"srt".into(), &"disabled".into()));
    let on = bench.call(Method::PATCH, "/listeners/srt", Some(json!({ "enabled": true }))).await.json();
    assert_eq!(on["state"], "listening", "{on}");
    let status = bench.get("/status").await.json();
    let ingest = status["ingest"].as_array().unwrap().iter().find(|it| it["protocol"] == "srt").unwrap();
    assert_eq!(ingest["server"], format!("srt://{}", on["bound"][0].as_str().unwrap()));
    assert_eq!(ingest["key"], "publish:live/stream");
    let rtmp = &bench.get("/listeners").await.json()["listeners"][0];
    assert_eq!((&rtmp["id"], &rtmp["state"]), (&"rtmp".into(), &"listening".into()));
}

#[tokio::test]
async fn settings_are_checked_kept_and_shown() {
    let bench = Bench::start().await;
    let change = json!({ "latency_ms": 400, "key_length": 32, "bare_stream_id": "publish", "default_path": "", "delivery": "exact" });
    let changed = bench.call(Method::PATCH, "/srt", Some(change)).await.json();
    for (key, value) in [
        ("latency_ms", json!(400)),
        ("key_length", json!(32)),
        ("bare_stream_id", json!("publish")),
        ("default_path", json!("")),
        ("delivery", json!("exact")),
        ("encryption", json!("off")),
        ("passphrase_set", json!(false)),
    ] {
        assert_eq!(changed[key], value, "{key}: {changed}");
    }
    assert_eq!(bench.get("/srt").await.json(), changed);
    let back = bench.call(Method::PATCH, "/srt", Some(json!({ "key_length": 0 }))).await.json();
    assert_eq!(back["key_length"], Value::Null);
    for wrong in [
        json!({ "latency_ms": 120_000 }),
        json!({ "key_length": 128 }),
        json!({ "default_path": "../x" }),
        json!({ "passphrase": "canary" }),
        json!({ "passphrase": "          " }),
        json!({ "passphrase": "ä".repeat(40) }),
        json!({ "encryption": "one" }),
        json!({ "encryption": "file" }),
        json!({ "passphrase_file": "relative.json" }),
        json!({ "passphrase_file": "/nowhere/canary.json" }),
    ] {
        let answer = bench.call(Method::PATCH, "/srt", Some(wrong.clone())).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn the_one_passphrase_is_set_made_and_never_shown_again() {
    let bench = Bench::start().await;
    let set = json!({ "encryption": "one", "passphrase": "canary-of-mine" });
    let answer = bench.call(Method::PATCH, "/srt", Some(set)).await;
    assert_eq!(answer.json()["passphrase_set"], true);
    assert!(!format!("{answer:?}").contains("canary"));
    let made = bench.call(Method::POST, "/srt/passphrase", None).await.json();
    let made = made["generated"].as_str().unwrap().to_owned();
    assert!(made.len() >= 20);
    let file = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(file.contains("encryption = \"one\"") && !file.contains(&made) && !file.contains("canary"), "{file}");
    assert!(!format!("{:?}", bench.get("/srt").await).contains(&made));
}

#[tokio::test]
async fn passphrases_of_streams_are_added_rotated_exported_imported_and_removed() {
    let bench = Bench::start().await;
    let given =
        bench.call(Method::PUT, "/srt/passphrases/live%2Fa", Some(json!({ "passphrase": "canary-one-1" }))).await;
    assert_eq!(given.json(), json!({ "path": "live/a", "generated": null }));
    let made = bench.call(Method::PUT, "/srt/passphrases/live%2Fb", Some(json!({}))).await.json();
    let again = bench.call(Method::PUT, "/srt/passphrases/live%2Fb", Some(json!({}))).await.json();
    assert_ne!(made["generated"], again["generated"]);
    let list = bench.get("/srt/passphrases").await;
    assert_eq!(list.json(), json!({ "streams": ["live/a", "live/b"] }));
    assert!(!format!("{list:?}").contains("canary"));
    let exported = bench.get("/srt/passphrase_file").await.json();
    assert_eq!(exported, json!({ "live/a": "canary-one-1", "live/b": again["generated"] }));

    for wrong in [
        json!({ "live/c": "canary" }),
        json!({ "live/c": "          " }),
        json!({ "..": "canary-two-2" }),
        json!({ "live/c": "canary-two-2", "/live/c?x": "canary-two-2" }),
    ] {
        let answer = bench.call(Method::PUT, "/srt/passphrase_file", Some(wrong)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!format!("{answer:?}").contains("canary"));
    }
    let answer = bench.call(Method::PUT, "/srt/passphrase_file", Some(json!(["canary-one-1"]))).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
    let answer = format!("{answer:?}");
    assert!(answer.contains("expected an object of stream names and their passphrases"), "{answer}");
    assert!(!answer.contains("canary"));
    assert_eq!(bench.get("/srt/passphrase_file").await.json(), exported);
    let taken = json!({ "live/b": "canary-two-2", "live/c": "canary-three-3" });
    let answer = bench.call(Method::PUT, "/srt/passphrase_file", Some(taken.clone())).await.json();
    assert_eq!(answer, json!({ "streams": ["live/b", "live/c"] }));
    assert_eq!(bench.get("/srt/passphrase_file").await.json(), taken);

    let gone = bench.call(Method::DELETE, "/srt/passphrases/live%2Fb", None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let answer = bench.call(Method::DELETE, "/srt/passphrases/live%2Fb", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "passphrase_not_found"));
    let config = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(config.contains("live/c") && !config.contains("canary"), "{config}");
}

#[tokio::test]
async fn every_change_of_a_passphrase_is_told() {
    let bench = Bench::start().await;
    let changes = [
        (Method::PUT, "/srt/passphrases/live%2Fa", Some(json!({}))),
        // The list stays the same, and the passphrase does not.
        (Method::PUT, "/srt/passphrases/live%2Fa", Some(json!({}))),
        (Method::PUT, "/srt/passphrase_file", Some(json!({ "live/b": "canary-two-2" }))),
        (Method::DELETE, "/srt/passphrases/live%2Fb", None),
        (Method::POST, "/srt/passphrase", None),
    ];
    for (method, path, body) in changes {
        let mut events = bench.engine.context().events.listen();
        assert!(bench.call(method.clone(), path, body).await.status.is_success());
        let told = std::iter::from_fn(|| events.try_recv().ok()).any(|it| it == weir_engine::Event::SettingsChanged);
        assert!(told, "{method} {path}");
    }
}
