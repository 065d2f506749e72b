//! A folder of ten thousand recordings. How long its list takes is measured by `npm run bench`; here is seen what it costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use weir_engine::recording::{Container, State};

use crate::bench::Bench;

const MANY: usize = 10_000;

/// More than a loaded machine needs to look into each of them once.
const PATIENCE: Duration = Duration::from_secs(240);

/// Records two seconds of a stream in this container.
async fn record(bench: &Bench, container: Container) -> PathBuf {
    let mut config = bench.engine.config();
    config.recording.record_all = true;
    config.recording.container = container;
    bench.engine.apply(config).await.unwrap();
    let before = bench.engine.recordings().status().len();
    let mut encoder = bench.publish("live/show");
    encoder.write(2);
    bench.until("/streams", |streams| (!streams["streams"][0]["recording"].is_null()).then_some(())).await;
    drop(encoder);
    bench.engine.recordings().stop(&weir_media::StreamPath::parse("live/show").unwrap());
    let status = loop {
        let status = bench.engine.recordings().status().into_iter().nth(before);
        if let Some(status) = status.filter(|status| status.state != State::Recording) {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(status.state, State::Complete);
    bench.until("/streams", |streams| streams["streams"].as_array()?.is_empty().then_some(())).await;
    status.file.unwrap()
}

/// Every page of the list, without the free space of the disk, which changes by itself.
async fn pages(bench: &Bench) -> Vec<Value> {
    let mut all = Vec::new();
    for offset in (0..MANY).step_by(1_000) {
        let page = bench.get(&format!("/recordings?sort=name&order=asc&limit=1000&offset={offset}")).await.json();
        assert_eq!((&page["is_partial"], &page["total"]), (&Value::Bool(false), &Value::from(MANY)));
        all.extend(page["recordings"].as_array().unwrap().iter().cloned());
    }
    all
}

async fn until_all_are_known(bench: &Bench) {
    let all = async {
        loop {
            let page = bench.get("/recordings?limit=1").await.json();
            if page["is_partial"] == false && page["total"] == MANY {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}

/// Makes junk of a file, so that whoever opens it sees it, and nobody else does: its size and time stay.
fn spoil(file: &Path) {
    let metadata = fs::metadata(file).unwrap();
    fs::write(file, vec![0xFF; usize::try_from(metadata.len()).unwrap()]).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
}

#[tokio::test]
async fn ten_thousand_recordings_are_listed_searched_and_found_after_a_start_without_opening_one() {
    let bench = Bench::with(|config| config.streams.grace_seconds = Duration::from_millis(50).into()).await;
    let (flv, mp4) = (record(&bench, Container::Flv).await, record(&bench, Container::Mp4).await);
    let folder = bench.engine.recordings().folder();
    // Names of the same two files: each has its own entry in the folder, and one change reaches all of them.
    for number in 2..MANY {
        let source = if number % 20 == 0 { &flv } else { &mp4 };
        let below = folder.join(format!("camera {}", number % 20));
        fs::create_dir_all(&below).unwrap();
        let name = format!("take_{number:05}.{}", source.extension().unwrap().to_str().unwrap());
        fs::hard_link(source, below.join(name)).unwrap();
    }
    until_all_are_known(&bench).await;
    let known = pages(&bench).await;
    assert_eq!(known.len(), MANY);
    for one in &known {
        assert_eq!((&one["state"], &one["stream"]), (&Value::from("finished"), &Value::from("live/show")), "{one}");
        assert!(!one["tracks"].as_array().unwrap().is_empty(), "{one}");
        assert!(one["duration_seconds"].as_f64() > Some(1.5), "{one}");
    }
    spoil(&flv);
    spoil(&mp4);
    assert!(pages(&bench).await == known, "as before, though nothing is in them any more");
    let found = bench.get("/recordings?search=13%2F%20MP4&limit=1000").await.json();
    assert_eq!(found["matched"], 500, "{} of {}", found["matched"], found["total"]);
    assert!(found["recordings"].as_array().unwrap().iter().all(|one| one["container"] == "mp4"));
    let longest = bench.get("/recordings?sort=duration&limit=1").await.json();
    assert!(longest["recordings"][0]["duration_seconds"].as_f64() > Some(1.5));
    // A start reads what is remembered from the disk.
    let bench = bench.restart().await;
    assert!(pages(&bench).await == known, "as before the start");
    // What changes is opened, and nothing else.
    let changed = folder.join("camera 3/take_00003.mp4");
    fs::File::options().write(true).open(&changed).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    until_all_are_known(&bench).await;
    let after = pages(&bench).await;
    let damaged: Vec<_> = after.iter().filter(|one| one["state"] == "damaged").collect();
    assert_eq!(damaged.len(), MANY - 500, "all the names of one file");
    assert!(damaged.iter().all(|one| one["container"] == "mp4" && one["failure"]["code"] == "unreadable"));
}
