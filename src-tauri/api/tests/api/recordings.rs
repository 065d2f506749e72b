//! Files that were or are being written.

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

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
        for (method, path, body) in [
            (Method::GET, format!("/recordings/{name}"), None),
            (Method::GET, format!("/recordings/{name}/file"), None),
            (Method::GET, format!("/recordings/{name}/picture"), None),
            (Method::GET, format!("/recordings/{name}/picture.mp4"), None),
            (Method::GET, format!("/recordings/{name}/media"), None),
            (Method::GET, format!("/recordings/{name}/media/init/0"), None),
            (Method::GET, format!("/recordings/{name}/media/fragment/0"), None),
            (Method::POST, format!("/recordings/{name}/jobs"), Some(json!({ "kind": "repair" }))),
            (Method::PATCH, format!("/recordings/{name}"), Some(json!({ "file_name": "other" }))),
            (Method::DELETE, format!("/recordings/{name}"), None),
            (Method::DELETE, format!("/recordings/{name}?permanently=true"), None),
        ] {
            let answer = bench.call(method, &path, body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::NOT_FOUND, "recording_not_found".to_owned()),
                "{path}"
            );
        }
    }
    assert_eq!(
        bench.call(Method::DELETE, "/recordings/one.flv?permanently=true", None).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(!bench.folder.path().join("recordings/one.flv").exists());
    assert!(bench.folder.path().join("precious.flv").exists());
}

/// Two seconds of H.264 and AAC that a real encoder made.
fn real() -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/flv");
    fs::read(folder.join("ffmpeg-9-h264-bframes-aac.flv")).unwrap()
}

#[tokio::test]
async fn recordings_are_searched_ordered_and_given_in_pages() {
    let bench = Bench::start().await;
    for (name, length) in [("evening show.flv", 20), ("morning show.flv", 30), ("camera.flv", 40)] {
        put(&bench, name, &CUT.iter().copied().chain(vec![0; length]).collect::<Vec<_>>());
    }
    let names = async |query: &str| -> Vec<String> {
        let list = bench.get(&format!("/recordings?{query}")).await.json();
        let all = list["recordings"].as_array().unwrap().iter();
        all.map(|one| one["file_name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("sort=size").await, ["camera.flv", "morning show.flv", "evening show.flv"]);
    assert_eq!(names("sort=name&order=asc&search=SHOW").await, ["evening show.flv", "morning show.flv"]);
    assert_eq!(names("sort=size&order=asc&offset=1&limit=1").await, ["morning show.flv"]);
    assert_eq!(names("state=interrupted&sort=name&order=asc").await.len(), 3);
    for none in ["state=finished", "state=failed"] {
        assert_eq!(names(none).await, Vec::<String>::new(), "{none}");
    }
    let list = bench.get("/recordings?limit=1&search=show").await.json();
    assert_eq!((&list["matched"], &list["total"]), (&json!(2), &json!(3)));
    for bad in ["sort=colour", "limit=many", "page=2"] {
        let answer = bench.get(&format!("/recordings?{bad}")).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "invalid_request".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn one_recording_tells_its_tracks_and_is_renamed() {
    let bench = Bench::start().await;
    put(&bench, "show.flv", &real());
    put(&bench, "other.flv", CUT);
    let show = bench.get("/recordings/show.flv").await.json();
    let tracks = show["tracks"].as_array().unwrap();
    assert_eq!((&tracks[0]["codec"], &tracks[1]["codec"]), (&json!("H.264"), &json!("AAC")));
    assert!(tracks[0]["codec_string"].as_str().unwrap().starts_with("avc1."), "{tracks:?}");
    assert!(tracks[0]["width"].as_u64().unwrap() > 0 && tracks[1]["sample_rate"].as_u64().unwrap() > 0);
    assert_eq!((&show["container"], &show["has_picture"]), (&json!("flv"), &json!(true)));
    let rename =
        async |name: &str| bench.call(Method::PATCH, "/recordings/show.flv", Some(json!({ "file_name": name }))).await;
    assert_eq!(rename("other").await.code(), "recording_name_taken");
    assert_eq!(rename("a/b").await.code(), "invalid_value");
    assert_eq!(rename("evening show").await.json()["id"], "evening show.flv");
    assert_eq!(bench.get("/recordings/show.flv").await.code(), "recording_not_found");
    assert_eq!(bench.get("/recordings/evening%20show.flv").await.json()["tracks"], show["tracks"]);
}

#[tokio::test]
async fn a_recording_is_played_in_fragments_and_shows_its_first_picture() {
    let bench = Bench::start().await;
    put(&bench, "show.flv", &real());
    let media = bench.get("/recordings/show.flv/media").await.json();
    assert!(media["initializations"][0]["mime_type"].as_str().unwrap().starts_with("video/mp4; codecs=\"avc1."));
    let fragments = media["fragments"].as_array().unwrap();
    assert_eq!(fragments[0]["is_key"], true);
    let init = bench.get("/recordings/show.flv/media/init/0").await;
    assert_eq!(init.headers[header::CONTENT_TYPE], "video/mp4");
    assert_eq!(&init.body[4..8], b"ftyp");
    for number in 0..fragments.len() {
        let fragment = bench.get(&format!("/recordings/show.flv/media/fragment/{number}")).await;
        assert_eq!((fragment.status, &fragment.body[4..8]), (StatusCode::OK, &b"moof"[..]));
    }
    let sound = bench.get("/recordings/show.flv/media?video=none").await.json();
    assert!(sound["initializations"][0]["mime_type"].as_str().unwrap().starts_with("audio/mp4; codecs=\"mp4a."));
    let missing = format!("/recordings/show.flv/media/fragment/{}", fragments.len());
    assert_eq!(bench.get(&missing).await.code(), "recording_part_not_found");
    assert_eq!(bench.get("/recordings/show.flv/media/init/1").await.code(), "recording_part_not_found");
    assert_eq!(bench.get("/recordings/show.flv/media?video=x").await.code(), "invalid_value");
    let picture = bench.get("/recordings/show.flv/picture").await.json();
    assert!(picture["codec"].as_str().unwrap().starts_with("avc1."));
    // avcC begins with its version, 1; a key frame with the length of its first unit.
    assert!(picture["description"].as_str().unwrap().starts_with("AW"), "{picture}");
    assert!(picture["data"].as_str().unwrap().starts_with("AAA"), "{picture}");
    assert_eq!(&bench.get("/recordings/show.flv/picture.mp4").await.body[4..8], b"ftyp");
    put(&bench, "bad.flv", &[0xFF; 100]);
    assert_eq!(bench.get("/recordings/bad.flv/media").await.code(), "recording_unplayable");
}

#[tokio::test]
async fn an_flv_file_is_converted_and_the_job_tells_how_it_went() {
    let bench = Bench::start().await;
    put(&bench, "show.flv", &real());
    put(&bench, "bad.flv", &[0xFF; 100]);
    let begin = async |name: &str, kind: &str| {
        bench.call(Method::POST, &format!("/recordings/{name}/jobs"), Some(json!({ "kind": kind }))).await
    };
    let answer = begin("show.flv", "convert_to_mp4").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    begin("bad.flv", "convert_to_mp4").await;
    let jobs = loop {
        let jobs = bench.get("/recording-jobs").await.json()["jobs"].clone();
        let open = |job: &Value| job["state"] == "waiting" || job["state"] == "running";
        if !jobs.as_array().unwrap().iter().any(open) {
            break jobs;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&jobs[0]["state"], &jobs[0]["progress"]), (&json!("done"), &json!(1.0)));
    assert_eq!(jobs[0]["results"], json!(["show.mp4"]));
    assert_eq!((&jobs[1]["state"], &jobs[1]["failure"]["code"]), (&json!("failed"), &json!("unreadable")));
    let (flv, mp4) = (bench.get("/recordings/show.flv").await.json(), bench.get("/recordings/show.mp4").await.json());
    for field in ["codec", "codec_string", "width", "height", "sample_rate", "channels"] {
        for track in [0, 1] {
            assert_eq!(flv["tracks"][track][field], mp4["tracks"][track][field], "{field}");
        }
    }
    assert_eq!((&mp4["state"], &mp4["container"]), (&json!("finished"), &json!("mp4")));
    let media = bench.get("/recordings/show.mp4/media").await.json();
    assert_eq!(media["fragments"].as_array().unwrap().len(), 1);
    assert_eq!(begin("show.mp4", "convert_to_mp4").await.code(), "invalid_value");
    let forget = format!("/recording-jobs/{id}");
    assert_eq!(bench.call(Method::DELETE, &forget, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.call(Method::DELETE, &forget, None).await.code(), "recording_job_not_found");
}

#[tokio::test]
async fn the_time_left_is_the_room_above_the_reserve_at_the_rate_of_what_is_recorded() {
    let bench = Bench::with(|config| {
        config.recording.record_all = true;
        config.recording.reserve_bytes = 0;
    })
    .await;
    let folder = bench.get("/recordings-folder").await.json();
    assert_eq!(folder["time_left_seconds"], Value::Null, "nothing is recorded");
    let mut encoder = bench.publish("live/show");
    encoder.write(8);
    bench
        .until("/streams", |streams| {
            streams["streams"][0]["recording"]["duration_seconds"].as_f64().filter(|it| *it > 7.9)
        })
        .await;
    let folder = bench.get("/recordings-folder").await.json();
    let recording = bench.get("/streams").await.json()["streams"][0]["recording"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    let rate = number(&recording["size_bytes"]) / number(&recording["duration_seconds"]);
    let expected = number(&folder["free_bytes"]) / rate;
    let told = number(&folder["time_left_seconds"]);
    // Others use the disk while the test looks.
    assert!((told / expected - 1.0).abs() < 0.1, "{told} s were told, {expected} s are expected of {folder}");
}

#[tokio::test]
async fn recording_settings_hold_and_bad_ones_are_refused() {
    let bench = Bench::start().await;
    let patch = async |body: Value| bench.call(Method::PATCH, "/recording-settings", Some(body)).await;
    let before = bench.get("/recording-settings").await.json();
    assert_eq!((&before["container"], &before["reserve_bytes"]), (&json!("auto"), &json!(2_000_000_000_u64)));
    let rule = json!({
        "streams": "live/*", "record": true, "container": "mp4", "folder": "shows", "segment_seconds": 60.0
    });
    let change = json!({
        "container": "mp4", "segment_seconds": 3600, "segment_pattern": "%s-%d", "on_return": "new_file",
        "reserve_bytes": 5_000_000_000_u64, "when_full": "delete_oldest", "keep_days": 30, "keep_bytes": 1,
        "rules": [rule],
    });
    let after = patch(change.clone()).await.json();
    for (name, value) in change.as_object().unwrap().iter().filter(|(name, _)| *name != "segment_seconds") {
        assert_eq!(after[name], *value, "{name}");
    }
    assert_eq!((&after["segment_seconds"], &after["segment_example"]), (&json!(3600.0), &json!("live_stream-1")));
    for bad in [
        json!({ "segment_seconds": 0.5 }),
        json!({ "segment_seconds": -1 }),
        json!({ "segment_pattern": "%x" }),
        json!({ "folder": "relative" }),
        json!({ "rules": [{ "streams": " " }] }),
        json!({ "rules": [{ "streams": "*", "folder": "../x" }] }),
    ] {
        assert_eq!(patch(bad.clone()).await.code(), "invalid_value", "{bad}");
    }
    assert_eq!(bench.get("/recording-settings").await.json(), after);
}
