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
    for (files, code, words) in [
        (vec![film.as_str()], 0, vec!["repaired; "]),
        (vec![&film], 0, vec!["whole; nothing to repair"]),
        (
            vec!["films/junk.flv", &film, "films/none.flv"],
            1,
            vec!["nothing in it can be saved", "whole;", "No such file"],
        ),
    ] {
        let arguments = ["recording", "repair"].into_iter().chain(files.iter().copied());
        let mut repair = Program::run_in(folder, arguments, &[]);
        folder = std::mem::replace(&mut repair.folder, tempfile::tempdir().unwrap());
        let ended = repair.end();
        assert_eq!(ended.code(), Some(code), "{ended:?}");
        for (file, word) in files.iter().zip(words) {
            let told = |line: &String| line.starts_with(&format!("{file}: ")) && line.contains(word);
            assert!(ended.lines.iter().any(told), "{file}: {word}: {ended:?}");
        }
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
