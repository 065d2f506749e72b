//! Hooks, numbers and the log of the program as it runs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::page::Page;
use crate::program::Program;
use crate::relay::{Encoder, until};

/// The body of an answer to a plain request.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_to_standard_error_numbers_are_served_and_the_log_is_a_file_and_none_tells_a_key() {
    let mut program = Program::serve(&[
        "-hook-stdio-format",
        "json",
        "-metrics-addr",
        "127.0.0.1:0",
        "-log-level",
        "debug",
        "-log-format",
        "json",
        "-relay-to",
        "rtmp://127.0.0.1:9/app/canary-relay",
        "-hook-webhook",
        "stream_delete=http://127.0.0.1:9/canary-hook",
        "-auth-token",
        "live/show=canary-token",
        "-srt-passphrase",
        "canary-passphrase",
    ]);
    let page = Page::of(&mut program);
    let numbers = program.until("the numbers", |line| {
        Some(line.strip_prefix("Weir's numbers: http://")?.strip_suffix("/metrics")?.to_owned())
    });
    let encoder = Encoder::start(&page.rtmp(), "show?token=canary-token").await;
    until(&page, "/streams", |answer| (answer["streams"][0]["state"] == "live").then_some(())).await;
    let event = program.until("the event", |line| {
        let event: Value = serde_json::from_str(line.strip_prefix("RTMP_EVENT: ")?).unwrap();
        (event["type"] == "publish_start").then_some(event)
    });
    assert_eq!(event["stream_key"], "live/show");
    let (status, vars) = get(&numbers, "/debug/vars");
    let vars: Value = serde_json::from_str(&vars).unwrap();
    assert_eq!((status, &vars["rtmp_publishers_active"]), (200, &1.into()));
    let (status, text) = get(&numbers, "/metrics");
    assert!(status == 200 && text.contains("weir_stream_live{stream=\"live/show\"} 1"), "{text}");
    let (status, _) = get(&numbers, "/debug/pprof/profile?seconds=1");
    assert_eq!(status, if cfg!(any(target_os = "linux", target_os = "macos")) { 200 } else { 501 });
    assert_eq!(get(&numbers, "/debug/pprof/profile?seconds=0").0, 400);
    assert_eq!(get(&numbers, "/").0, 404);
    let shown = page.get("/log?limit=2000");
    assert!(!shown["lines"].as_array().unwrap().is_empty());
    let mut everything = vec![
        vars.to_string(),
        text,
        shown.to_string(),
        page.get("/config").to_string(),
        page.get("/hooks").to_string(),
    ];
    drop(encoder);
    let folder = std::mem::replace(&mut program.folder, tempfile::tempdir().unwrap());
    program.signal("TERM");
    let ended = program.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let log = std::fs::read_to_string(folder.path().join("data/log/weir.log")).unwrap();
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert!(log.contains("live/show"), "{log}");
    everything.push(log);
    everything.extend(ended.lines);
    for text in everything {
        assert!(!text.contains("canary"), "{text}");
    }
}
