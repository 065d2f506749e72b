//! Where streams are sent on to.

use std::net::{Ipv4Addr, TcpListener};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

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

fn secrets(bench: &Bench) -> String {
    std::fs::read_to_string(bench.folder.path().join("secrets.toml")).unwrap_or_default()
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
    assert!(secrets(&bench).contains("canary?a=1"));

    let path = format!("/destinations/{}", id.as_str().unwrap());
    assert_eq!(bench.call(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.get("/destinations").await.json()["destinations"], json!([]));
    assert!(!secrets(&bench).contains("canary"), "a key is forgotten with its destination");
    assert_eq!(bench.call(Method::DELETE, &path, None).await.code(), "destination_not_found");
}

#[tokio::test]
async fn a_key_at_the_end_of_the_address_is_taken_for_one() {
    let bench = Bench::start().await;
    let answer = create(&bench, json!({ "url": "rtmp://127.0.0.1:1/app/canary?b=2", "enabled": false })).await;
    let shown = answer.json();
    assert_eq!(shown["url"], "rtmp://127.0.0.1:1/app", "{answer:?}");
    assert_eq!((&shown["key_set"], &shown["name"]), (&true.into(), &"127.0.0.1".into()));
    assert!(secrets(&bench).contains("canary?b=2"));
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
    assert!(!secrets(&bench).contains("canary"));
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
        json!({ "url": "rtmps://127.0.0.1/app" }),
        json!({ "url": "rtmp://•••@127.0.0.1/app" }),
        json!({ "key": "•••" }),
        json!({ "name": "x".repeat(81) }),
        json!({ "name": "a\nb" }),
        json!({ "key": "new", "streams": "" }),
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
    assert!(secrets(&bench).contains("canary"));
}

#[tokio::test]
async fn what_is_no_address_is_refused_without_repeating_it() {
    let bench = Bench::start().await;
    for url in
        ["", "live.twitch.tv/app/canary", "http://h/canary", "rtmp://h", "rtmp://h/a b/canary", "rtmps://h/app/canary"]
    {
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
