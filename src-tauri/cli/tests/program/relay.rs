//! `--relay-to`, and an encoder for the tests: another engine that sends on to the program.

use std::time::Duration;

use weir_engine::config::{Config, Profile, Settings};
use weir_engine::{Engine, Paths, destination};
use weir_hub::{Origin, Publisher};
use weir_media::{Codec, Frame, FrameKind, Secret, StreamPath, Timestamp, Track, TrackId, Tracks};

use crate::page::Page;
use crate::program::{PATIENCE, Program};

/// Publishes to an RTMP server until it is dropped, 25 frames a second and a key frame each second.
pub(crate) struct Encoder {
    _engine: Engine,
    _folder: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Encoder {
    pub(crate) async fn start(rtmp: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(Profile::Desktop);
        config.rtmp.enabled = false;
        let mut settings = Settings::new(config, Profile::Desktop);
        let destination = destination::Config::new("program", format!("rtmp://{rtmp}/live"));
        settings.lend_destination(destination, Some(Secret::new(key.to_owned())));
        let engine = Engine::start(settings, Paths::under(folder.path())).await.unwrap();
        let path = StreamPath::parse("live/source").unwrap();
        let publisher = engine.context().hub.publish(&path, Origin::internal("test")).unwrap();
        let task = tokio::spawn(write(publisher));
        Self { _engine: engine, _folder: folder, task }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn write(mut publisher: Publisher) {
    // avcC of a 320x180 stream, as x264 writes it.
    let avcc = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
    let video = Track { config: Some(avcc.as_slice().into()), ..Track::new(TrackId::VIDEO, Codec::H264) };
    publisher.set_tracks(&Tracks::default().with(video)).unwrap();
    let mut clock = tokio::time::interval(Duration::from_millis(40));
    for number in 0.. {
        clock.tick().await;
        let key = number % 25 == 0;
        let mut data = vec![0; 1000];
        data[..5].copy_from_slice(&[0, 0, 3, 228, if key { 0x65 } else { 0x41 }]);
        let time = Timestamp::from_millis(number * 40);
        let kind = if key { FrameKind::Key } else { FrameKind::Delta };
        let frame = Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data: data.into() };
        if publisher.write(frame).is_err() {
            return;
        }
        publisher.flush();
    }
}

/// Asks `path` until `look` finds what it looks for.
pub(crate) async fn until<T>(page: &Page, path: &str, look: impl Fn(&serde_json::Value) -> Option<T>) -> T {
    let search = async {
        loop {
            let answer = page.get(path);
            if let Some(found) = look(&answer) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("never seen at {path}: {}", page.get(path)))
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_a_stream_goes_through_to_the_server_of_the_flag_whose_key_stays_secret() {
    let mut last = Program::serve(&[]);
    let last_page = Page::of(&mut last);
    let relay = format!("rtmp://{}/live/canary", last_page.rtmp());
    let mut first = Program::serve(&["-relay-to", &relay, "--log-level", "debug"]);
    let first_page = Page::of(&mut first);
    let _encoder = Encoder::start(&first_page.rtmp(), "show").await;

    until(&last_page, "/streams", |answer| {
        let streams = answer["streams"].as_array()?;
        streams.iter().find(|stream| stream["path"] == "live/canary" && stream["state"] == "live").map(drop)
    })
    .await;
    let destinations = first_page.get("/destinations");
    let shown = &destinations["destinations"][0];
    assert_eq!((&shown["id"], &shown["key_set"]), (&"relay-1".into(), &true.into()));
    assert!(!destinations.to_string().contains("canary"), "{destinations}");

    // A change through the page is kept, the flag's destination is not.
    let change = serde_json::json!({ "play_wait_seconds": 4 });
    assert_eq!(first_page.call("PATCH", "/settings", Some(&change)).0, 200);
    for file in ["data/config.toml", "data/secrets.toml"] {
        let text = std::fs::read_to_string(first.path(file)).unwrap_or_default();
        assert!(!text.contains("canary") && !text.contains("relay-1"), "{file}: {text}");
    }
    first.signal("TERM");
    let ended = first.end();
    assert_eq!(ended.code(), Some(0));
    assert!(!ended.lines.join("\n").contains("canary"), "{ended:#?}");
}
