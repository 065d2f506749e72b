//! Who may publish and watch, stream keys, and the certificate.

use axum::http::{Method, StatusCode};
use serde_json::json;
use weir_engine::net::ListenAddress;

use crate::bench::Bench;

#[tokio::test]
async fn a_listener_open_to_the_network_without_keys_is_told_in_the_status() {
    let bench = Bench::with(|config| config.rtmp.listen = vec![ListenAddress::All { port: 0 }]).await;
    let access = bench.get("/access").await.json();
    assert_eq!((access["mode"].as_str(), access["open_to_network"].as_bool()), (Some("none"), Some(true)));
    assert_eq!(access["notice"]["code"], "open_without_keys");
    let status = bench.get("/status").await.json();
    assert_eq!(status["notices"], json!([access["notice"]]));

    let access = bench.call(Method::PATCH, "/access", Some(json!({ "mode": "token" }))).await.json();
    assert_eq!(access["notice"]["code"], "no_keys_yet");
    let key = json!({ "name": "OBS", "action": "publish" });
    assert_eq!(bench.call(Method::POST, "/stream-keys", Some(key)).await.status, StatusCode::CREATED);
    assert_eq!(bench.get("/access").await.json()["notice"], json!(null));
    assert_eq!(bench.get("/status").await.json()["notices"], json!([]));

    let local = Bench::start().await;
    assert_eq!(local.get("/status").await.json()["notices"], json!([]));
}

#[tokio::test]
async fn a_stream_key_shows_its_secret_once_and_can_be_revoked() {
    let bench = Bench::start().await;
    let new = json!({ "name": " for friends ", "streams": "/live//show", "action": "play" });
    let made = bench.call(Method::POST, "/stream-keys", Some(new)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 26);
    assert_eq!(made["name_with_secret"], format!("show?token={secret}"));
    let list = bench.get("/stream-keys").await;
    assert!(!String::from_utf8_lossy(&list.body).contains(secret));
    let listed = &list.json()["stream_keys"][0];
    assert_eq!(listed, &made["stream_key"]);
    assert_eq!(
        (&listed["name"], &listed["streams"], &listed["last_used_at"]),
        (&json!("for friends"), &json!("live/show"), &json!(null))
    );
    let id = listed["id"].as_str().unwrap();
    let gone = bench.call(Method::DELETE, &format!("/stream-keys/{id}"), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let again = bench.call(Method::DELETE, &format!("/stream-keys/{id}"), None).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::NOT_FOUND, "stream_key_not_found"));
    for bad in [
        json!({ "name": " ", "action": "play" }),
        json!({ "name": "x", "action": "play", "streams": "../x" }),
        json!({ "name": "x", "action": "play", "streams": "live/a, live/b" }),
        json!({ "name": "x", "action": "play", "streams": "*/show" }),
    ] {
        let refused = bench.call(Method::POST, "/stream-keys", Some(bad)).await;
        assert_eq!((refused.status, refused.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"));
    }
}

#[tokio::test]
async fn a_mode_without_what_it_needs_is_refused_and_changes_nothing() {
    let bench = Bench::start().await;
    let missing = bench.folder.path().join("missing.json").display().to_string();
    let bad = bench.folder.path().join("bad.json");
    std::fs::write(&bad, "{\"live/a\": canary}").unwrap();
    for patch in [
        json!({ "mode": "file" }),
        json!({ "mode": "callback" }),
        json!({ "mode": "file", "file": missing }),
        json!({ "mode": "file", "file": bad.display().to_string() }),
        json!({ "mode": "callback", "callback": "ftp://host/x" }),
        json!({ "callback_timeout_seconds": 0 }),
        json!({ "wrong_tries": 0 }),
    ] {
        let refused = bench.call(Method::PATCH, "/access", Some(patch.clone())).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"),
            "{patch}"
        );
        assert!(!String::from_utf8_lossy(&refused.body).contains("canary"));
    }
    assert_eq!(bench.get("/access").await.json()["mode"], "none");
    let good = bench.folder.path().join("good.json");
    std::fs::write(&good, "{\"live/a\": \"canary\"}").unwrap();
    let patch = json!({ "mode": "file", "file": good.display().to_string() });
    let shown = bench.call(Method::PATCH, "/access", Some(patch)).await.json();
    assert_eq!((shown["file_tokens"].as_u64(), shown["notice"].is_null()), (Some(1), true));
    let patch = json!({ "mode": "callback", "callback": "http://user:canary@127.0.0.1:9/auth?key=canary" });
    let shown = bench.call(Method::PATCH, "/access", Some(patch)).await;
    assert_eq!(shown.json()["callback"], "http://127.0.0.1:9/•••");
    assert!(!String::from_utf8_lossy(&shown.body).contains("canary"));
}

#[tokio::test]
async fn the_certificate_is_shown_renewed_and_replaced_without_its_key() {
    let bench = Bench::start().await;
    let made = bench.get("/certificate").await.json();
    assert_eq!((made["source"].as_str(), made["self_signed"].as_bool()), (Some("made"), Some(true)));
    assert!(made["days_left"].as_u64().unwrap() > 390 && made["fingerprint"].as_str().unwrap().len() == 64);
    let systems: Vec<_> =
        made["trust"].as_array().unwrap().iter().map(|step| step["system"].as_str().unwrap()).collect();
    assert_eq!(systems, ["windows", "macos", "linux", "ffmpeg", "obs"]);
    let renewed = bench.call(Method::POST, "/certificate/renew", None).await.json();
    assert_ne!(renewed["fingerprint"], made["fingerprint"]);
    let file = bench.get("/certificate/file").await;
    assert_eq!(String::from_utf8_lossy(&file.body), renewed["pem"].as_str().unwrap());

    let key = std::fs::read_to_string(bench.folder.path().join("tls/made.key")).unwrap();
    let second = key.lines().nth(1).unwrap();
    let pair = |certificate: &str, key: &str, name: &str| json!({ "certificate": certificate, "key": key, "server_name": name });
    let wrong = bench.call(Method::PUT, "/certificate", Some(pair(made["pem"].as_str().unwrap(), &key, ""))).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_certificate"));
    let pem = renewed["pem"].as_str().unwrap();
    let named = bench.call(Method::PUT, "/certificate", Some(pair(pem, &key, "elsewhere.example"))).await;
    assert!(named.json()["message"].as_str().unwrap().contains("elsewhere.example"));
    let imported = bench.call(Method::PUT, "/certificate", Some(pair(pem, &key, "localhost"))).await;
    assert_eq!(
        (imported.json()["source"].as_str(), imported.json()["fingerprint"] == renewed["fingerprint"]),
        (Some("imported"), true)
    );
    for answer in [&wrong, &named, &imported, &file] {
        assert!(!String::from_utf8_lossy(&answer.body).contains(second), "no key in any answer");
    }
    assert_eq!(bench.call(Method::POST, "/certificate/renew", None).await.json()["source"], "made");
}
