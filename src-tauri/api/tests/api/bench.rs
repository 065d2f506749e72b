//! A router over an engine of its own, and a publisher that is no protocol.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use weir_engine::config::{Config, Profile, Settings};
use weir_engine::net::ListenAddress;
use weir_engine::{Engine, Paths};
use weir_hub::{Origin, Publisher};
use weir_media::{AudioInfo, Codec, Frame, FrameKind, StreamPath, Timestamp, Track, TrackId, Tracks, VideoInfo};

pub(crate) struct Bench {
    pub(crate) router: Router,
    pub(crate) engine: Engine,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        let error = self.json();
        for part in ["message", "hint"] {
            let sentence = error[part].as_str().unwrap_or_else(|| panic!("{part} is missing: {self:?}"));
            assert!(sentence.ends_with('.') && sentence.len() > 10, "{part} is no sentence: {self:?}");
        }
        error["code"].as_str().unwrap_or_else(|| panic!("code is missing: {self:?}")).to_owned()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Bench {
    /// An engine on a port of its own.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::lent(change, |_| {}).await
    }

    /// With what flags lend to the settings.
    pub(crate) async fn lent(change: impl FnOnce(&mut Config), lend: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(Profile::Desktop);
        config.rtmp.listen = vec![ListenAddress::One((Ipv4Addr::LOCALHOST, 0).into())];
        change(&mut config);
        let mut settings = Settings::new(config, Profile::Desktop);
        lend(&mut settings);
        Self::at(folder, settings).await
    }

    /// An engine that has looked after all that lies in its folder: what a test puts there from now on stays as it is.
    async fn at(folder: tempfile::TempDir, settings: Settings) -> Self {
        let engine = Engine::start(settings, Paths::under(folder.path())).await.unwrap();
        engine.recordings().healed().await;
        Self { router: weir_api::router(engine.clone()), engine, folder }
    }

    /// Ends the engine, and starts another one in the same folder.
    pub(crate) async fn restart(self) -> Self {
        let Self { engine, folder, .. } = self;
        let config = engine.config();
        engine.shutdown().await;
        let settings = Settings::new(config, Profile::Desktop);
        Self::at(folder, settings).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// Asks until `look` finds what it looks for. The engine's events wake it; a timer covers what has no event.
    pub(crate) async fn until<T>(&self, path: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let mut events = self.engine.context().events.listen();
        for _ in 0..1500 {
            if let Some(found) = look(&self.get(path).await.json()) {
                return found;
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        }
        panic!("never seen at {path}: {:?}", self.get(path).await);
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    /// An encoder's stream of one H.264 and one AAC track.
    pub(crate) fn publish(&self, path: &str) -> Encoder {
        let origin = Origin {
            protocol: "rtmp",
            peer: Some((Ipv4Addr::LOCALHOST, 50_000).into()),
            agent: Some("test encoder".to_owned()),
            connection: None,
        };
        let path = StreamPath::parse(path).unwrap();
        let mut publisher = self.engine.context().hub.publish(&path, origin).unwrap();
        publisher.set_tracks(&tracks()).unwrap();
        Encoder { publisher, millis: 0 }
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
}

/// avcC of a 1280x720 High 3.1 stream, written by x264 through FFmpeg 5.1.
const AVCC: &[u8] = &[
    0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01,
    0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x19, 0x60, 0x01, 0x00, 0x06, 0x68,
    0xeb, 0xe3, 0xcb, 0x22, 0xc0,
];

fn tracks() -> Tracks {
    let mut video = Track::new(TrackId::VIDEO, Codec::H264);
    video.config = Some(Bytes::from_static(AVCC));
    video.video = Some(VideoInfo {
        width: Some(1280),
        height: Some(720),
        profile: Some("High".to_owned()),
        level: Some("3.1".to_owned()),
        bit_depth: Some(8),
        ..VideoInfo::default()
    });
    let mut audio = Track::new(TrackId::AUDIO, Codec::Aac);
    audio.config = Some(Bytes::from_static(&[0x11, 0x90]));
    audio.audio = Some(AudioInfo { sample_rate: Some(48_000), channels: Some(2), profile: Some("LC".to_owned()) });
    Tracks::new([Arc::new(video), Arc::new(audio)])
}

pub(crate) struct Encoder {
    pub(crate) publisher: Publisher,
    millis: i64,
}

impl Encoder {
    /// Writes `seconds` of 25 fps with a key frame every second, all at once.
    pub(crate) fn write(&mut self, seconds: i64) {
        for _ in 0..seconds * 25 {
            let key = self.millis % 1000 == 0;
            self.frame(TrackId::VIDEO, if key { FrameKind::Key } else { FrameKind::Delta }, 1000);
            self.frame(TrackId::AUDIO, FrameKind::Key, 100);
            self.millis += 40;
        }
        self.publisher.flush();
    }

    fn frame(&mut self, track: TrackId, kind: FrameKind, size: usize) {
        let time = Timestamp::from_millis(self.millis);
        let mut data = vec![0; size];
        // One NAL unit: four bytes of length, then a slice (IDR in a key frame).
        if track == TrackId::VIDEO {
            data[..4].copy_from_slice(&u32::try_from(size - 4).unwrap().to_be_bytes());
            data[4] = if kind == FrameKind::Key { 0x65 } else { 0x41 };
        }
        self.publisher.write(Frame { track, dts: time, pts: time, kind, data: data.into() }).unwrap();
    }
}
