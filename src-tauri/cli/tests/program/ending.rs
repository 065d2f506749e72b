//! How it ends when a signal asks it to.

use std::time::{Duration, Instant};

use weir_engine::config::{Config, Profile, Settings};
use weir_engine::recording::EntryState;
use weir_engine::{Engine, Paths};

use crate::page::Page;
use crate::program::Program;
use crate::relay::{Encoder, until};

/// What was promised, from signal to end.
const PROMISE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_closes_the_recording_and_ends_with_code_0_in_time() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::serve(&["-record-all", "-record-dir", "films"]);
        let page = Page::of(&mut program);
        let _encoder = Encoder::start(&page.rtmp(), "show").await;
        until(&page, "/streams", |answer| {
            let recording = &answer["streams"][0]["recording"];
            (recording["duration_seconds"].as_f64()? > 1.0).then_some(())
        })
        .await;
        let shown = page.get("/recordings");
        assert_eq!(shown["recordings"][0]["state"], "recording", "{shown}");
        assert_eq!(shown["recordings"][0]["stream"], "live/show", "{shown}");
        let id = shown["recordings"][0]["id"].as_str().unwrap();
        let (status, refused) = page.call("DELETE", &format!("/recordings/{id}"), None);
        assert_eq!((status, &refused["code"]), (409, &"recording_in_use".into()), "{refused}");

        let asked = Instant::now();
        program.signal(signal);
        let films = program.path("films");
        let kept = tempfile::tempdir().unwrap();
        // The folder goes with the program's handle, the file is looked at after its end.
        std::fs::create_dir(kept.path().join("films")).unwrap();
        let folder = std::mem::replace(&mut program.folder, tempfile::tempdir().unwrap());
        let ended = program.end();
        assert!(asked.elapsed() < PROMISE, "{:?}", asked.elapsed());
        assert_eq!(ended.code(), Some(0), "{ended:?}");

        let mut config = Config::defaults(Profile::Desktop);
        config.rtmp.enabled = false;
        config.recording.dir = Some(films);
        let engine = Engine::start(Settings::new(config, Profile::Desktop), Paths::under(kept.path())).await.unwrap();
        let files = engine.recordings().list().unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files[0].state, EntryState::Complete, "{files:?}");
        assert!(files[0].duration_seconds.unwrap() > 1.0, "{files:?}");
        drop(folder);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_leaves_is_repaired_by_hand_and_what_cannot_be_is_said() {
    let mut program = Program::serve(&["-record-all", "-record-dir", "films"]);
    let page = Page::of(&mut program);
    let _encoder = Encoder::start(&page.rtmp(), "show").await;
    until(&page, "/streams", |answer| {
        (answer["streams"][0]["recording"]["duration_seconds"].as_f64()? > 1.0).then_some(())
    })
    .await;
    program.signal("KILL");
    let mut folder = std::mem::replace(&mut program.folder, tempfile::tempdir().unwrap());
    assert_eq!(program.end().code(), None);
    let film = std::fs::read_dir(folder.path().join("films")).unwrap().next().unwrap().unwrap().path();
    // As a power cut does it: in the middle of a frame.
    let file = std::fs::File::options().write(true).open(&film).unwrap();
    file.set_len(file.metadata().unwrap().len() - 5).unwrap();
    drop(file);
    let film = film.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("films/junk.flv"), [0xFF; 100]).unwrap();
    std::fs::write(folder.path().join("films/head.flv"), b"FLV\x01\x05\0\0\0\x09\0\0\0\0").unwrap();
    std::fs::write(folder.path().join("films/empty.mp4"), "").unwrap();
    let written = std::fs::File::create(folder.path().join("films/written.flv")).unwrap();
    written.try_lock().unwrap();
    for (files, code, words, summary) in [
        (vec![film.as_str()], 0, vec!["repaired; "], None),
        (vec![&film], 0, vec!["whole; nothing to repair"], None),
        (vec!["films/head.flv"], 1, vec!["nothing in it can be saved; it is left as it was"], None),
        (vec!["films"], 1, vec!["it is a folder; name the files in it"], None),
        (vec!["films/none.flv"], 1, vec!["there is no such file"], None),
        (vec!["films/written.flv"], 1, vec!["it is being written; stop the recording first"], None),
        (
            vec!["films/junk.flv", &film],
            1,
            vec!["not written by Weir; it is left as it was", "whole;"],
            Some("weir: nothing could be done for 1 of 2 files"),
        ),
        (
            vec!["films/empty.mp4", &film, "films/none.flv"],
            1,
            vec!["it is empty; nothing can be repaired", "whole;", "there is no such file"],
            Some("weir: nothing could be done for 2 of 3 files"),
        ),
    ] {
        let arguments = ["recording", "repair"].into_iter().chain(files.iter().copied());
        let mut repair = Program::run_in(folder, arguments, &[]);
        folder = std::mem::replace(&mut repair.folder, tempfile::tempdir().unwrap());
        let ended = repair.end();
        assert_eq!(ended.code(), Some(code), "{ended:?}");
        assert_eq!(ended.lines.len(), files.len() + usize::from(summary.is_some()), "{ended:?}");
        assert!(summary.is_none_or(|summary| ended.lines.iter().any(|line| line == summary)), "{ended:?}");
        for (file, word) in files.iter().zip(words) {
            let told = |line: &String| line.starts_with(&format!("{file}: ")) && line.contains(word);
            assert!(ended.lines.iter().any(told), "{file}: {word}: {ended:?}");
        }
    }
}

/// As `timeout` does it, which signals its child and then the group of that child.
#[cfg(unix)]
#[test]
fn two_signals_at_the_same_moment_are_one() {
    let mut program = Program::serve(&["-record-all", "-record-dir", "films"]);
    let _page = Page::of(&mut program);
    let id = program.id();
    let both = format!("kill -INT {id}; kill -TERM {id}");
    assert!(std::process::Command::new("sh").args(["-c", &both]).status().unwrap().success());
    let ended = program.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn who_reads_the_answers_may_go_away() {
    for line in ["recording repair none.flv none.mp4", "config --print-default", "--help", "--version"] {
        // The shell tells the code, since nobody hears the program itself.
        let piped = format!("({} {line}; echo $? >code) 2>errors | true", env!("CARGO_BIN_EXE_weir"));
        let folder = tempfile::tempdir().unwrap();
        let ran = std::process::Command::new("sh").args(["-c", &piped]).current_dir(folder.path()).status().unwrap();
        assert!(ran.success(), "{line}");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(!read("errors").contains("panicked"), "{line}: {}", read("errors"));
        let expected = if line.starts_with("recording") { "1\n" } else { "0\n" };
        assert_eq!(read("code"), expected, "{line}");
    }
}

#[test]
fn fault_38_a_hang_up_ends_nothing() {
    let mut program = Program::serve(&[]);
    let page = Page::of(&mut program);
    program.signal("HUP");
    program.until("the signal", |line| line.contains("SIGHUP").then_some(()));
    assert_eq!(page.get("/status")["product"], "Weir");
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
}

/// The encoder is another engine, whose connection to the program understands requests; its server here is the program itself.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_sends_clients_elsewhere_and_ends_nothing() {
    let mut other = Program::serve(&[]);
    let elsewhere = Page::of(&mut other);
    let url = format!("rtmp://{}/live", elsewhere.rtmp());
    let mut program = Program::serve(&["-reconnect-url", &url]);
    let page = Page::of(&mut program);
    let _encoder = Encoder::start(&page.rtmp(), "show").await;
    let live = |answer: &serde_json::Value| (answer["streams"][0]["state"] == "live").then_some(());
    until(&page, "/streams", live).await;
    program.signal("USR1");
    until(&elsewhere, "/streams", live).await;
    assert_eq!(elsewhere.get("/streams")["streams"][0]["path"], "live/show");
    until(&page, "/streams", |answer| (answer["streams"][0]["state"] != "live").then_some(())).await;
    // Back by the API: the stream's publisher alone.
    let back = serde_json::json!({ "url": format!("rtmp://{}/live", page.rtmp()) });
    let (status, answer) = elsewhere.call("POST", "/streams/live%2Fshow/publisher/reconnect", Some(&back));
    assert_eq!((status, &answer["asked"]), (200, &1.into()), "{answer}");
    until(&page, "/streams", live).await;
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn an_open_event_stream_does_not_hold_up_the_end() {
    let mut program = Program::serve(&[]);
    let page = Page::of(&mut program);
    let events = page.listen();
    let asked = Instant::now();
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0));
    assert!(asked.elapsed() < PROMISE, "{:?}", asked.elapsed());
    assert!(events.last_words().contains("\"type\":\"shutting_down\""));
}
