//! Destinations against real sockets: what a server gets, what a bad one costs, and what people are told.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends, and talks to its parent")]

mod support;

use std::time::{Duration, Instant};

use support::target::{Manner, Target};
use support::*;
use weir_engine::config::Seconds;
use weir_engine::destination::{self, FailureCode, State, Status, Step};
use weir_flv::MessageKind;
use weir_hub::{Delivery, LagPolicy, Origin, SubscribeOptions};
use weir_media::{Frame, Secret, TrackId};
use weir_rtmp::session::server::Rejection;

const KEY: &str = "canary-key?auth=canary-token";

impl Rig {
    /// An engine with one destination for each of `urls`, named `a`, `b`…
    async fn sending_to(urls: &[String]) -> Self {
        let rig = Self::start(|config| config.streams.grace_seconds = Seconds::new(5)).await;
        let mut config = rig.engine.config();
        for (id, url) in ["a", "b", "c"].iter().zip(urls) {
            rig.engine.secrets().set(&format!("destination/{id}"), Some(Secret::new(KEY.to_owned()))).unwrap();
            let name = format!("Server {id}");
            config.destinations.push(destination::Config { name, ..destination::Config::new(*id, url) });
        }
        rig.engine.apply(config).await.unwrap();
        rig
    }

    fn destination(&self, n: usize) -> Status {
        self.engine.destinations().status().swap_remove(n)
    }

    async fn until_destination(&self, n: usize, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        until(&self.engine, what, || Some(self.destination(n)).filter(|status| is(status))).await
    }

    async fn live(&self, n: usize) -> Status {
        self.until_destination(n, "live", |status| status.line.state == State::Live).await
    }

    /// Waits until the target has `count` media messages of its `visit`th visitor, and gives its tags.
    async fn arrived(&self, target: &Target, visit: usize, count: usize) -> Vec<Tag> {
        let enough = || target.visits().get(visit).filter(|visit| visit.media.len() >= count).map(|visit| visit.tags());
        until(&self.engine, "media at the target", enough).await
    }
}

fn is_retrying(status: &Status) -> Option<FailureCode> {
    match &status.line.state {
        State::Retrying { reason, .. } => Some(reason.code),
        _ => None,
    }
}

/// Headers of the two tracks and the metadata come before the frames.
const HEADERS: usize = 3;

fn is_monotonic(tags: &[Tag]) -> bool {
    [MessageKind::Audio, MessageKind::Video]
        .iter()
        .all(|kind| tags.iter().filter(|tag| tag.kind == *kind).map(|tag| tag.millis).is_sorted())
}

/// Faults 18 and 19 of the predecessor: streams of other protocols were not relayed; no metadata, no headers, no query.
#[tokio::test]
async fn fault_19_a_server_gets_metadata_headers_and_every_frame_from_zero() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut publisher = rig.hub().publish(&stream("live/show"), Origin::internal("srt")).unwrap();
    publisher.set_tracks(&tracks()).unwrap();
    let mut sent = frames(&tracks(), 0, 1_000);
    write(&mut publisher, &sent);
    rig.live(0).await;
    let more = frames(&tracks(), 1_000, 4_000);
    write(&mut publisher, &more);
    sent.extend(more);
    let tags = rig.arrived(&target, 0, sent.len() + HEADERS).await;
    let kinds: Vec<MessageKind> = tags.iter().take(4).map(|tag| tag.kind).collect();
    assert_eq!(kinds, [MessageKind::Data, MessageKind::Video, MessageKind::Audio, MessageKind::Video]);
    assert!(tags.iter().take(4).all(|tag| tag.millis == 0));
    assert_eq!(metadata(&tags).get("videocodecid").and_then(weir_amf0::Value::as_number), Some(7.0));
    let (found, arrived) = ingest(&tags);
    assert_eq!(found.find(TrackId::AUDIO).unwrap().config, audio_track().config);
    assert_eq!(essence(&arrived), essence(&sent));
    let visit = &target.visits()[0];
    assert_eq!((visit.path.as_str(), visit.name.as_str()), ("app/canary-key", KEY));
    let status = rig.destination(0);
    assert_eq!(
        (status.line.frames_sent, status.line.frames_skipped, status.line.reconnects),
        (sent.len() as u64, 0, 0)
    );
    assert!(status.line.bytes_sent > 100_000 && status.path.as_deref() == Some("live/show"));
}

#[tokio::test]
async fn frames_of_a_real_encoder_arrive_at_ffmpeg_unchanged() {
    if !have("ffmpeg") || !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (url, file) = (format!("rtmp://127.0.0.1:{port}/app"), folder.path().join("got.flv"));
    let mut server = tokio::process::Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-listen", "1", "-i", &format!("{url}/{KEY}")])
        .args(["-c", "copy"])
        .arg(&file)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let rig = Rig::sending_to(&[url]).await;
    let clip = h264_clip("3");
    let (mut publisher, mut encoder) = (rig.publish("live/show"), Encoder::default());
    let (_, sent) = ingest(&clip);
    // An encoder has no more than a moment ready at once; FFmpeg may not listen yet at the first attempt.
    let mut count = 0;
    for some in clip.chunks(20) {
        count += encoder.send(&mut publisher, some);
        rig.until_destination(0, "these frames", |status| status.line.frames_sent == count).await;
    }
    assert_eq!(count, sent.len() as u64);
    rig.engine.destinations().shutdown().await;
    tokio::time::timeout(PATIENCE, server.wait()).await.unwrap().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let (_, got) = ingest(&flv_tags(&bytes));
    let data = |frames: &[Frame], track| -> Vec<_> {
        frames.iter().filter(|frame| frame.track == track).map(|frame| (frame.is_key(), frame.data.clone())).collect()
    };
    for track in [TrackId::VIDEO, TrackId::AUDIO] {
        assert_eq!(data(&got, track), data(&sent, track), "{track:?}");
    }
    ffprobe(&file);
}

/// Fault 15 of the predecessor: it dialled once, at start-up.
#[tokio::test]
async fn fault_15_a_server_that_comes_late_is_found() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rig = Rig::sending_to(&[format!("rtmp://{address}/app")]).await;
    assert_eq!(rig.destination(0).line.state, State::WaitingForStream { connected: false });
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.until_destination(0, "retrying", |status| is_retrying(status).is_some()).await;
    assert_eq!(is_retrying(&status), Some(FailureCode::ConnectionRefused));
    // Meanwhile it is counted what it misses.
    let sent = frames(&tracks(), 0, 1_000).len() as u64;
    rig.until_destination(0, "what it misses", |status| status.line.frames_missed == sent).await;
    let target = Target::start_at(address, |_| Manner::Take).await;
    assert!(rig.engine.destinations().retry("a"), "somebody does not want to wait");
    rig.live(0).await;
    rig.arrived(&target, 0, HEADERS + 1).await;
    let whole = |status: &Status| status.line.frames_sent + status.line.frames_missed == sent;
    rig.until_destination(0, "every frame to be sent or missed", whole).await;
}

#[tokio::test]
async fn after_a_broken_connection_it_begins_anew_at_a_key_frame_at_zero() {
    let target = Target::start(|visit| if visit == 0 { Manner::HangUp(20) } else { Manner::Take }).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_500));
    let status = rig.until_destination(0, "retrying", |status| is_retrying(status).is_some()).await;
    assert!(matches!(is_retrying(&status), Some(FailureCode::ClosedByPeer | FailureCode::NetworkError)), "{status:?}");
    write(&mut publisher, &frames(&tracks(), 2_500, 4_500));
    rig.engine.destinations().retry("a");
    let status = rig.live(0).await;
    assert_eq!(status.line.reconnects, 1);
    let tags = rig.arrived(&target, 1, HEADERS + 30).await;
    let (found, arrived) = ingest(&tags);
    assert!(found.find(TrackId::VIDEO).unwrap().config.is_some());
    assert_eq!((arrived[0].track, arrived[0].is_key(), arrived[0].dts.as_millis()), (TrackId::VIDEO, true, 0));
    // What was in between was sent before it broke, or missed.
    let first = ingest(&target.visits()[0].tags()).1.remove(0);
    let all = frames(&tracks(), 0, 4_500);
    let all = all.iter().skip_while(|frame| frame.data != first.data).count() as u64;
    let whole = |status: &Status| status.line.frames_sent + status.line.frames_missed == all;
    let status = rig.until_destination(0, "every frame to be sent or missed", whole).await;
    assert!(status.line.frames_missed >= frames(&tracks(), 2_500, 4_000).len() as u64, "{status:?}");
    let newest_key = frames(&tracks(), 4_000, 4_001).remove(0);
    assert_eq!(arrived[0].data, newest_key.data);
    assert!(is_monotonic(&tags));
}

#[tokio::test]
async fn a_refusal_says_why_and_never_shows_the_key() {
    for (why, sentence, code) in [
        (Rejection::Denied, "no such key: canary-key", FailureCode::KeyRefused),
        (Rejection::NameTaken, "canary-key is live (canary-token)", FailureCode::AlreadyPublishing),
        (Rejection::Failed, "disk of the server is full", FailureCode::Refused),
    ] {
        let target = Target::start(move |_| Manner::Refuse(why, sentence)).await;
        let rig = Rig::sending_to(&[target.url()]).await;
        let mut events = rig.engine.context().events.listen();
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 1_000));
        let status = rig.until_destination(0, "a failure", |status| status.line.last_error().is_some()).await;
        let stops = code == FailureCode::KeyRefused;
        assert_eq!(matches!(status.line.state, State::Stopped { .. }), stops, "{status:?}");
        assert_eq!(status.line.last_error().unwrap().failure.code, code, "{status:?}");
        assert!(status.line.last_error().is_some());
        let mut shown = serde_json::to_string(&rig.engine.destinations().status()).unwrap();
        while let Ok(event) = events.try_recv() {
            shown += &format!("{event:?} {}", serde_json::to_string(&event).unwrap());
        }
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("•••") || !sentence.contains("canary") || shown.contains("***"));
    }
}

#[tokio::test]
async fn a_server_that_asks_who_comes_is_told_and_gets_the_stream() {
    let name = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
    let proof =
        "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=me&salt=s1&challenge=c1&opaque=o1";
    let target = Target::start(move |visit| match visit {
        0 => Manner::Deny("NetConnection.Connect.Rejected", name),
        1 => Manner::Deny("NetConnection.Connect.Rejected", proof),
        _ => Manner::Take,
    })
    .await;
    let rig = Rig::sending_to(&[target.url().replace("rtmp://", "rtmp://me:canary@")]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.live(0).await;
    assert_eq!((status.line.reconnects, status.line.last_error()), (0, None), "to be asked is no failure");
    assert!(rig.arrived(&target, 2, HEADERS + 1).await.len() > HEADERS);
    let visit = target.visits().swap_remove(2);
    let (app, query) = visit.app.split_once('?').unwrap();
    assert_eq!((app, visit.tc_url), ("app", format!("{}?{query}", target.url())));
    let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names, ["authmod", "user", "challenge", "response", "opaque"]);
    assert!(!query.contains("canary"), "the password is proved, not sent");
}

#[tokio::test]
async fn a_server_that_ends_the_stream_is_quoted() {
    let target = Target::start(|_| Manner::Throw(10, Rejection::Denied, "your account is suspended")).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let stopped = |status: &Status| matches!(status.line.state, State::Stopped { .. });
    let status = rig.until_destination(0, "stopped", stopped).await;
    let State::Stopped { reason } = status.line.state else { unreachable!() };
    assert!(reason.message.contains("your account is suspended"), "{reason:?}");
}

#[tokio::test]
async fn what_is_no_rtmp_server_is_said() {
    let target = Target::start(|_| Manner::Http).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let _publisher = rig.publish("live/show");
    let status = rig.until_destination(0, "retrying", |status| is_retrying(status).is_some()).await;
    assert_eq!(is_retrying(&status), Some(FailureCode::NotRtmp), "{status:?}");
}

/// Fault 17 of the predecessor: the publisher waited for every destination, and nothing had a deadline.
#[tokio::test]
async fn fault_17_bad_servers_cost_the_publisher_and_the_other_destinations_nothing() {
    let silent = Target::start(|_| Manner::Silent).await;
    let stalled = Target::start(|_| Manner::Stall).await;
    let good = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&[silent.url(), stalled.url(), good.url()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let mut player = rig
        .hub()
        .subscribe(
            &stream("live/show"),
            SubscribeOptions { lag: LagPolicy::RECORDING, ..SubscribeOptions::player(Origin::internal("test")) },
        )
        .unwrap();
    let (received, count) = tokio::sync::watch::channel(0);
    let watching = tokio::spawn(async move {
        let mut batch = Vec::new();
        loop {
            player.recv_batch(&mut batch).await;
            let frames = batch.drain(..).filter(|delivery| matches!(delivery, Delivery::Frame { .. })).count();
            received.send_modify(|received| *received += frames);
        }
    });
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    rig.live(2).await;
    rig.live(1).await;
    // 20 s of 8 Mbit/s in some 4 s: far more than any buffer on the way holds.
    let (mut sent, mut slowest) = (frames(&tracks(), 0, 1_000).len(), Duration::ZERO);
    for second in 1..20 {
        for mut frame in frames(&tracks(), second * 1_000, (second + 1) * 1_000) {
            if frame.track == TrackId::VIDEO {
                frame.data = [frame.data.as_ref(), &[0; 40_000]].concat().into();
            }
            let began = Instant::now();
            publisher.write(frame).unwrap();
            publisher.flush();
            slowest = slowest.max(began.elapsed());
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(slowest < Duration::from_millis(500), "the publisher waited {slowest:?}");
    let tags = rig.arrived(&good, 0, sent + HEADERS).await;
    assert_eq!(ingest(&tags).1.len(), sent);
    until(&rig.engine, "every frame at the player", || (*count.borrow() == sent).then_some(())).await;
    watching.abort();
    assert_eq!(rig.destination(0).line.state, State::Connecting { step: Step::Handshake });
    assert_eq!(rig.destination(2).line.frames_skipped, 0);
    let status = rig.destination(1);
    assert!(matches!(status.line.state, State::Behind { seconds, .. } if seconds > 2.0), "{status:?}");
    // What it cannot take is left out, not stored up.
    assert!(status.line.bytes_sent < 4_000_000, "{status:?}");
    let status = rig.until_destination(1, "given up", |status| is_retrying(status).is_some()).await;
    assert_eq!(is_retrying(&status), Some(FailureCode::Stalled));
    // Neither keeps the engine from ending in time.
    let began = Instant::now();
    rig.engine.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Fault 16 of the predecessor: every publisher went to every destination, interleaved into one.
#[tokio::test]
async fn fault_16_two_publishers_are_never_mixed_into_one_destination() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut first = rig.publish("live/one");
    first.set_tracks(&tracks()).unwrap();
    write(&mut first, &frames(&tracks(), 0, 1_000));
    rig.live(0).await;
    let mut second = rig.publish("live/two");
    second.set_tracks(&video_tracks()).unwrap();
    write(&mut second, &frames(&video_tracks(), 0, 9_000));
    let sent = frames(&tracks(), 0, 2_000);
    write(&mut first, &frames(&tracks(), 1_000, 2_000));
    let tags = rig.arrived(&target, 0, sent.len() + HEADERS).await;
    assert_eq!(essence(&ingest(&tags).1), essence(&sent));
    let status = rig.destination(0);
    assert_eq!((status.path.as_deref(), status.also_waiting), (Some("live/one"), vec!["live/two".to_owned()]));
    assert_eq!(target.visits().len(), 1);
    // The other one's turn comes when the first is over.
    drop(first);
    rig.until_destination(0, "the second", |status| status.path.as_deref() == Some("live/two")).await;
    rig.arrived(&target, 1, 2).await;
    assert!(target.visits()[0].goodbye);
}

#[tokio::test]
async fn a_publisher_that_comes_back_is_sent_on_over_the_same_connection() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_000));
    rig.live(0).await;
    rig.arrived(&target, 0, HEADERS + frames(&tracks(), 1_000, 2_000).len()).await;
    drop(publisher);
    let before = target.visits()[0].media.len();
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_000));
    let tags = rig.arrived(&target, 0, before + frames(&tracks(), 0, 2_000).len()).await;
    assert!(is_monotonic(&tags), "time runs back");
    assert_eq!(target.visits().len(), 1);
    assert_eq!(rig.destination(0).line.state, State::Live);
}

#[tokio::test]
async fn switching_off_says_goodbye_and_a_new_name_interrupts_nothing() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&[target.url()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    rig.live(0).await;
    let mut config = rig.engine.config();
    config.destinations[0].name = "Renamed".into();
    rig.engine.apply(config.clone()).await.unwrap();
    rig.until_destination(0, "renamed", |status| status.name == "Renamed").await;
    assert_eq!((rig.destination(0).line.state, target.visits().len()), (State::Live, 1));
    config.destinations[0].enabled = false;
    rig.engine.apply(config.clone()).await.unwrap();
    rig.until_destination(0, "off", |status| status.line.state == State::Off).await;
    until(&rig.engine, "the goodbye", || target.visits()[0].goodbye.then_some(())).await;
    config.destinations.clear();
    rig.engine.apply(config).await.unwrap();
    assert!(rig.engine.destinations().status().is_empty());
}

#[tokio::test]
async fn an_address_that_cannot_work_stops_it_until_it_is_corrected() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::sending_to(&["rtmp://127.0.0.1".to_owned()]).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.until_destination(0, "stopped", |status| matches!(status.line.state, State::Stopped { .. })).await;
    assert_eq!(status.line.last_error().unwrap().failure.code, FailureCode::InvalidUrl);
    let mut config = rig.engine.config();
    config.destinations[0].url = target.url();
    rig.engine.apply(config).await.unwrap();
    rig.live(0).await;
}
