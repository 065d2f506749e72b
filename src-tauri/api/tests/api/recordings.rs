//! Files that were or are being written.

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;

use crate::bench::{Answer, Bench};

/// A file as a crash leaves it: header and nothing else.
const CUT: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

fn put(bench: &Bench, name: &str, content: &[u8]) {
    let folder = bench.folder.path().join("recordings");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), content).unwrap();
}

async fn range(bench: &Bench, range: &str) -> Answer {
    let request = Request::get("/api/v1/recordings/a%20b.flv/file").header(header::RANGE, range);
    bench.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_empty_folder_is_an_empty_list_with_its_place() {
    let bench = Bench::start().await;
    let list = bench.get("/recordings").await.json();
    assert_eq!(list["recordings"], Value::Array(Vec::new()));
    assert_eq!(list["folder"]["path"], bench.folder.path().join("recordings").to_str().unwrap());
    assert_eq!(list["folder"]["exists"], false);
    assert!(list["folder"]["free_bytes"].as_u64().unwrap() > 0);
    let folder = bench.get("/recordings-folder").await.json();
    // The disk's free space changes while the test looks.
    assert_eq!((&folder["path"], &folder["exists"]), (&list["folder"]["path"], &list["folder"]["exists"]));
}

#[tokio::test]
async fn files_are_listed_with_their_state() {
    let bench = Bench::start().await;
    put(&bench, "cut.flv", CUT);
    put(&bench, "bad.flv", &[0xFF; 100]);
    put(&bench, "notes.txt", b"no recording");
    let list = bench.get("/recordings").await.json();
    let state = |name: &str| {
        let found = list["recordings"].as_array().unwrap().iter().find(|one| one["file_name"] == name);
        found.map(|one| one["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(state("cut.flv").as_deref(), Some("interrupted"));
    assert_eq!(state("bad.flv").as_deref(), Some("damaged"));
    assert_eq!(state("notes.txt"), None);
}

#[tokio::test]
async fn a_file_is_sent_whole_and_in_parts() {
    let bench = Bench::start().await;
    let content: Vec<u8> = CUT.iter().copied().chain(0..=255).collect();
    put(&bench, "a b.flv", &content);
    let whole = bench.get("/recordings/a%20b.flv/file").await;
    assert_eq!((whole.status, whole.body.as_ref()), (StatusCode::OK, content.as_slice()));
    assert_eq!(whole.headers[header::CONTENT_TYPE], "video/x-flv");
    assert_eq!(whole.headers[header::CONTENT_DISPOSITION], "attachment; filename*=UTF-8''a%20b.flv");
    assert_eq!(whole.headers[header::ACCEPT_RANGES], "bytes");
    let part = range(&bench, "bytes=13-15").await;
    assert_eq!((part.status, part.body.as_ref()), (StatusCode::PARTIAL_CONTENT, &[0_u8, 1, 2][..]));
    assert_eq!(part.headers[header::CONTENT_RANGE], "bytes 13-15/269");
    let end = range(&bench, "bytes=-2").await;
    assert_eq!((end.status, end.body.as_ref()), (StatusCode::PARTIAL_CONTENT, &[254_u8, 255][..]));
    assert_eq!(range(&bench, "bytes=9999-").await.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn only_recordings_of_the_folder_are_sent_or_deleted() {
    let bench = Bench::start().await;
    put(&bench, "one.flv", CUT);
    fs::write(bench.folder.path().join("precious.flv"), CUT).unwrap();
    for name in
        ["..%2Fprecious.flv", "%2E%2E%2Fprecious.flv", "%2Fetc%2Fpasswd", "none.flv", "..", "%00", "sub%5Cone.flv"]
    {
        for (method, path) in
            [(Method::GET, format!("/recordings/{name}/file")), (Method::DELETE, format!("/recordings/{name}"))]
        {
            let answer = bench.call(method, &path, None).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::NOT_FOUND, "recording_not_found".to_owned()),
                "{path}"
            );
        }
    }
    assert_eq!(bench.call(Method::DELETE, "/recordings/one.flv", None).await.status, StatusCode::NO_CONTENT);
    assert!(!bench.folder.path().join("recordings/one.flv").exists());
    assert!(bench.folder.path().join("precious.flv").exists());
}
