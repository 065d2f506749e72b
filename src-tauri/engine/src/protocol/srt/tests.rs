//! The server and its callers in one process, over loopback.

mod port;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use weir_hub::{Delivery, Origin, StreamState, SubscribeOptions, Subscriber};
use weir_media::{Codec, Frame, FrameKind, Secret, StreamPath, Timestamp, Track, TrackId, Tracks};
use weir_mpegts::{Demuxer, Item, Muxer};
use weir_srt::caller::{Call, CallError};
use weir_srt::connection::{Closed, Event};
use weir_srt::crypto::{KeyLength, Passphrase};
use weir_srt::handshake::{Reject, StreamId};

use super::dial::{DialError, dial};
use super::link::Link;
use super::passphrases;
use super::{BareStreamId, Encryption, Role};
use crate::config::{Config, Profile, Seconds, Settings};
use crate::lifecycle::{Event as Told, Kind};
use crate::metrics;
use crate::status::ListenerState;
use crate::streams::DuplicatePublisher;
use crate::{Engine, Paths};

const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    engine: Engine,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn start(change: impl FnOnce(&mut Config, &std::path::Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(Profile::Desktop);
        config.rtmp.enabled = false;
        config.srt.enabled = true;
        config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.streams.grace_seconds = Seconds::new(0);
        // Everything is sent at once here, and the machine may be busy: nothing shall come too late.
        config.srt.latency_ms = 8000.try_into().unwrap();
        change(&mut config, folder.path());
        let mut settings = Settings::new(config, Profile::Desktop);
        settings.lend_secret(passphrases::ONE, Secret::new("correct-horse".to_owned()));
        let engine = Engine::start(settings, Paths::under(folder.path())).await.unwrap();
        let state = engine.srt().listeners().remove(0).state;
        let ListenerState::Listening { bound } = state else { panic!("{state:?}") };
        Self { engine, address: bound[0], folder }
    }

    async fn call(&self, id: &str) -> Result<Link, DialError> {
        self.call_with(id, None, None).await
    }

    async fn call_with(&self, id: &str, secret: Option<&str>, key: Option<KeyLength>) -> Result<Link, DialError> {
        let passphrase = secret.map(|text| Passphrase::new(text).unwrap());
        let stream_id = StreamId::new(id.to_owned());
        dial(self.address, Call { stream_id, passphrase, key_length: key, ..Call::default() }).await
    }

    /// The caller must be refused; returns what it is told, and the code people are told.
    async fn refused(&self, id: &str, secret: Option<&str>, key: Option<KeyLength>) -> (Reject, String) {
        let began = Instant::now();
        let reject = match self.call_with(id, secret, key).await {
            Err(DialError::Call(CallError::Rejected(reject))) => reject,
            other => panic!("{id} must be refused: {other:?}"),
        };
        assert!(began.elapsed() < Duration::from_secs(3), "{id}: the caller had to wait");
        // That a file was read again may be told at any time.
        let problems = self.engine.context().problems.list();
        let problem = problems.into_iter().rev().find(|problem| problem.peer.is_some()).expect("people are told");
        assert_eq!(problem.peer.as_deref(), Some("127.0.0.1"));
        assert!(!problem.hint.is_empty() && !problem.message.contains("canary"), "{problem:?}");
        (reject, problem.code)
    }

    fn reader(&self, path: &str) -> Subscriber {
        let options = SubscribeOptions::player(Origin::internal("test"));
        self.engine.context().hub.subscribe(&stream(path), options).unwrap()
    }

    async fn until(&self, what: &str, look: impl Fn() -> bool) {
        let mut events = self.engine.context().events.listen();
        let search = async {
            while !look() {
                let _ = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("never happened: {what}"));
    }

    async fn until_live(&self, path: &str) {
        let live = || {
            let found = self.engine.context().hub.stream(&stream(path));
            found.is_some_and(|found| found.state == StreamState::Live)
        };
        self.until("the stream is live", live).await;
    }
}

fn stream(path: &str) -> StreamPath {
    StreamPath::parse(path).unwrap()
}

fn tracks() -> Tracks {
    let avcc = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
    let video = Track { config: Some(Bytes::from_static(avcc)), ..Track::new(TrackId::VIDEO, Codec::H264) };
    let audio = Track { config: Some(Bytes::from_static(b"\x11\x90")), ..Track::new(TrackId::AUDIO, Codec::Aac) };
    Tracks::default().with(video).with(audio)
}

/// Pictures and sounds of `from` to `to` milliseconds, each with bytes of its own.
fn frames(from: i64, to: i64) -> Vec<Frame> {
    let mut all = Vec::new();
    for millis in from..to {
        let time = Timestamp::from_millis(millis);
        let frame = |track, kind, data| Frame { track, dts: time, pts: time, kind, data };
        if millis % 40 == 0 {
            let key = millis % 1000 == 0;
            let mut nal = vec![if key { 0x65 } else { 0x41 }, 0x88, 0x80];
            nal.extend((0..3000).map(|n| (n + millis) as u8 | 1));
            let data = [&(nal.len() as u32).to_be_bytes()[..], &nal].concat();
            all.push(frame(TrackId::VIDEO, if key { FrameKind::Key } else { FrameKind::Delta }, data.into()));
        }
        if millis % 20 == 0 {
            let data = Bytes::from((0..200).map(|n| (n * 3 + millis) as u8).collect::<Vec<_>>());
            all.push(frame(TrackId::AUDIO, FrameKind::Key, data));
        }
    }
    all
}

/// Runs a connection while `until` is not fulfilled; returns what it received, and why it ended if it did.
async fn drive(link: &mut Link, mut until: impl FnMut(&[u8]) -> bool) -> (Vec<u8>, Option<Closed>) {
    let mut received = Vec::new();
    let running = async {
        loop {
            link.run(Instant::now()).unwrap();
            let mut closed = None;
            while let Some(event) = link.next_event() {
                match event {
                    Event::Payload(payload) => received.extend_from_slice(&payload),
                    Event::Lost { packets } => panic!("{packets} lost on loopback"),
                    Event::Closed(why) => closed = Some(why),
                }
            }
            if closed.is_some() || until(&received) {
                return closed;
            }
            tokio::select! {
                () = link.wait() => {}
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    };
    let closed = tokio::time::timeout(PATIENCE, running).await.expect("it ends in time");
    (received, closed)
}

async fn send(link: &mut Link, frames: &[Frame]) {
    let (mut muxer, mut packets) = (Muxer::new(), BytesMut::new());
    muxer.set_tracks(&tracks());
    frames.iter().for_each(|frame| muxer.write(frame, &mut packets));
    for payload in packets.chunks(1316) {
        link.send(Instant::now(), Bytes::copy_from_slice(payload)).unwrap();
    }
    link.flush().unwrap();
    // Until all is acknowledged.
    let began = Instant::now();
    while link.connection().statistics(Instant::now()).pkt_snd_buf > 0 {
        assert!(began.elapsed() < PATIENCE);
        link.run(Instant::now()).unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(5), link.wait()).await;
    }
}

fn demuxed(bytes: &[u8]) -> Vec<Frame> {
    let mut demuxer = Demuxer::new();
    demuxer.push(bytes);
    demuxer.finish();
    assert_eq!(demuxer.faults(), weir_mpegts::Faults::default());
    std::iter::from_fn(|| demuxer.poll())
        .filter_map(|item| match item {
            Item::Frame(frame) => Some(frame),
            Item::Tracks(_) => None,
        })
        .collect()
}

fn payloads(frames: &[Frame], track: TrackId) -> Vec<Bytes> {
    frames.iter().filter(|frame| frame.track == track).map(|frame| frame.data.clone()).collect()
}

fn delivered(reader: &mut Subscriber) -> Vec<Frame> {
    let mut batch = Vec::new();
    while !matches!(batch.last(), Some(Delivery::Ended(_))) && reader.try_batch(&mut batch) {}
    let frame = |delivery| match delivery {
        Delivery::Frame { frame, .. } => Some(frame),
        _ => None,
    };
    batch.into_iter().filter_map(frame).collect()
}

/// The last NAL unit, which is the picture itself, of each access unit.
fn pictures(frames: &[Frame]) -> Vec<Bytes> {
    payloads(frames, TrackId::VIDEO).into_iter().map(|data| data.slice(data.len() - 3003..)).collect()
}

#[tokio::test]
async fn what_is_published_is_played_frame_by_frame() {
    let rig = Rig::start(|_, _| {}).await;
    let mut reader = rig.reader("live/a");
    let mut player = rig.call("#!::r=live/a,m=request").await.unwrap();
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    let sent = frames(0, 3000);
    send(&mut encoder, &sent).await;
    encoder.close(Instant::now());
    let (received, closed) = drive(&mut player, |_| false).await;
    assert_eq!(closed, Some(Closed::ByPeer));
    let (hub, played) = (delivered(&mut reader), demuxed(&received));
    for got in [&hub, &played] {
        assert!(pictures(got) == pictures(&sent), "{} pictures", pictures(got).len());
        let sounds = payloads(got, TrackId::AUDIO);
        assert!(sounds == payloads(&sent, TrackId::AUDIO), "{} sounds", sounds.len());
        let first = |track| got.iter().find(|frame| frame.track == track).unwrap().dts;
        assert_eq!(first(TrackId::VIDEO), first(TrackId::AUDIO), "sound and picture keep their distance");
    }
    // The table comes first, then the key frame.
    assert_eq!(received[..3], [0x47, 0x40, 0x00]);
    assert_eq!(rig.engine.status().connections, 0);
}

/// Fault 35 of the predecessor: hooks and the media counters ignored SRT.
#[tokio::test]
async fn fault_35_an_srt_session_is_told_in_order_and_counted_like_any_other() {
    let rig = Rig::start(|_, _| {}).await;
    let life = rig.engine.context().life.clone();
    let mut events = life.listen();
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    let sent = frames(0, 2500);
    send(&mut encoder, &sent).await;
    let mut player = rig.call("read:live/a").await.unwrap();
    drive(&mut player, |received| received.len() > 30_000).await;
    encoder.close(Instant::now());
    drive(&mut player, |_| false).await;
    let mut seen = Vec::new();
    let search = async {
        while seen.iter().filter(|event: &&std::sync::Arc<Told>| event.kind() == Kind::ConnectionClose).count() < 2 {
            seen.push(events.recv().await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("both are closed");
    let of = |connection| {
        let mine = seen.iter().filter(move |event| event.connection == connection);
        mine.map(|event| event.kind().name()).filter(|name| *name != "codec_detected").collect::<Vec<_>>()
    };
    let ids: Vec<_> =
        seen.iter().filter(|event| event.kind() == Kind::ConnectionAccept).map(|event| event.connection).collect();
    assert_eq!(
        of(ids[0]),
        [
            "connection_accept",
            "handshake_complete",
            "stream_create",
            "publish_start",
            "publish_stop",
            "connection_close"
        ]
    );
    assert_eq!(of(ids[1]), ["connection_accept", "handshake_complete", "play_start", "play_stop", "connection_close"]);
    assert!(seen.iter().any(|event| event.kind() == Kind::CodecDetected));
    let stop = seen.iter().find(|event| event.kind() == Kind::PublishStop).unwrap().what.data(None);
    let pictures = payloads(&sent, TrackId::VIDEO).len();
    assert_eq!((&stop["video_packets"], &stop["protocol"]), (&pictures.into(), &"srt".into()));
    let told = metrics::vars(&metrics::gather(&rig.engine));
    assert_eq!(told["rtmp_messages_video"], pictures);
    assert_eq!((&told["srt_connections_total"], &told["srt_connections_active"]), (&2.into(), &0.into()));
    let bytes = told["srt_bytes_received"].as_u64().unwrap();
    let payload: usize = sent.iter().map(|frame| frame.data.len()).sum();
    assert!(bytes as usize > payload && (bytes as usize) < payload * 5 / 4, "{bytes} for {payload}");
}

#[tokio::test]
async fn a_late_player_begins_with_the_tables_and_a_key_frame() {
    let rig = Rig::start(|_, _| {}).await;
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    send(&mut encoder, &frames(0, 2500)).await;
    let mut player = rig.call("read:live/a").await.unwrap();
    let (received, _) = drive(&mut player, |received| received.len() > 30_000).await;
    assert_eq!(received[..3], [0x47, 0x40, 0x00]);
    let played = demuxed(&received);
    assert_eq!(played[0].kind, FrameKind::Key);
    assert!(pictures(&played)[0] == pictures(&frames(2000, 2001))[0]);
}

#[tokio::test]
async fn fault_33_every_refusal_has_its_code_and_its_words() {
    let rig = Rig::start(|config, folder| {
        std::fs::write(folder.join("keys.json"), r#"{"live/a": "canary-phrase-a"}"#).unwrap();
        config.srt.passphrase_file = Some(folder.join("keys.json"));
        config.srt.encryption = Encryption::File;
    })
    .await;
    for (id, secret, key, reject, code) in [
        ("publish:live/a", None, None, Reject::UNSECURE, "srt_passphrase_missing"),
        ("publish:live/a", Some("canary-wrong"), None, Reject::BAD_SECRET, "srt_passphrase_wrong"),
        ("publish:live/b", Some("canary-phrase-a"), None, Reject::NOT_FOUND, "srt_unknown_stream"),
        ("publish:../a", Some("canary-phrase-a"), None, Reject::BAD_REQUEST, "srt_stream_id"),
        ("#!::r=live/a,m=bidirectional", None, None, Reject::BAD_MODE, "srt_stream_id"),
        ("#!::r=live/a,t=file", None, None, Reject::BAD_MODE, "srt_file_mode"),
    ] {
        let (told, problem) = rig.refused(id, secret, key).await;
        assert_eq!((told, problem.as_str()), (reject, code), "{id}");
    }
    let mut config = rig.engine.config();
    config.srt.key_length = Some(32.try_into().unwrap());
    config.srt.default_path = String::new().try_into().unwrap();
    rig.engine.apply(config.clone()).await.unwrap();
    let (told, problem) = rig.refused("publish:live/a", Some("canary-phrase-a"), Some(KeyLength::Aes128)).await;
    assert_eq!((told, problem.as_str()), (Reject::UNACCEPTABLE, "srt_key_length"));
    let (told, problem) = rig.refused("", Some("canary-phrase-a"), None).await;
    assert_eq!((told, problem.as_str()), (Reject::BAD_REQUEST, "srt_no_stream_id"));
    let encoder = rig.call_with("publish:live/a", Some("canary-phrase-a"), Some(KeyLength::Aes256)).await.unwrap();
    let (told, problem) = rig.refused("publish:live/a", Some("canary-phrase-a"), Some(KeyLength::Aes256)).await;
    assert_eq!((told, problem.as_str()), (Reject::CONFLICT, "stream_in_use"));
    drop(encoder);
    config.srt.encryption = Encryption::Off;
    rig.engine.apply(config).await.unwrap();
    let (told, problem) = rig.refused("publish:live/c", Some("canary-phrase-a"), None).await;
    assert_eq!((told, problem.as_str()), (Reject::UNSECURE, "srt_passphrase_unexpected"));
}

#[tokio::test]
async fn callers_that_are_refused_at_the_same_moment_are_all_listed_and_counted() {
    let rig = Rig::start(|_, _| {}).await;
    for id in ["publish:live/a", "publish:live/b", "publish:live/a"] {
        let (_, problem) = rig.refused(id, Some("canary-phrase"), None).await;
        assert_eq!(problem, "srt_passphrase_unexpected", "{id}");
    }
    let problems = rig.engine.context().problems.list();
    let refused = problems.iter().filter(|problem| problem.code == "srt_passphrase_unexpected");
    let counts: Vec<_> = refused.map(|problem| (problem.path.as_deref().unwrap(), problem.count)).collect();
    assert_eq!(counts, [("live/b", 1), ("live/a", 2)]);
}

#[tokio::test]
async fn a_new_passphrase_file_holds_for_new_connections_only() {
    let rig = Rig::start(|config, folder| {
        std::fs::write(folder.join("keys.json"), r#"{"live/a": "first-phrase"}"#).unwrap();
        config.srt.passphrase_file = Some(folder.join("keys.json"));
        config.srt.encryption = Encryption::File;
    })
    .await;
    let file = rig.folder.path().join("keys.json");
    let mut encoder = rig.call_with("publish:live/a", Some("first-phrase"), None).await.unwrap();
    std::fs::write(&file, r#"{"live/a": "other-phrase", "live/b": "short"}"#).unwrap();
    rig.engine.reload().await;
    let problem = rig.engine.context().problems.list().pop().unwrap();
    assert_eq!(problem.code, "srt_passphrase_file");
    assert!(!problem.message.contains("short\"") && problem.message.contains("live/b"), "{problem:?}");
    assert_eq!(rig.refused("read:live/a", Some("other-phrase"), None).await.0, Reject::BAD_SECRET);
    std::fs::write(&file, r#"{"live/a": "other-phrase"}"#).unwrap();
    rig.engine.reload().await;
    rig.call_with("read:live/a", Some("other-phrase"), None).await.unwrap();
    assert_eq!(rig.refused("read:live/a", Some("first-phrase"), None).await.0, Reject::BAD_SECRET);
    let mut reader = rig.reader("live/a");
    let sent = frames(0, 1000);
    send(&mut encoder, &sent).await;
    encoder.close(Instant::now());
    rig.until("the stream is over", || {
        rig.engine.context().hub.stream(&stream("live/a")).is_none_or(|it| it.state != StreamState::Live)
    })
    .await;
    assert!(pictures(&delivered(&mut reader)) == pictures(&sent));
}

#[tokio::test]
async fn a_changed_passphrase_file_is_noticed() {
    let rig = Rig::start(|config, folder| {
        std::fs::write(folder.join("keys.json"), r#"{"live/a": "first-phrase"}"#).unwrap();
        config.srt.passphrase_file = Some(folder.join("keys.json"));
        config.srt.encryption = Encryption::File;
    })
    .await;
    // Replaced, as editors do.
    std::fs::write(rig.folder.path().join("new.json"), r#"{"live/a": "the-other-phrase"}"#).unwrap();
    std::fs::rename(rig.folder.path().join("new.json"), rig.folder.path().join("keys.json")).unwrap();
    let began = Instant::now();
    while rig.call_with("publish:live/a", Some("the-other-phrase"), None).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "the file was never read again");
    }
}

#[tokio::test]
async fn fault_34_a_bare_name_publishes_when_it_sends_and_plays_when_it_listens() {
    let rig = Rig::start(|_, _| {}).await;
    let mut viewer = rig.call("live/a").await.unwrap();
    let mut encoder = rig.call("live/a").await.unwrap();
    send(&mut encoder, &frames(0, 1500)).await;
    rig.until_live("live/a").await;
    let (received, _) = drive(&mut viewer, |received| received.len() > 20_000).await;
    assert!(!demuxed(&received).is_empty());
    let links = rig.engine.srt().links();
    assert_eq!(links.iter().filter(|link| link.role == Role::Publish).count(), 1);
    assert_eq!(links.iter().filter(|link| matches!(link.role, Role::Play(_))).count(), 1);
    // A second one that sends is told by the end of its connection; people read why.
    let mut second = rig.call("live/a").await.unwrap();
    let _ = second.send(Instant::now(), Bytes::from(vec![0x47; 1316]));
    let (_, closed) = drive(&mut second, |_| false).await;
    assert_eq!(closed, Some(Closed::ByPeer));
    assert_eq!(rig.engine.context().problems.list().pop().unwrap().code, "stream_in_use");
    let mut config = rig.engine.config();
    config.srt.bare_stream_id = BareStreamId::Publish;
    rig.engine.apply(config).await.unwrap();
    assert_eq!(rig.refused("live/a", None, None).await.0, Reject::CONFLICT);
}

#[tokio::test]
async fn a_newcomer_takes_over_where_the_settings_say_so() {
    let rig = Rig::start(|config, _| config.streams.duplicate_publisher = DuplicatePublisher::Replace).await;
    let mut first = rig.call("publish:live/a").await.unwrap();
    let _second = rig.call("publish:live/a").await.unwrap();
    assert_eq!(drive(&mut first, |_| false).await.1, Some(Closed::ByPeer));
}

#[tokio::test]
async fn a_player_of_nothing_hears_so_and_people_read_it() {
    let rig = Rig::start(|config, _| config.streams.play_wait_seconds = Seconds::new(1)).await;
    let mut player = rig.call("read:live/none").await.unwrap();
    assert_eq!(drive(&mut player, |_| false).await.1, Some(Closed::ByPeer));
    assert_eq!(rig.engine.context().problems.list().pop().unwrap().code, "stream_not_found");
    let mut config = rig.engine.config();
    config.streams.play_wait_seconds = Seconds::new(0);
    rig.engine.apply(config).await.unwrap();
    assert_eq!(rig.refused("read:live/none", None, None).await, (Reject::NOT_FOUND, "stream_not_found".to_owned()));
}

#[tokio::test]
async fn matroska_is_refused_in_words() {
    let rig = Rig::start(|_, _| {}).await;
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    encoder.send(Instant::now(), Bytes::from_static(&[0x1A, 0x45, 0xDF, 0xA3, 1, 2, 3])).unwrap();
    assert_eq!(drive(&mut encoder, |_| false).await.1, Some(Closed::ByPeer));
    let problem = rig.engine.context().problems.list().pop().unwrap();
    assert!(problem.message.contains("Matroska") && problem.hint.contains("MPEG-TS"), "{problem:?}");
}

#[tokio::test]
async fn one_passphrase_for_all_opens_every_stream_with_every_key_length() {
    let rig = Rig::start(|config, _| config.srt.encryption = Encryption::One).await;
    for key in [KeyLength::Aes128, KeyLength::Aes192, KeyLength::Aes256] {
        let path = format!("live/{}", key.bytes());
        let mut reader = rig.reader(&path);
        let mut encoder = rig.call_with(&format!("publish:{path}"), Some("correct-horse"), Some(key)).await.unwrap();
        let shown = rig.engine.srt().links().into_iter().find(|link| link.path.as_str() == path);
        assert_eq!(shown.unwrap().key_length, Some(key.bytes()));
        let sent = frames(0, 1000);
        send(&mut encoder, &sent).await;
        encoder.close(Instant::now());
        rig.until("its end", || rig.engine.srt().links().iter().all(|link| link.path.as_str() != path)).await;
        assert!(pictures(&delivered(&mut reader)) == pictures(&sent));
    }
    assert_eq!(rig.refused("publish:live/x", Some("incorrect-horse"), None).await.0, Reject::BAD_SECRET);
}

#[tokio::test]
async fn a_shutdown_tells_everyone() {
    let rig = Rig::start(|_, _| {}).await;
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    let mut player = rig.call("read:live/a").await.unwrap();
    let ((), ended, told) =
        tokio::join!(rig.engine.shutdown(), drive(&mut encoder, |_| false), drive(&mut player, |_| false));
    assert_eq!((ended.1, told.1), (Some(Closed::ByPeer), Some(Closed::ByPeer)));
}
