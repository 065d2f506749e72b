//! Settings of hooks.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weir_engine::config::Seconds;

use crate::stage::{Row, Stage, rows};
use crate::support::callback::{Callback, answer};
use crate::support::until;

pub(crate) const ROWS: &[Row] = rows![
    "hooks.timeout_seconds" => timeout_seconds,
    "hooks.concurrency" => concurrency,
    "hooks.list.script" | "hooks.list.arguments" | "hooks.list.events" | "hooks.list.id" => scripts,
    "hooks.list.enabled" => enabled,
    "hooks.list.webhook" => webhook,
];

/// A script that writes its first argument and the event into `out`, after `more`.
fn script(folder: &Path, name: &str, more: &str) -> PathBuf {
    let file = folder.join(name);
    let out = folder.join("out");
    std::fs::write(&file, format!("{more}\necho \"$1 $RTMP_EVENT_TYPE $RTMP_STREAM_KEY\" >> {}\n", out.display()))
        .unwrap();
    file
}

/// A hook that runs a script by the shell.
fn hook(id: &str, file: &Path, argument: &str, event: &str) -> Value {
    json!({ "id": id, "enabled": true, "events": [event], "script": "sh", "arguments": [file, argument] })
}

async fn said(stage: &Stage, folder: &Path, line: &str) {
    let has = || std::fs::read_to_string(folder.join("out")).unwrap_or_default().lines().any(|said| said == line);
    until(stage.engine(), line, || has().then_some(())).await;
}

async fn timeout_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let hangs = script(folder.path(), "hangs.sh", "sleep 300");
    let list = vec![serde_json::from_value(hook("one", &hangs, "x", "publish_start")).unwrap()];
    let mut stage = Stage::start(|config| {
        config.hooks.timeout_seconds = Seconds::new(3600);
        config.hooks.list = list;
    })
    .await;
    stage.set("hooks.timeout_seconds", 0.3).await;
    let _peer = stage.server.publish("next").await;
    let result = until(stage.engine(), "the result", || stage.engine().hooks().report("one").results.pop()).await;
    assert!(result.error.as_ref().is_some_and(|error| error.contains("within 0.3 s")), "{result:?}");
    stage.unharmed().await;
    stage.engine().shutdown().await;
}

async fn concurrency() {
    let folder = tempfile::tempdir().unwrap();
    // Each waits until there are two of them.
    let more = format!(
        "touch {0}/$RTMP_CONN_ID.here\nwhile [ $(ls {0} | grep -c here) -lt 2 ]; do sleep 0.05; done",
        folder.path().display()
    );
    let waits = script(folder.path(), "waits.sh", &more);
    let list = vec![serde_json::from_value(hook("one", &waits, "both", "connection_accept")).unwrap()];
    let mut stage = Stage::start(|config| {
        config.hooks.concurrency = 1.try_into().unwrap();
        config.hooks.list = list;
    })
    .await;
    // The witnesses' own two calls: the first waits for the second, which may not begin.
    let running = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .filter(|it| it.path().extension().is_some_and(|end| end == "here"))
            .count()
    };
    until(stage.engine(), "the first", || (running() == 1).then_some(())).await;
    stage.set("hooks.concurrency", 2).await;
    said(&stage, folder.path(), "both connection_accept ").await;
    stage.unharmed().await;
    stage.engine().shutdown().await;
}

async fn scripts() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (script(folder.path(), "first.sh", ""), script(folder.path(), "second.sh", "echo second"));
    let mut stage = Stage::start(|_| ()).await;
    stage.set("hooks.list", json!([hook("one", &first, "a", "publish_start")])).await;
    let peer = stage.server.publish("next").await;
    said(&stage, folder.path(), "a publish_start live/next").await;
    stage.set("hooks.list", json!([hook("two", &second, "b", "publish_stop")])).await;
    drop(peer);
    said(&stage, folder.path(), "b publish_stop live/next").await;
    let hooks = stage.engine().hooks();
    let report = until(stage.engine(), "its result", || Some(hooks.report("two")).filter(|it| it.succeeded == 1)).await;
    assert_eq!(report.results[0].output, "second");
    stage.unharmed().await;
}

async fn enabled() {
    let folder = tempfile::tempdir().unwrap();
    let file = script(folder.path(), "hook.sh", "");
    let list = |enabled: bool| {
        let mut switched = hook("one", &file, "switched", "publish_start");
        switched["enabled"] = enabled.into();
        json!([switched, hook("two", &file, "always", "publish_start")])
    };
    let mut stage = Stage::start(|_| ()).await;
    stage.set("hooks.list", list(true)).await;
    let _first = stage.server.publish("first").await;
    said(&stage, folder.path(), "switched publish_start live/first").await;
    stage.set("hooks.list", list(false)).await;
    let _second = stage.server.publish("second").await;
    said(&stage, folder.path(), "always publish_start live/second").await;
    let hooks = stage.engine().hooks();
    until(stage.engine(), "both results", || (hooks.report("two").succeeded == 2).then_some(())).await;
    assert_eq!(hooks.report("one").succeeded, 1);
    stage.unharmed().await;
}

async fn webhook() {
    let (first, second) = (Callback::start(|_| answer("200 OK")).await, Callback::start(|_| answer("200 OK")).await);
    let list = |url: &str| json!([{ "id": "one", "enabled": true, "events": ["publish_start"], "webhook": url }]);
    let asked = |callback: &Callback| callback.asked.lock().unwrap().clone();
    let mut stage = Stage::start(|_| ()).await;
    stage.set("hooks.list", list(&first.url)).await;
    let _first = stage.server.publish("first").await;
    until(stage.engine(), "the call", || (asked(&first).len() == 1).then_some(())).await;
    stage.set("hooks.list", list(&second.url)).await;
    let _second = stage.server.publish("second").await;
    until(stage.engine(), "the call", || (asked(&second).len() == 1).then_some(())).await;
    assert!(asked(&first)[0].contains("live/first") && asked(&second)[0].contains("live/second"));
    stage.unharmed().await;
}
