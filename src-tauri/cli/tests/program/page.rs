//! The page and the API over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::program::{PATIENCE, Program};

/// The page of a program that was just started.
pub(crate) struct Page {
    address: String,
    token: String,
}

impl Page {
    pub(crate) fn of(program: &mut Program) -> Self {
        let url =
            program.until("the address of its page", |line| line.strip_prefix("Weir's page: ").map(str::to_owned));
        let (address, token) = url.strip_prefix("http://").and_then(|url| url.split_once("/?token=")).unwrap();
        Self { address: address.to_owned(), token: token.to_owned() }
    }

    /// Status and body of an answer of the API.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = self.token.clone();
        let (status, body) = self.exchange(method, &format!("/api/v1{path}"), &token, body);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The address RTMP really has.
    pub(crate) fn rtmp(&self) -> String {
        self.get("/listeners")["listeners"][0]["bound"][0].as_str().unwrap().to_owned()
    }

    /// Opens the event stream and waits for its first event.
    pub(crate) fn listen(&self) -> Events {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let (host, token) = (&self.address, &self.token);
        write!(socket, "GET /api/v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
        let mut buffer = [0; 4096];
        let mut head = String::new();
        while !head.contains("resync") {
            let read = socket.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "{head}");
            head.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        Events(socket)
    }

    fn exchange(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, String) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

/// An open event stream.
pub(crate) struct Events(TcpStream);

impl Events {
    /// Everything until its end.
    pub(crate) fn last_words(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

#[test]
fn flags_lie_over_the_file_which_lies_over_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[recording]\nrecord_all = true\n[rtmp]\nchunk_size = 777\n[streams]\ngrace_seconds = 3\n")
        .unwrap();
    let arguments = [
        "serve",
        "-listen",
        "127.0.0.1:0",
        "-http",
        "127.0.0.1:0",
        "-data-dir",
        "data",
        "--config",
        file.to_str().unwrap(),
        "-chunk-size=888",
        "-record-all=no",
        "-record-dir",
        "films",
    ];
    let mut program = Program::run(arguments, &[("WEIR_CHUNK_SIZE", "999"), ("WEIR_RECORD_ALL", "yes")]);
    let page = Page::of(&mut program);
    let settings = page.get("/settings");
    assert_eq!((&settings["chunk_size"], &settings["record_all"]), (&888.into(), &false.into()), "flags");
    assert_eq!(settings["grace_seconds"], 3.0, "file");
    assert_eq!(settings["play_wait_seconds"], 10.0, "default");
    assert_eq!(
        settings["record_dir"],
        program.path("films").canonicalize().unwrap_or(program.path("films")).to_str().unwrap()
    );

    let (status, _) = page.call("PATCH", "/settings", Some(&json!({ "play_wait_seconds": 4 })));
    assert_eq!(status, 200);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("play_wait_seconds = 4") && kept.contains("777") && !kept.contains("888"), "{kept}");
}

#[test]
fn a_bare_record_all_means_yes() {
    for flags in [&["-record-all"][..], &["--record-all", "-log-level", "error"], &["--record-all", "1"]] {
        let mut program = Program::serve(flags);
        assert_eq!(Page::of(&mut program).get("/settings")["record_all"], true, "{flags:?}");
    }
}

#[test]
fn the_token_is_needed_kept_between_runs_and_readable_by_its_owner_only() {
    let mut program = Program::serve(&[]);
    let first = Page::of(&mut program);
    assert_eq!(first.exchange("GET", "/api/v1/status", "wrong", None).0, 401);
    assert_eq!(first.get("/status")["product"], "Weir");
    let file = program.path("data/http_token");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let kept = tempfile::tempdir().unwrap();
    std::fs::create_dir(kept.path().join("data")).unwrap();
    std::fs::copy(&file, kept.path().join("data/http_token")).unwrap();
    drop(program);
    let arguments = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
    let mut again = Program::run_in(kept, arguments, &[]);
    assert_eq!(Page::of(&mut again).token, first.token);
}
