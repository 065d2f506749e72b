//! Settings of destinations.

use serde_json::{Value, json};
use weir_engine::destination::{State, Status};
use weir_engine::preset::FindingCode;

use crate::stage::{Row, Stage, rows};
use crate::support::target::{Manner, Target};
use crate::support::until;

pub(crate) const ROWS: &[Row] = rows![
    "destinations.url" | "destinations.id" => url_and_id,
    "destinations.name" => name,
    "destinations.enabled" => enabled,
    "destinations.streams" => streams,
    "destinations.start" => start,
    "destinations.preset" => preset,
    "destinations.backup_url" | "destinations.backup" => backup,
];

/// A destination as it stands in the settings, with `more` set.
fn to(target: &Target, more: &[(&str, Value)]) -> Value {
    let mut destination = json!({ "id": "one", "url": target.url() });
    for (name, value) in more {
        destination[*name] = value.clone();
    }
    json!([destination])
}

fn status(stage: &Stage) -> Status {
    stage.engine().destinations().status().remove(0)
}

async fn until_status(stage: &Stage, what: &str, is: impl Fn(&Status) -> bool) -> Status {
    until(stage.engine(), what, || Some(status(stage)).filter(|status| is(status))).await
}

/// Waits until `target` has media of its `visit`th visitor; pictures are sent meanwhile, as an encoder does.
async fn taken(stage: &mut Stage, target: &Target, visit: usize) {
    while target.visits().get(visit).is_none_or(|visit| visit.media.is_empty()) {
        stage.unharmed().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn taking() -> Target {
    Target::start(|_| Manner::Take).await
}

async fn url_and_id() {
    let (first, second) = (taking().await, taking().await);
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&first, &[])).await;
    taken(&mut stage, &first, 0).await;
    stage.set("destinations", to(&second, &[])).await;
    taken(&mut stage, &second, 0).await;
    until(stage.engine(), "the goodbye", || first.visits()[0].goodbye.then_some(())).await;
    stage.set("destinations", to(&second, &[("id", "other".into())])).await;
    assert_eq!(status(&stage).id, "other");
    taken(&mut stage, &second, 1).await;
    stage.unharmed().await;
}

async fn name() {
    let target = taking().await;
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&target, &[])).await;
    taken(&mut stage, &target, 0).await;
    stage.set("destinations", to(&target, &[("name", "Renamed".into())])).await;
    until_status(&stage, "its name", |status| status.name == "Renamed").await;
    stage.unharmed().await;
    assert_eq!((target.visits().len(), target.visits()[0].closed), (1, false), "the connection stays");
}

async fn enabled() {
    let target = taking().await;
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&target, &[])).await;
    taken(&mut stage, &target, 0).await;
    stage.set("destinations", to(&target, &[("enabled", false.into())])).await;
    until_status(&stage, "off", |status| status.line.state == State::Off).await;
    until(stage.engine(), "the goodbye", || target.visits()[0].goodbye.then_some(())).await;
    stage.unharmed().await;
}

async fn streams() {
    let target = taking().await;
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&target, &[("streams", "live/none".into())])).await;
    stage.unharmed().await;
    assert_eq!(status(&stage).line.state, State::WaitingForStream { connected: false });
    stage.set("destinations", to(&target, &[("streams", "live/*".into())])).await;
    taken(&mut stage, &target, 0).await;
}

async fn start() {
    let target = taking().await;
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&target, &[("streams", "live/none".into())])).await;
    assert!(target.visits().is_empty());
    let always = [("streams", "live/none".into()), ("start", "always".into())];
    stage.set("destinations", to(&target, &always)).await;
    until_status(&stage, "connected without a stream", |status| {
        status.line.state == State::WaitingForStream { connected: true }
    })
    .await;
    assert_eq!(target.visits().len(), 1);
    stage.unharmed().await;
}

async fn preset() {
    let target = taking().await;
    let mut stage = Stage::start(|_| ()).await;
    let mut mute = stage.server.publish("mute").await;
    mute.send(1, weir_rtmp::message::kind::VIDEO, 0, &crate::support::rtmp::avc_header()).await;
    mute.send_video(0, true, b"picture").await;
    let only = ("streams", Value::from("live/mute"));
    stage.set("destinations", to(&target, std::slice::from_ref(&only))).await;
    until_status(&stage, "live", |status| status.line.state == State::Live).await;
    assert!(status(&stage).warnings.is_empty());
    stage.set("destinations", to(&target, &[only, ("preset", "youtube".into())])).await;
    let found = until_status(&stage, "a warning", |status| !status.warnings.is_empty()).await;
    assert!(found.warnings.iter().any(|warning| warning.code == FindingCode::AudioMissing), "{found:?}");
    stage.unharmed().await;
}

async fn backup() {
    let (first, second) = (taking().await, taking().await);
    let mut stage = Stage::start(|_| ()).await;
    stage.set("destinations", to(&first, &[])).await;
    taken(&mut stage, &first, 0).await;
    let both = [("backup_url", second.url().into()), ("backup", "both".into())];
    stage.set("destinations", to(&first, &both)).await;
    taken(&mut stage, &second, 0).await;
    let line = status(&stage).backup.and_then(|backup| backup.line);
    assert!(line.is_some(), "both are sent to");
    stage.unharmed().await;
}
