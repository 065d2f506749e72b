//! The settings file saved while the program runs: what is written, and where, follows at once.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::page::Page;
use crate::program::{PATIENCE, Program};
use crate::relay::{Encoder, until};

/// Saves the settings file, and waits until the program has taken it.
async fn save(program: &Program, page: &Page, text: &str, place: &str, value: Value) {
    std::fs::write(program.path("data/config.toml"), text).unwrap();
    until(page, "/config", |answer| (answer.pointer(&format!("/config/{place}")) == Some(&value)).then_some(())).await;
}

/// Makes lines: who connects and goes again is a line of `debug`.
fn connect(address: &str, times: usize) {
    for _ in 0..times {
        drop(TcpStream::connect(address).unwrap());
    }
}

fn log(program: &Program, name: &str) -> PathBuf {
    program.path("data/log").join(name)
}

fn read(file: &PathBuf) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Connects again and again until `seen`.
async fn until_seen(address: &str, what: &str, mut seen: impl FnMut() -> bool) {
    let search = async {
        while !seen() {
            connect(address, 20);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("never seen: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_what_hooks_write_follow_the_file() {
    let mut program = Program::serve(&[]);
    let page = Page::of(&mut program);
    let rtmp = page.rtmp();
    let encoder = Encoder::start(&rtmp, "show").await;
    until(&page, "/streams", |answer| (answer["streams"][0]["state"] == "live").then_some(())).await;
    let remote = page.get("/streams")["streams"][0]["publisher"]["remote"].clone();
    let file = log(&program, "weir.log");
    let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok();

    // level: `info` says nothing of a connection that comes and goes.
    connect(&rtmp, 20);
    assert!(!read(&file).contains("RTMP connection ended"), "{}", read(&file));
    save(&program, &page, "[log]\nlevel = \"debug\"\n", "log/level", "debug".into()).await;
    until_seen(&rtmp, "lines of debug", || read(&file).contains("RTMP connection ended")).await;

    // format
    assert!(!read(&file).lines().any(is_json));
    save(&program, &page, "[log]\nlevel = \"debug\"\nformat = \"json\"\n", "log/format", "json".into()).await;
    until_seen(&rtmp, "lines of JSON", || read(&file).lines().last().is_some_and(is_json)).await;

    // hooks.stdio
    let hooks = "[log]\nlevel = \"debug\"\nformat = \"json\"\n[hooks]\nstdio = \"json\"\n";
    save(&program, &page, hooks, "hooks/stdio", "json".into()).await;
    connect(&rtmp, 1);
    program.until("an event on standard error", |line| line.strip_prefix("RTMP_EVENT: ").map(str::to_owned));

    // file_bytes, then files: begun anew when it is large, and so many are kept.
    let small = "[log]\nlevel = \"debug\"\nfile_bytes = 4096\n";
    save(&program, &page, small, "log/file_bytes", 4096.into()).await;
    until_seen(&rtmp, "the file is begun anew", || log(&program, "weir.4.log").exists()).await;
    let fewer = format!("{small}files = 2\n");
    save(&program, &page, &fewer, "log/files", 2.into()).await;
    until_seen(&rtmp, "fewer files", || !log(&program, "weir.2.log").exists()).await;
    assert!(log(&program, "weir.1.log").exists());

    // file: what happens then goes to standard error alone.
    save(&program, &page, "[log]\nlevel = \"debug\"\nfile = false\n", "log/file", false.into()).await;
    let mut before = read(&file);
    until_seen(&rtmp, "nothing more in the file", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = read(&file);
        now == std::mem::replace(&mut before, now.clone())
    })
    .await;

    assert_eq!(page.get("/streams")["streams"][0]["publisher"]["remote"], remote, "the encoder noticed nothing");
    drop(encoder);
}

/// Whoever started Weir holds the pipe and does not read it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_reads_standard_error_stops_nothing() {
    let (mut program, unread) = Program::serve_unread(&["-log-level", "debug", "-hook-stdio-format", "json"]);
    let page = Page::of(&mut program);
    let rtmp = page.rtmp();
    let _encoder = Encoder::start(&rtmp, "show").await;
    until(&page, "/streams", |answer| (answer["streams"][0]["state"] == "live").then_some(())).await;
    // Far more than a pipe holds, as events and as lines of the log, whose file goes on.
    let file = log(&program, "weir.log");
    until_seen(&rtmp, "a long log", || std::fs::metadata(&file).is_ok_and(|about| about.len() > 1 << 20)).await;
    let media = |answer: &Value| {
        answer["streams"][0]["publisher"]["bytes"].as_u64().or(answer["streams"][0]["bytes_in"].as_u64())
    };
    let before = until(&page, "/streams", |answer| media(answer)).await;
    until(&page, "/streams", |answer| (media(answer)? > before + 10_000).then_some(())).await;
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
    drop(unread);
}
