//! What can be set.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::{Answer, Bench};

async fn patch(bench: &Bench, body: Value) -> Answer {
    bench.call(Method::PATCH, "/settings", Some(body)).await
}

#[tokio::test]
async fn a_change_holds_is_saved_and_leaves_the_rest_alone() {
    let bench = Bench::start().await;
    let before = bench.get("/settings").await.json();
    let folder = bench.folder.path().join("deep/down");
    let change = json!({
        "record_all": true, "record_dir": folder, "chunk_size": 128, "duplicate_publisher": "replace",
        "grace_seconds": 2.5,
    });
    let after = patch(&bench, change).await.json();
    let mut expected = before.clone();
    expected["record_all"] = true.into();
    expected["record_dir"] = folder.to_str().into();
    expected["chunk_size"] = 128.into();
    expected["duplicate_publisher"] = "replace".into();
    expected["grace_seconds"] = 2.5.into();
    assert_eq!(after, expected);
    assert_eq!(bench.get("/settings").await.json(), expected);
    assert_eq!(bench.engine.config().rtmp.chunk_size.bytes(), 128);
    let file = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(file.contains("grace_seconds = 2.5") && file.contains("record_all = true"), "{file}");
    assert!(!file.contains("play_wait"), "{file}");
    assert!(folder.is_dir());
}

#[tokio::test]
async fn two_changes_at_once_are_both_kept() {
    let bench = Bench::start().await;
    let (first, second) =
        tokio::join!(patch(&bench, json!({ "chunk_size": 1000 })), patch(&bench, json!({ "grace_seconds": 3 })));
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    let settings = bench.get("/settings").await.json();
    assert_eq!((&settings["chunk_size"], &settings["grace_seconds"]), (&1000.into(), &3.0.into()));
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_nothing_of_it_is_kept() {
    let bench = Bench::start().await;
    let file = bench.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let before = bench.get("/settings").await.json();
    for bad in [
        json!({ "chunk_size": 0 }),
        json!({ "chunk_size": 65_537 }),
        json!({ "record_all": true, "grace_seconds": -1 }),
        json!({ "grace_seconds": 3601 }),
        json!({ "play_wait_seconds": 1e300 }),
        json!({ "record_dir": "relative/folder" }),
        json!({ "record_dir": "" }),
        json!({ "record_dir": file }),
    ] {
        let answer = patch(&bench, bad.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(bench.get("/settings").await.json(), before);
}

#[tokio::test]
async fn a_change_that_cannot_be_saved_does_not_hold() {
    let bench = Bench::start().await;
    // A folder in the place of the settings file: nothing can be renamed onto it.
    std::fs::create_dir_all(bench.folder.path().join("config.toml/in-the-way")).unwrap();
    let answer = patch(&bench, json!({ "chunk_size": 1000 })).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::INTERNAL_SERVER_ERROR, "settings_not_saved".to_owned()));
    assert_ne!(bench.get("/settings").await.json()["chunk_size"], 1000);
}
