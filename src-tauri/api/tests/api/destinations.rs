//! Where streams are sent on to.

use std::net::{Ipv4Addr, TcpListener};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use weir_engine::destination;

use crate::bench::{Answer, Bench};

async fn create(bench: &Bench, body: Value) -> Answer {
    bench.call(Method::POST, "/destinations", Some(body)).await
}

async fn patch(bench: &Bench, id: &Value, body: Value) -> Answer {
    bench.call(Method::PATCH, &format!("/destinations/{}", id.as_str().unwrap()), Some(body)).await
}

/// An address where nobody answers, on a port that was free a moment ago.
fn nowhere() -> String {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    format!("rtmp://127.0.0.1:{port}/app")
}

/// Whether a destination's key is kept, and nowhere in a file as it is.
fn keeps(bench: &Bench, key: &str) -> bool {
    for file in std::fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{} holds a key", file.display());
    }
    let ids = bench.engine.config().destinations.into_iter().map(|destination| destination.id);
    ids.flat_map(|id| [destination::secret_name(&id), destination::backup_secret_name(&id)])
        .filter_map(|name| bench.engine.secrets().find(&name))
        .any(|kept| kept.expose() == key)
}

#[tokio::test]
async fn a_destination_comes_changes_and_goes_and_its_key_is_never_shown() {
    let bench = Bench::start().await;
    let created = create(&bench, json!({ "name": "Twitch", "url": nowhere(), "key": "canary?a=1" })).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let shown = created.json();
    assert_eq!((&shown["name"], &shown["key_set"], &shown["streams"]), (&"Twitch".into(), &true.into(), &"*".into()));
    assert_eq!((&shown["enabled"], &shown["state"]), (&true.into(), &"waiting".into()));
    let id = &shown["id"];

    let changed = patch(&bench, id, json!({ "name": "Main", "streams": "live/*", "enabled": false })).await;
    let shown = changed.json();
    assert_eq!(
        (&shown["name"], &shown["streams"], &shown["key_set"]),
        (&"Main".into(), &"live/*".into(), &true.into())
    );
    assert_eq!((&shown["enabled"], &shown["state"]), (&false.into(), &"disabled".into()));

    let list = bench.get("/destinations").await;
    assert_eq!(list.json()["destinations"], json!([shown]));
    let config = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    for text in [format!("{created:?}"), format!("{changed:?}"), format!("{list:?}"), config] {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(keeps(&bench, "canary?a=1"));

    let path = format!("/destinations/{}", id.as_str().unwrap());
    assert_eq!(bench.call(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.get("/destinations").await.json()["destinations"], json!([]));
    assert!(!keeps(&bench, "canary"), "a key is forgotten with its destination");
    assert_eq!(bench.call(Method::DELETE, &path, None).await.code(), "destination_not_found");
}

#[tokio::test]
async fn a_key_at_the_end_of_the_address_is_taken_for_one() {
    let bench = Bench::start().await;
    let answer = create(&bench, json!({ "url": "rtmp://127.0.0.1:1/app/canary?b=2", "enabled": false })).await;
    let shown = answer.json();
    assert_eq!(shown["url"], "rtmp://127.0.0.1:1/app", "{answer:?}");
    assert_eq!((&shown["key_set"], &shown["name"]), (&true.into(), &"127.0.0.1".into()));
    assert!(keeps(&bench, "canary?b=2"));
}

#[tokio::test]
async fn a_key_stays_with_its_server_and_never_goes_to_another() {
    let bench = Bench::start().await;
    let new = json!({ "url": "rtmp://127.0.0.1:1/app", "key": "canary", "enabled": false });
    let id = create(&bench, new).await.json()["id"].clone();
    let same = patch(&bench, &id, json!({ "url": "rtmp://127.0.0.1:1/other/place/" })).await.json();
    assert_eq!((&same["key_set"], &same["url"]), (&true.into(), &"rtmp://127.0.0.1:1/other/place/".into()));
    let other = patch(&bench, &id, json!({ "url": "rtmp://127.0.0.2:1/app" })).await.json();
    assert_eq!(other["key_set"], false);
    assert!(!keeps(&bench, "canary"));
    assert_eq!(patch(&bench, &id, json!({ "key": "again" })).await.json()["key_set"], true);
    assert_eq!(patch(&bench, &id, json!({ "key": "" })).await.json()["key_set"], false);
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let bench = Bench::start().await;
    let new = json!({ "url": "rtmp://127.0.0.1:1/app", "key": "canary", "enabled": false });
    let id = create(&bench, new).await.json()["id"].clone();
    let before = bench.get("/destinations").await.json();
    for bad in [
        json!({ "url": "https://127.0.0.1/app" }),
        json!({ "preset": "no-such-service" }),
        json!({ "trusted_certificate": "abc" }),
        json!({ "backup_url": "https://127.0.0.1/app" }),
        json!({ "url": "rtmp://•••@127.0.0.1/app" }),
        json!({ "key": "•••" }),
        json!({ "name": "x".repeat(81) }),
        json!({ "name": "a\nb" }),
        json!({ "key": "new", "streams": ".." }),
        json!({ "streams": "live/../x" }),
    ] {
        let answer = patch(&bench, &id, bad.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(bench.get("/destinations").await.json(), before);
    assert!(keeps(&bench, "canary"));
}

#[tokio::test]
async fn what_is_no_address_is_refused_without_repeating_it() {
    let bench = Bench::start().await;
    for url in [
        "",
        "live.twitch.tv/app/canary",
        "http://h/canary",
        "rtmp://h",
        "rtmp://h/a b/canary",
        "srt://h/canary",
        "srt://h?streamid=canary",
    ] {
        let answer = create(&bench, json!({ "url": url })).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".to_owned()),
            "{url}"
        );
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
    }
    assert_eq!(bench.get("/destinations").await.json()["destinations"], json!([]));
}

#[tokio::test]
async fn destinations_have_a_bound() {
    let bench = Bench::start().await;
    for _ in 0..64 {
        let answer = create(&bench, json!({ "url": "rtmp://127.0.0.1:1/app", "enabled": false })).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    assert_eq!(create(&bench, json!({ "url": "rtmp://127.0.0.1:1/app" })).await.code(), "invalid_value");
}

#[tokio::test]
async fn only_one_that_is_in_use_can_be_tried_again() {
    let bench = Bench::start().await;
    let off = create(&bench, json!({ "url": nowhere(), "enabled": false })).await.json()["id"].clone();
    let on = create(&bench, json!({ "url": nowhere() })).await.json()["id"].clone();
    let retry = async |id: &str| bench.call(Method::POST, &format!("/destinations/{id}/retry"), None).await;
    assert_eq!(retry(off.as_str().unwrap()).await.code(), "destination_disabled");
    assert_eq!(retry(on.as_str().unwrap()).await.json()["id"], on);
    assert_eq!(retry("none").await.code(), "destination_not_found");
}

#[tokio::test]
async fn a_second_address_with_its_key_comes_and_goes() {
    let bench = Bench::start().await;
    let new = json!({ "url": "rtmps://127.0.0.1:1/app", "key": "canary", "backup_url": "rtmps://127.0.0.1:2/app/canary-2",
        "backup": "both", "enabled": false, "preset": "custom" });
    let answer = create(&bench, new).await;
    let shown = answer.json();
    assert_eq!(shown["backup"]["url"], "rtmps://127.0.0.1:2/app", "{answer:?}");
    assert_eq!((&shown["backup"]["key_set"], &shown["backup"]["mode"]), (&true.into(), &"both".into()));
    assert!(keeps(&bench, "canary-2") && !format!("{answer:?}").contains("canary"));
    let changed = patch(&bench, &shown["id"], json!({ "backup_url": "" })).await.json();
    assert_eq!((&changed["backup"], &changed["key_set"]), (&Value::Null, &true.into()));
    assert!(!keeps(&bench, "canary-2"));
}

#[tokio::test]
async fn one_that_is_started_by_hand_says_what_it_waits_for() {
    let bench = Bench::start().await;
    let new = json!({ "url": nowhere(), "start": "by_hand", "streams": "" });
    let shown = create(&bench, new).await.json();
    assert_eq!((&shown["state"], &shown["start"], &shown["streams"]), (&"idle".into(), &"by_hand".into(), &"".into()));
    let call = async |verb: &str, body: Value| {
        bench.call(Method::POST, &format!("/destinations/{}/{verb}", shown["id"].as_str().unwrap()), Some(body)).await
    };
    assert_eq!(call("start", json!({})).await.code(), "no_stream_chosen");
    assert_eq!(call("start", json!({ "stream": "live/../x" })).await.code(), "invalid_value");
    let started = call("start", json!({ "stream": "live/show" })).await.json();
    assert_eq!(started["chosen"], "live/show");
    let stopped =
        bench.call(Method::POST, &format!("/destinations/{}/stop", shown["id"].as_str().unwrap()), None).await;
    assert_eq!(stopped.json()["chosen"], Value::Null);
}

#[tokio::test]
async fn presets_are_listed_with_where_they_come_from() {
    let bench = Bench::start().await;
    let list = bench.get("/presets").await.json();
    let presets = list["presets"].as_array().unwrap();
    assert!(presets.iter().any(|preset| preset["id"] == "custom"));
    for preset in presets {
        assert!(preset["checked"].as_str().is_some_and(|day| day.len() == 10), "{preset}");
        assert!(!preset["sources"].as_array().unwrap().is_empty(), "{preset}");
    }
}

#[tokio::test]
async fn a_service_is_asked_about_a_stream_by_name_and_an_unknown_one_is_told() {
    let bench = Bench::start().await;
    let unknown = bench.get("/presets/nobody/check?stream=live%2Fa").await;
    assert_eq!((unknown.status, unknown.json()["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    let no_stream = bench.get("/presets/custom/check?stream=live%2Fa").await;
    assert_eq!(no_stream.json()["code"], "stream_not_found");
}

#[tokio::test]
async fn a_latency_that_is_meant_in_microseconds_is_said_before_anything_is_sent() {
    let bench = Bench::start().await;
    let new = |url: &str| json!({ "name": url, "url": url, "enabled": false });
    let shown = create(&bench, new("srt://h.example:9000?latency=200000&streamid=canary")).await.json();
    let warnings = shown["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), &warnings[0]["code"]), (1, &"latency_unit".into()));
    assert!(warnings[0]["message"].as_str().unwrap().contains("200 milliseconds"), "{warnings:?}");
    assert!(!warnings[0].to_string().contains("canary"));
    let changed = patch(&bench, &shown["id"], json!({ "url": "srt://h.example:9000?latency=200" })).await.json();
    assert_eq!(changed["warnings"], json!([]));
}
