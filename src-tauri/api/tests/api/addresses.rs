//! Addresses with secrets in them, by every way into the settings: no reply, no log and no file shows them, and all of them is
//! used.

use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use weir_engine::auth::{Action, Attempt, CALLBACK_SECRET};
use weir_engine::destination::{backup_secret_name, secret_name};
use weir_media::StreamPath;

use crate::bench::{Answer, Bench};

const CANARY: &str = "canary";

/// What is kept under a name.
fn kept(bench: &Bench, name: &str) -> Option<String> {
    bench.engine.secrets().find(name).map(|kept| kept.expose().clone())
}

/// Everything that may be read of the engine, and every file it wrote.
async fn nothing_is_seen(bench: &Bench, answers: &[&Answer]) {
    for answer in answers {
        assert!(!format!("{answer:?}").contains(CANARY), "{answer:?}");
    }
    for path in ["/destinations", "/config", "/hooks", "/access", "/status", "/problems", "/log"] {
        let shown = bench.get(path).await;
        assert!(!format!("{shown:?}").contains(CANARY), "{path}: {shown:?}");
    }
    for file in std::fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
        assert!(!text.contains(CANARY), "{}: {text}", file.display());
    }
}

async fn patch(bench: &Bench, path: &str, body: Value) -> Answer {
    let answer = bench.call(Method::PATCH, path, Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer
}

#[tokio::test]
async fn whatever_an_address_has_in_it_goes_to_the_secrets() {
    let bench = Bench::start().await;
    for (url, key, shown, stored) in [
        (
            "rtmp://127.0.0.1:1/app?auth=canary",
            Some("canary-key"),
            "rtmp://127.0.0.1:1/app?•••",
            "auth=canary\ncanary-key",
        ),
        ("rtmp://127.0.0.1:1/app?auth=canary", None, "rtmp://127.0.0.1:1/app?•••", "auth=canary\n"),
        (
            "rtmp://127.0.0.1:1/app?auth=canary/canary-key",
            None,
            "rtmp://127.0.0.1:1/app?•••",
            "auth=canary\ncanary-key",
        ),
        ("rtmp://127.0.0.1:1/app/canary", Some("canary"), "rtmp://127.0.0.1:1/app", "canary"),
        ("rtmp://127.0.0.1:1/app/canary", Some("canary?a=1"), "rtmp://127.0.0.1:1/app", "canary?a=1"),
        ("rtmps://127.0.0.1:1/live2?backup=1", Some("canary"), "rtmps://127.0.0.1:1/live2?backup=1", "canary"),
        ("srt://127.0.0.1:1?latency=20&word=canary", None, "srt://127.0.0.1:1?latency=20&•••", "word=canary\n"),
        ("srt://127.0.0.1:1?canary&streamid=canary", None, "srt://127.0.0.1:1?•••", "canary\nstreamid=canary"),
    ] {
        let new = json!({ "url": url, "key": key, "enabled": false });
        let made = bench.call(Method::POST, "/destinations", Some(new)).await;
        assert_eq!((made.status, &made.json()["url"]), (StatusCode::CREATED, &shown.into()), "{url}");
        let id = made.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(kept(&bench, &secret_name(&id)).as_deref(), Some(stored), "{url}");
        assert_eq!(made.json()["key_set"], !stored.ends_with('\n'), "{url}");
        // The same as a second address.
        let path = format!("/destinations/{id}");
        let backup = patch(&bench, &path, json!({ "backup_url": url })).await;
        if key.is_none() {
            assert_eq!(backup.json()["backup"]["url"], shown, "{url}");
            assert_eq!(kept(&bench, &backup_secret_name(&id)).as_deref(), Some(stored), "{url}");
        }
        nothing_is_seen(&bench, &[&made, &backup]).await;
        assert_eq!(bench.call(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
        assert_eq!((kept(&bench, &secret_name(&id)), kept(&bench, &backup_secret_name(&id))), (None, None));
    }
}

#[tokio::test]
async fn a_query_stays_with_its_address_and_a_key_with_its_server() {
    let bench = Bench::start().await;
    let new = json!({ "url": "rtmp://127.0.0.1:1/app?auth=canary", "key": "canary-1", "enabled": false,
        "backup_url": "rtmp://127.0.0.1:2/app?auth=canary-2" });
    let made = bench.call(Method::POST, "/destinations", Some(new)).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/destinations/{id}");
    for (change, stored, backup) in [
        (json!({ "key": "canary-2" }), "auth=canary\ncanary-2", "auth=canary-2\n"),
        (json!({ "url": "rtmp://127.0.0.1:1/app" }), "auth=canary\ncanary-2", "auth=canary-2\n"),
        (json!({ "url": "rtmp://127.0.0.1:1/app?•••" }), "auth=canary\ncanary-2", "auth=canary-2\n"),
        (json!({ "backup_url": "rtmp://127.0.0.1:2/app?•••" }), "auth=canary\ncanary-2", "auth=canary-2\n"),
        (json!({ "backup_url": "rtmp://127.0.0.1:2/app" }), "auth=canary\ncanary-2", "auth=canary-2\n"),
        (
            json!({ "backup_url": "rtmp://127.0.0.1:2/app/canary-3" }),
            "auth=canary\ncanary-2",
            "auth=canary-2\ncanary-3",
        ),
        (json!({ "key": "" }), "auth=canary\n", "auth=canary-2\ncanary-3"),
        (json!({ "key": "canary-4" }), "auth=canary\ncanary-4", "auth=canary-2\ncanary-3"),
        (json!({ "url": "rtmp://127.0.0.1:1/other" }), "canary-4", "auth=canary-2\ncanary-3"),
        (json!({ "url": "rtmp://127.0.0.1:1/other?b=canary" }), "b=canary\ncanary-4", "auth=canary-2\ncanary-3"),
        (json!({ "url": "rtmp://127.0.0.2:1/other" }), "", "auth=canary-2\ncanary-3"),
        (json!({ "backup_url": "" }), "", ""),
    ] {
        let changed = patch(&bench, &path, change.clone()).await;
        assert_eq!(kept(&bench, &secret_name(&id)).unwrap_or_default(), stored, "{change}");
        assert_eq!(kept(&bench, &backup_secret_name(&id)).unwrap_or_default(), backup, "{change}");
        nothing_is_seen(&bench, &[&changed]).await;
    }
    let masked = json!({ "url": "rtmp://127.0.0.3:1/other?•••" });
    assert_eq!(bench.call(Method::PATCH, &path, Some(masked)).await.code(), "invalid_value");
}

#[tokio::test]
async fn addresses_in_the_document_of_all_settings_are_taken_apart_as_well() {
    let bench = Bench::start().await;
    let planted = json!({
        "auth": { "callback": "http://user:canary@127.0.0.1:9/canary-path?token=canary" },
        "destinations": [
            { "id": "a", "url": "rtmp://127.0.0.1:1/app/canary-key?x=1", "enabled": false },
            { "id": "b", "url": "srt://127.0.0.1:1?latency=20&streamid=canary&word=canary", "enabled": false,
              "backup_url": "rtmp://127.0.0.1:1/app?auth=canary" },
        ],
        "hooks": { "list": [{ "id": "h", "events": ["play_start"], "webhook": "https://127.0.0.1:1/canary?canary" }] },
    });
    let answer = patch(&bench, "/config", planted).await;
    nothing_is_seen(&bench, &[&answer]).await;
    let all = |bench: &Bench| {
        ["destination/a", "destination/b", "destination/b/backup", "hook/h/url", CALLBACK_SECRET]
            .map(|name| kept(bench, name).unwrap_or_default())
    };
    let stored = [
        "canary-key?x=1",
        "word=canary\nstreamid=canary",
        "auth=canary\n",
        "https://127.0.0.1:1/canary?canary",
        "http://user:canary@127.0.0.1:9/canary-path?token=canary",
    ];
    assert_eq!(all(&bench), stored);
    let shown = answer.json()["config"].clone();
    assert_eq!(shown["auth"]["callback"], "http://127.0.0.1:9/•••");
    assert_eq!(shown["destinations"][1]["url"], "srt://127.0.0.1:1?latency=20&•••");
    assert_eq!(shown["destinations"][1]["backup_url"], "rtmp://127.0.0.1:1/app?•••");
    assert_eq!(bench.get("/access").await.json()["callback"], "http://127.0.0.1:9/•••");

    // All of it as it was shown, in another order and with one change.
    let mut back = shown.clone();
    back["destinations"].as_array_mut().unwrap().reverse();
    back["destinations"][0]["name"] = "B".into();
    patch(&bench, "/config", back.clone()).await;
    assert_eq!(all(&bench), stored);

    // A shown one is of use to nobody else, and what cannot be is said with its place.
    for (number, address, place) in [
        (0, "rtmp://127.0.0.2:1/app?•••", "destinations[0].url"),
        (1, "srt://user:canary@127.0.0.1:9", "destinations[1].url"),
    ] {
        let mut bad = back.clone();
        bad["destinations"][number]["url"] = address.into();
        let refused = bench.call(Method::PATCH, "/config", Some(bad)).await;
        assert_eq!(refused.code(), "invalid_value");
        assert!(refused.json()["message"].as_str().unwrap().contains(place), "{refused:?}");
        nothing_is_seen(&bench, &[&refused]).await;
    }
    assert_eq!(all(&bench), stored);

    // Another server is not given what was kept for the one before, and what is gone is forgotten.
    back["destinations"] = json!([{ "id": "b", "url": "srt://127.0.0.2:1", "enabled": false }]);
    back["hooks"]["list"] = json!([]);
    back["auth"]["callback"] = Value::Null;
    let answer = patch(&bench, "/config", back).await;
    nothing_is_seen(&bench, &[&answer]).await;
    assert_eq!(all(&bench), [""; 5]);
}

#[tokio::test]
async fn what_a_person_wrote_into_the_file_works_is_not_shown_and_stays_until_it_is_changed() {
    let bench = Bench::start().await;
    let file = bench.folder.path().join("config.toml");
    let text = "[rtmp]\nlisten = [\"127.0.0.1:0\"]\n\
        [auth]\ncallback = \"http://user:canary@127.0.0.1:9/ask\"\n\
        [[destinations]]\nid = \"a\"\nenabled = false\nurl = \"rtmp://127.0.0.1:1/app/canary-key\"\n\
        [[destinations]]\nid = \"b\"\nenabled = false\nurl = \"rtmp://127.0.0.1:1/app?auth=canary\"\n";
    std::fs::write(&file, text).unwrap();
    let is_read = |shown: &Value| (shown["destinations"].as_array()?.len() == 2).then(|| shown["destinations"].clone());
    let shown = bench.until("/destinations", is_read).await;
    assert_eq!(shown[0]["url"], "rtmp://127.0.0.1:1/app/•••");
    assert_eq!(shown[1]["url"], "rtmp://127.0.0.1:1/app?•••");
    let document = bench.get("/config").await;
    let access = bench.get("/access").await;
    for answer in [&document, &access] {
        assert!(!format!("{answer:?}").contains(CANARY), "{answer:?}");
    }
    assert_eq!(access.json()["callback"], "http://127.0.0.1:9/•••");
    let config = document.json()["config"].clone();
    let mut renamed = config["destinations"].clone();
    renamed[0]["name"] = "A".into();
    patch(&bench, "/config", json!({ "destinations": renamed, "auth": config["auth"] })).await;
    patch(&bench, "/access", json!({ "callback": "http://127.0.0.1:9/•••" })).await;
    let text = std::fs::read_to_string(&file).unwrap();
    for written in ["app/canary-key", "app?auth=canary", "user:canary@127.0.0.1:9/ask"] {
        assert!(text.contains(written), "{written}: {text}");
    }
    // With a change by the API each of them gets to its place.
    patch(&bench, "/destinations/a", json!({ "url": "rtmp://127.0.0.1:1/app", "key": "canary-key" })).await;
    let changed = patch(&bench, "/destinations/b", json!({ "key": "canary-key" })).await;
    patch(&bench, "/access", json!({ "callback": "http://user:canary@127.0.0.1:9/ask" })).await;
    assert_eq!(kept(&bench, "destination/b").as_deref(), Some("auth=canary\ncanary-key"));
    nothing_is_seen(&bench, &[&changed]).await;
}

/// What a server was asked: path with query, and who it was told to be.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

async fn heard(State(asked): State<Asked>, OriginalUri(uri): OriginalUri, headers: HeaderMap) -> StatusCode {
    let login = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    asked.lock().unwrap().push((uri.to_string(), login.unwrap_or_default()));
    StatusCode::OK
}

#[tokio::test]
async fn the_callback_is_asked_at_its_whole_address() {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::Router::new().fallback(heard).with_state(Arc::clone(&asked));
    let server = tokio::spawn(async move { axum::serve(listener, server).await });

    let bench = Bench::start().await;
    let ask = async || {
        let attempt = Attempt {
            action: Action::Publish,
            path: StreamPath::parse("live/show").unwrap(),
            token: None,
            peer: None,
            protocol: "rtmp",
            agent: None,
        };
        bench.engine.context().gate.check(attempt).await.unwrap();
        asked.lock().unwrap().pop().unwrap()
    };
    let login = "Basic dXNlcjpjYW5hcnk=";
    let url = format!("http://user:canary@{address}/canary/ask?token=canary");
    let answer = patch(&bench, "/access", json!({ "mode": "callback", "callback": url })).await;
    let shown = format!("http://{address}/•••");
    assert_eq!(answer.json()["callback"], shown);
    assert_eq!(ask().await, ("/canary/ask?token=canary".to_owned(), login.to_owned()));
    nothing_is_seen(&bench, &[&answer]).await;

    // As it is shown it stays, by both ways; the same host with another query is another address.
    patch(&bench, "/access", json!({ "callback": shown })).await;
    patch(&bench, "/config", json!({ "auth": { "callback": shown, "wrong_tries": 20 } })).await;
    assert_eq!(ask().await.0, "/canary/ask?token=canary");
    let other = format!("http://user:canary@{address}/?token=canary-2");
    let answer = patch(&bench, "/config", json!({ "auth": { "callback": other } })).await;
    assert_eq!(ask().await, ("/?token=canary-2".to_owned(), login.to_owned()));
    nothing_is_seen(&bench, &[&answer]).await;
    let cut = bench.call(Method::PATCH, "/access", Some(json!({ "callback": format!("{shown}/ask") }))).await;
    assert_eq!(cut.code(), "invalid_value");

    // One without secrets is a setting like any other, and leaves none behind.
    let plain = format!("http://{address}/ask");
    assert_eq!(patch(&bench, "/access", json!({ "callback": plain })).await.json()["callback"], plain);
    assert_eq!((ask().await, kept(&bench, CALLBACK_SECRET)), (("/ask".to_owned(), String::new()), None));
    server.abort();
}

#[tokio::test]
async fn another_weir_gets_the_query_of_its_application() {
    let last = Bench::start().await;
    patch(&last, "/access", json!({ "mode": "token" })).await;
    let new = json!({ "name": "relay", "action": "publish" });
    let made = last.call(Method::POST, "/stream-keys", Some(new)).await.json();
    let token = made["secret"].as_str().unwrap();
    let listener = last.get("/listeners").await.json()["listeners"][0]["bound"][0].clone();

    let first = Bench::start().await;
    let new = json!({ "url": format!("rtmp://{}/live?token={token}", listener.as_str().unwrap()), "key": "show" });
    let made = first.call(Method::POST, "/destinations", Some(new)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let mut encoder = first.publish("live/source");
    encoder.write(2);
    let is_live = |shown: &Value| {
        let streams = shown["streams"].as_array()?;
        streams.iter().find(|stream| stream["path"] == "live/show" && stream["state"] == "live").map(drop)
    };
    last.until("/streams", is_live).await;
    for shown in [first.get("/destinations").await, last.get("/streams").await, made] {
        assert!(!format!("{shown:?}").contains(token), "{shown:?}");
    }
    let config = std::fs::read_to_string(first.folder.path().join("config.toml")).unwrap();
    assert!(config.contains("/live\"") && !config.contains(token), "{config}");
}
