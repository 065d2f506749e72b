//! Planted keys are looked for in everything that Weir writes while destinations succeed, fail and are shown: files, logs at
//! the finest level, statuses, events, problems, errors, and what a panic says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use support::target::{Manner, Target};
use support::*;
use weir_engine::destination::{Config, Given, State, backup_secret_name, secret_name};
use weir_engine::metrics::{Form, gather, prometheus, vars};
use weir_engine::supervise::End;
use weir_media::Secret;
use weir_rtmp::session::server::Rejection;

/// Every key that is planted has this in it.
const CANARY: &str = "canary";

/// Takes the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_key_is_found_in_anything_that_is_written() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let panics = Log::default();
    let said = panics.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(said.clone(), "{panic}");
    }));

    let echo = "stream canary-key?auth=canary-token is not welcome at app?word=canary-query, canary-query";
    let manners = [
        Manner::Deny("NetConnection.Connect.InvalidApp", echo),
        Manner::Take,
        Manner::Refuse(Rejection::Denied, echo),
        Manner::Refuse(Rejection::NameTaken, echo),
        Manner::Refuse(Rejection::Failed, echo),
        Manner::Throw(3, Rejection::Denied, echo),
        Manner::HangUp(5),
        Manner::SendOn(5, Some("rtmp://127.0.0.1:1/app?token=canary")),
        Manner::Http,
        Manner::Deny("NetConnection.Connect.Rejected", "[ code=403 need auth; authmod=llnw ]"),
        Manner::Deny("NetConnection.Connect.Rejected", "[ authmod=adobe ] : ?reason=nosuchuser&user=canary-user"),
    ];
    let mut targets = Vec::new();
    for manner in manners {
        targets.push(Target::start(move |_| manner).await);
    }
    let rig = Rig::start(|_| {}).await;
    let mut events = rig.engine.context().events.listen();
    let mut config = rig.engine.config();
    let mut urls: Vec<String> = targets.iter().map(Target::url).collect();
    urls.extend(
        [
            // What people may write into the settings file, keys and all.
            "rtmp://127.0.0.1:1/app/canary-pasted?token=canary",
            "rtmp://user:canary@127.0.0.1:1/app",
            "rtmp://127.0.0.1:1/app?secret=canary",
            "rtmp://127.0.0.1:1/app/canary-key",
            "rtmp://127.0.0.1:1/app?secret=canary/canary-pasted",
            "srt://127.0.0.1:1?latency=120&canary-name&token=canary-value",
            "rtmps://127.0.0.1:1/app",
            "srt://127.0.0.1:1?streamid=canary&passphrase=canary-passphrase",
            "nonsense canary",
            "http://127.0.0.1/canary",
        ]
        .map(str::to_owned),
    );
    urls.push(targets[0].url().replace("rtmp://", "rtmps://"));
    let mut planted_in_settings: Vec<String> = urls.iter().filter(|url| url.contains(CANARY)).cloned().collect();
    // One may be the beginning of another.
    planted_in_settings.sort_by_key(|url| std::cmp::Reverse(url.len()));
    for (n, url) in urls.iter().enumerate() {
        let id = format!("d{n}");
        let key =
            Secret::new("canary-user:canary-password\nword=canary-query\ncanary-key?auth=canary-token".to_owned());
        // Beside a key of its own the whole path of an address is the application, which is no secret.
        if !url.contains("canary-pasted") {
            rig.engine.secrets().set(&secret_name(&id), Some(key.clone())).unwrap();
            rig.engine.secrets().set(&backup_secret_name(&id), Some(key)).unwrap();
        }
        let backup_url = (n % 2 == 0).then(|| url.clone());
        config.destinations.push(Config { backup_url, preset: Some("custom".into()), ..Config::new(id, url) });
    }
    rig.engine.apply(config).await.unwrap();
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let mut shown = String::new();
    for second in 0..8 {
        write(&mut publisher, &frames(&tracks(), second * 1000, (second + 1) * 1000));
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        for n in 0..urls.len() {
            rig.engine.destinations().retry(&format!("d{n}"));
        }
        let statuses = rig.engine.destinations().status();
        shown += &format!("{statuses:?} {}", serde_json::to_string(&statuses).unwrap());
        for status in &statuses {
            if let State::Stopped { reason } | State::Retrying { reason, .. } = &status.line.state {
                shown += &format!("{reason} {reason:?}");
            }
        }
    }
    let gathered = gather(&rig.engine);
    shown += &format!("{} {}", vars(&gathered), prometheus(gathered, Form::OpenMetrics));
    // A bug in a task that holds a key, and in one that shows it.
    let key = Secret::new("canary-key".to_owned());
    rig.engine.context().supervisor.spawn("faulty", async move {
        let key = key;
        if key.is_set() {
            panic!("a bug beside {key:?} and {:?}", Given::read("rtmp://h/app/canary-key", None));
        }
        End::Stopped
    });
    shown +=
        &format!("{:?} {:?}", rig.engine.secrets(), Given::read("srt://h:1?streamid=canary&passphrase=canary", None));
    for url in ["rtmp://user:canary@h/app/canary", "rtmp://h/app?canary=canary", "srt://h:1?canary", "srt://h:1/canary"]
    {
        shown += &format!("{:?}", Given::read(url, None));
    }
    while let Ok(event) = events.try_recv() {
        shown += &format!("{event:?} {}", serde_json::to_string(&event).unwrap());
    }
    shown += &format!("{:?}", rig.engine.context().problems.list());
    drop(publisher);
    rig.engine.shutdown().await;
    let _ = std::panic::take_hook();

    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let panicked = String::from_utf8_lossy(&panics.0.lock().unwrap()).into_owned();
    assert!(logged.contains("trying again later") && logged.contains("has stopped") && shown.contains("retrying"));
    assert!(panicked.contains("a bug beside"), "{panicked}");
    for (what, text) in [("the log", &logged), ("a status, an event or an error", &shown), ("a panic", &panicked)] {
        let found = text.find(CANARY).map(|at| {
            let from = (0..=at.saturating_sub(120)).rev().find(|from| text.is_char_boundary(*from)).unwrap();
            text[from..].chars().take(240).collect::<String>()
        });
        assert_eq!(found, None, "a key is in {what}");
    }
    // Settings that a person wrote by hand are that person's; every other file is Weir's.
    for file in std::fs::read_dir(rig.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read(&file) else { continue };
        let mut text = String::from_utf8_lossy(&text).into_owned();
        for known in &planted_in_settings {
            text = text.replace(known, "");
        }
        assert!(!text.contains(CANARY), "{} holds a key", file.display());
    }
}
