//! What a destination can be told: what it takes, when it starts, a second address, encryption, and what its service wants.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::time::Duration;

use support::target::{Manner, Target};
use support::tls::{self, tls_front};
use support::*;
use weir_engine::destination::{
    BackupUse, Config, FailureCode, Selection, StartRule, State, Status, backup_secret_name, secret_name,
};
use weir_engine::event::Event;
use weir_engine::lifecycle::Kind;
use weir_engine::preset::FindingCode;
use weir_engine::status::ListenerState;
use weir_hub::{Delivery, LagPolicy, Origin, StreamState, SubscribeOptions};
use weir_media::{Codec, Frame, Secret, Track, TrackId, Tracks};
use weir_rtmp::session::server::Rejection;

/// Headers of the two tracks and the metadata come before the frames.
const HEADERS: usize = 3;

impl Rig {
    async fn with(config: Config) -> Self {
        let rig = Self::start(|_| {}).await;
        rig.change(|all| all.push(config)).await;
        rig
    }

    async fn change(&self, change: impl FnOnce(&mut Vec<Config>)) {
        let mut config = self.engine.config();
        change(&mut config.destinations);
        self.engine.apply(config).await.unwrap();
    }

    fn status(&self) -> Status {
        self.engine.destinations().status().swap_remove(0)
    }

    async fn until_status(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        let mut last = None;
        until(&self.engine, &format!("{what}, last {:?}", self.status().line), || {
            last = Some(self.status()).filter(|status| is(status));
            last.clone()
        })
        .await
    }

    async fn arrived(&self, target: &Target, visit: usize, count: usize) -> Vec<Tag> {
        let enough = || target.visits().get(visit).filter(|visit| visit.media.len() >= count).map(|visit| visit.tags());
        until(&self.engine, "media at the target", enough).await
    }
}

fn is_live(status: &Status) -> bool {
    status.line.state == State::Live
}

#[tokio::test]
async fn a_codec_that_the_service_does_not_take_is_said_before_anything_is_sent() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::with(Config { preset: Some("kick".into()), ..Config::new("a", target.url()) }).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H265)).with(audio_track())).unwrap();
    let status = rig.until_status("stopped", |status| matches!(status.line.state, State::Stopped { .. })).await;
    let State::Stopped { reason } = status.line.state else { unreachable!() };
    assert_eq!(reason.code, FailureCode::CodecRefused);
    assert_eq!(reason.message, "Kick takes H.264 only; your stream is HEVC.");
    assert!(target.visits().is_empty(), "it connected all the same");
    // The encoder is set right.
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_000));
    rig.until_status("live", is_live).await;
    // And set wrong again while it is live.
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H265)).with(audio_track())).unwrap();
    rig.until_status("stopped again", |status| matches!(status.line.state, State::Stopped { .. })).await;
    until(&rig.engine, "the goodbye", || target.visits()[0].goodbye.then_some(())).await;
}

#[tokio::test]
async fn what_a_service_will_not_like_is_a_warning_and_sent_all_the_same() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::with(Config { preset: Some("youtube".into()), ..Config::new("a", target.url()) }).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&video_tracks()).unwrap();
    write(&mut publisher, &frames(&video_tracks(), 0, 2_000));
    rig.until_status("live", is_live).await;
    let status = rig.until_status("a warning", |status| !status.warnings.is_empty()).await;
    assert_eq!(status.warnings[0].code, FindingCode::AudioMissing);
    assert!(status.warnings[0].message.starts_with("YouTube wants a stream with sound"), "{status:?}");
}

#[tokio::test]
async fn both_addresses_get_every_frame_with_the_same_times() {
    let (first, second) = (Target::start(|_| Manner::Take).await, Target::start(|_| Manner::Take).await);
    let config = Config { backup_url: Some(second.url()), backup: BackupUse::Both, ..Config::new("a", first.url()) };
    let rig = Rig::with(config).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let both_live = |status: &Status| {
        let second = status.backup.as_ref().and_then(|backup| backup.line.as_ref());
        is_live(status) && second.is_some_and(|line| line.state == State::Live)
    };
    rig.until_status("both live", both_live).await;
    let sent = frames(&tracks(), 0, 4_000);
    write(&mut publisher, &frames(&tracks(), 1_000, 4_000));
    let one = rig.arrived(&first, 0, sent.len() + HEADERS).await;
    let two = rig.arrived(&second, 0, sent.len() + HEADERS).await;
    let times = |tags: &[Tag]| -> Vec<_> { tags.iter().map(|tag| (tag.kind, tag.millis)).collect() };
    assert_eq!(times(&one), times(&two));
    assert_eq!(rig.status().line.frames_skipped, 0);
}

#[tokio::test]
async fn each_server_gets_what_is_kept_for_its_address_and_both_the_key() {
    let (first, second) = (Target::start(|_| Manner::Take).await, Target::start(|_| Manner::Take).await);
    let url = |target: &Target, end: &str| format!("rtmp://{}/live/x{end}", target.address);
    let mut config = Config::new("a", url(&first, ""));
    (config.backup_url, config.backup) = (Some(url(&second, "/")), BackupUse::Both);
    let rig = Rig::start(|_| {}).await;
    let keep = |name: String, kept: &str| rig.engine.secrets().set(&name, Some(Secret::new(kept.to_owned()))).unwrap();
    keep(secret_name("a"), "auth=one&x=/y\nshow?token=1");
    keep(backup_secret_name("a"), "auth=two\n");
    rig.change(|all| all.push(config)).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    for (target, app) in [(&first, "live/x?auth=one&x=/y"), (&second, "live/x/?auth=two")] {
        rig.arrived(target, 0, HEADERS).await;
        let visit = target.visits().swap_remove(0);
        let address = format!("rtmp://{}/{app}", target.address);
        assert_eq!((visit.app.as_str(), visit.tc_url, visit.name.as_str()), (app, address, "show?token=1"));
    }
    let status = rig.status();
    assert!(status.key_set && status.url == format!("{}?•••", url(&first, "")), "{status:?}");
    let backup = status.backup.unwrap();
    assert!(!backup.key_set && backup.url == format!("{}?•••", url(&second, "/")), "{backup:?}");
}

#[tokio::test]
async fn one_of_both_addresses_that_comes_back_has_the_times_of_the_one_that_stayed() {
    let first = Target::start(|_| Manner::Take).await;
    let second = Target::start(|visit| if visit == 0 { Manner::HangUp(40) } else { Manner::Take }).await;
    let config = Config { backup_url: Some(second.url()), backup: BackupUse::Both, ..Config::new("a", first.url()) };
    let rig = Rig::with(config).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 500));
    rig.until_status("live", is_live).await;
    write(&mut publisher, &frames(&tracks(), 500, 4_500));
    let second_state = |status: &Status| status.backup.clone().and_then(|backup| backup.line).map(|line| line.state);
    rig.until_status("one is broken", |status| matches!(second_state(status), Some(State::Retrying { .. }))).await;
    let sent = frames(&tracks(), 0, 6_500);
    write(&mut publisher, &frames(&tracks(), 4_500, 6_500));
    rig.engine.destinations().retry("a");
    let stayed = ingest(&rig.arrived(&first, 0, sent.len() + HEADERS).await).1;
    let back = ingest(&rig.arrived(&second, 1, HEADERS + 20).await).1;
    assert!(back[0].is_key() && back[0].dts.as_millis() >= 4_000, "{:?}", back[0]);
    for frame in &back {
        let same = |other: &&Frame| (other.track, &other.data) == (frame.track, &frame.data);
        assert_eq!(stayed.iter().find(same).map(|other| other.dts), Some(frame.dts), "{frame:?}");
    }
    assert_eq!((first.visits().len(), rig.status().line.frames_missed), (1, 0), "the other one was disturbed");
}

/// Whoever listens must not take the second address's trouble for the destination's.
#[tokio::test]
async fn a_second_address_that_fails_is_told_as_such_beside_a_first_one_that_is_live() {
    let first = Target::start(|_| Manner::Take).await;
    let second = Target::start(|_| Manner::Refuse(Rejection::Denied, "not you")).await;
    let config = Config { backup_url: Some(second.url()), backup: BackupUse::Both, ..Config::new("a", first.url()) };
    let rig = Rig::start(|_| {}).await;
    let (mut events, mut life) = (rig.engine.context().events.listen(), rig.engine.context().life.listen());
    rig.change(|all| all.push(config)).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let second_of = |status: &Status| status.backup.clone().and_then(|backup| backup.line).map(|line| line.state);
    let is_stopped = |status: &Status| matches!(second_of(status), Some(State::Stopped { .. }));
    rig.until_status("one live, one stopped", |status| is_live(status) && is_stopped(status)).await;
    let mut told = Vec::new();
    until(&rig.engine, "what is told of it", || {
        while let Ok(event) = events.try_recv() {
            if let Event::Destination { destination } = event {
                told.push(*destination);
            }
        }
        told.last().filter(|last| is_live(last) && is_stopped(last)).map(|_| ())
    })
    .await;
    let fails = |status: &Status| matches!(status.line.state, State::Stopped { .. } | State::Retrying { .. });
    assert!(!told.iter().any(fails), "{told:?}");
    let mut hooks = Vec::new();
    until(&rig.engine, "what hooks are told of it", || {
        while let Ok(event) = life.try_recv() {
            if event.kind() == Kind::DestinationState {
                let data = event.what.data(None);
                hooks.push((data["state"].as_str().unwrap().to_owned(), data.get("backup") == Some(&true.into())));
            }
        }
        let has = |state: &str, second| hooks.contains(&(state.to_owned(), second));
        (has("live", false) && has("stopped", true)).then_some(())
    })
    .await;
    assert!(!hooks.contains(&("stopped".to_owned(), false)), "{hooks:?}");
    let problems = rig.engine.context().problems.list();
    assert!(problems.iter().any(|it| it.message.starts_with("The second address of a has stopped.")), "{problems:?}");
}

#[tokio::test]
async fn the_second_address_takes_over_when_the_first_hangs_up() {
    let first = Target::start(|visit| if visit == 0 { Manner::HangUp(20) } else { Manner::Silent }).await;
    let second = Target::start(|_| Manner::Take).await;
    let rig = Rig::with(Config { backup_url: Some(second.url()), ..Config::new("a", first.url()) }).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 2_500));
    let status = rig
        .until_status("taken over", |status| {
            is_live(status) && status.backup.as_ref().is_some_and(|backup| backup.in_use)
        })
        .await;
    assert_eq!(status.line.reconnects, 1);
    let tags = rig.arrived(&second, 0, HEADERS + 1).await;
    let (_, arrived) = ingest(&tags);
    assert!(arrived[0].is_key() && arrived[0].dts.as_millis() == 0);
}

#[tokio::test]
async fn one_that_is_always_connected_carries_stream_after_stream_on_one_connection() {
    let target = Target::start(|_| Manner::Take).await;
    let rig = Rig::start(|config| config.streams.grace_seconds = Duration::from_millis(300).into()).await;
    rig.change(|all| all.push(Config { start: StartRule::Always, ..Config::new("a", target.url()) })).await;
    let waiting = |status: &Status| status.line.state == State::WaitingForStream { connected: true };
    rig.until_status("connected without a stream", waiting).await;
    assert_eq!(target.visits().len(), 1);
    let count = frames(&tracks(), 0, 2_000).len() + HEADERS;
    for round in 1..=2 {
        let mut publisher = rig.publish(&format!("live/show{round}"));
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 1_000));
        rig.until_status("live", is_live).await;
        write(&mut publisher, &frames(&tracks(), 1_000, 2_000));
        rig.arrived(&target, 0, count * round).await;
        drop(publisher);
        rig.until_status("waiting again", |status| waiting(status) && status.path.is_none()).await;
    }
    let tags = target.visits()[0].tags();
    for kind in [weir_flv::MessageKind::Audio, weir_flv::MessageKind::Video] {
        let times: Vec<u32> = tags.iter().filter(|tag| tag.kind == kind).map(|tag| tag.millis).collect();
        assert!(times.is_sorted(), "time runs back: {times:?}");
    }
    assert_eq!((target.visits().len(), target.visits()[0].goodbye), (1, false));
    // The rule changes: the connection that waits is ended.
    rig.change(|all| all[0].start = StartRule::WhenLive).await;
    until(&rig.engine, "the goodbye", || target.visits()[0].goodbye.then_some(())).await;
}

#[tokio::test]
async fn nothing_is_sent_that_was_not_meant_and_a_choice_by_hand_is_sent_until_it_is_stopped() {
    let target = Target::start(|_| Manner::Take).await;
    let config = Config { streams: Selection::ByHand, start: StartRule::ByHand, ..Config::new("a", target.url()) };
    let rig = Rig::with(config).await;
    let mut publishers = Vec::new();
    for path in ["live/one", "live/two"] {
        let mut publisher = rig.publish(path);
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 1_000));
        publishers.push(publisher);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(rig.status().line.state, State::WaitingForStart);
    assert!(target.visits().is_empty());
    assert!(rig.engine.destinations().start_by_hand("a", Some(stream("live/two"))));
    let status = rig.until_status("live", is_live).await;
    assert_eq!((status.path.as_deref(), status.chosen.as_deref()), (Some("live/two"), Some("live/two")));
    assert!(rig.engine.destinations().stop_by_hand("a"));
    rig.until_status("stopped by hand", |status| status.line.state == State::WaitingForStart).await;
    until(&rig.engine, "the goodbye", || target.visits()[0].goodbye.then_some(())).await;
    assert!(!rig.engine.destinations().start_by_hand("nobody", None));
}

#[tokio::test]
async fn an_encrypted_server_that_nobody_vouches_for_is_refused_until_it_is_trusted() {
    let target = Target::start(|_| Manner::Take).await;
    let (front, _) = tls_front(target.address, tls::HOLDS).await;
    let rig = Rig::with(Config::new("a", format!("rtmps://localhost:{}/app", front.port()))).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.until_status("refused", |status| matches!(status.line.state, State::Stopped { .. })).await;
    let State::Stopped { reason } = status.line.state else { unreachable!() };
    assert_eq!(reason.code, FailureCode::CertificateUntrusted);
    let shown = reason.certificate.unwrap();
    assert!(target.visits().is_empty(), "something was sent before the certificate was believed");
    rig.change(|all| all[0].trusted_certificate = Some("ab".repeat(32).parse().unwrap())).await;
    rig.until_status("another one refused", |status| {
        let State::Stopped { reason } = &status.line.state else { return false };
        reason.message.contains("not the one that was trusted")
    })
    .await;
    rig.change(|all| all[0].trusted_certificate = Some(shown)).await;
    rig.until_status("live", is_live).await;
    let sent = frames(&tracks(), 0, 4_000);
    write(&mut publisher, &frames(&tracks(), 1_000, 4_000));
    let visit = target.visits().len() - 1;
    let tags = rig.arrived(&target, visit, sent.len() + HEADERS).await;
    assert_eq!(essence(&ingest(&tags).1), essence(&sent));
    let status = rig.status();
    assert!(status.line.rtt_ms.is_some() || !cfg!(target_os = "linux"), "{status:?}");
}

/// Also one whose time is over: whoever runs the server may know better.
#[tokio::test]
async fn a_certificate_out_of_date_stops_it_with_words_and_fingerprint_until_it_is_trusted() {
    let target = Target::start(|_| Manner::Take).await;
    let (front, fingerprint) = tls_front(target.address, (2000, 2001)).await;
    let rig = Rig::with(Config::new("a", format!("rtmps://localhost:{}/app", front.port()))).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    write(&mut publisher, &frames(&tracks(), 0, 1_000));
    let status = rig.until_status("refused", |status| matches!(status.line.state, State::Stopped { .. })).await;
    let State::Stopped { reason } = status.line.state else { unreachable!() };
    assert_eq!((reason.code, reason.certificate), (FailureCode::CertificateExpired, Some(fingerprint)));
    assert_eq!(reason.message, "The certificate of localhost is out of date.");
    assert!(reason.hint.contains(&fingerprint.to_string()), "{reason:?}");
    assert!(target.visits().is_empty(), "something was sent before the certificate was believed");
    rig.change(|all| all[0].trusted_certificate = Some(fingerprint)).await;
    rig.until_status("live", is_live).await;
}

/// The same frames with bytes in their pictures that a transport stream leaves as they are: it takes zeros at the end away.
fn for_transport(mut frames: Vec<Frame>) -> Vec<Frame> {
    for frame in frames.iter_mut().filter(|frame| frame.track == TrackId::VIDEO) {
        let (head, body) = frame.data.split_at(5);
        frame.data = head.iter().copied().chain(body.iter().map(|byte| byte | 0x40)).collect::<Vec<_>>().into();
    }
    frames
}

#[tokio::test]
async fn one_that_is_always_connected_over_srt_carries_stream_after_stream_on_one_connection() {
    let far = Rig::start(|config| {
        config.srt.enabled = true;
        config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()];
    })
    .await;
    let ListenerState::Listening { bound } = far.engine.srt().listeners().remove(0).state else {
        panic!("no listener")
    };
    let near = Rig::start(|config| config.streams.grace_seconds = Duration::from_millis(300).into()).await;
    // Everything is sent at once here, and the machine may be busy: nothing shall come too late.
    let url = format!("srt://{}?streamid=publish:live/copy&latency=8000", bound[0]);
    near.change(|all| all.push(Config { start: StartRule::Always, ..Config::new("a", url) })).await;
    let waiting = |status: &Status| status.line.state == State::WaitingForStream { connected: true };
    near.until_status("connected without a stream", waiting).await;
    let publisher = || far.hub().stream(&stream("live/copy")).filter(|stream| stream.state == StreamState::Live);
    until(&far.engine, "a publisher without a stream", publisher).await;
    let options =
        SubscribeOptions { lag: LagPolicy::RECORDING, ..SubscribeOptions::recording(Origin::internal("test")) };
    let mut reader = far.hub().subscribe(&stream("live/copy"), options).unwrap();
    let (mut sent, mut came) = (Vec::new(), Vec::new());
    for round in 1..=2 {
        let mut publisher = near.publish(&format!("live/show{round}"));
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &for_transport(frames(&tracks(), 0, 1_000)));
        near.until_status("live", is_live).await;
        write(&mut publisher, &for_transport(frames(&tracks(), 1_000, 2_000)));
        sent.extend(for_transport(frames(&tracks(), 0, 2_000)));
        drop(publisher);
        near.until_status("waiting again", |status| waiting(status) && status.path.is_none()).await;
        let mut batch = Vec::new();
        until(&far.engine, "every frame there", || {
            reader.try_batch(&mut batch);
            let frames = batch.drain(..).filter_map(|delivery| match delivery {
                Delivery::Frame { frame, .. } if frame.track != TrackId::DATA => Some(frame),
                _ => None,
            });
            came.extend(frames);
            // Where a picture ends, only the next one shows.
            (came.len() + 4 >= sent.len()).then_some(())
        })
        .await;
    }
    for track in [TrackId::VIDEO, TrackId::AUDIO] {
        let of = |frames: &[Frame]| -> Vec<_> { frames.iter().filter(|it| it.track == track).cloned().collect() };
        let (sent, came) = (of(&sent), of(&came));
        assert!(came.iter().map(|frame| frame.dts).is_sorted(), "time runs back");
        // Parameter sets may stand before a picture.
        assert!(came.iter().zip(&sent).all(|(came, sent)| came.data.ends_with(&sent.data)), "{track:?}");
    }
    let stream = publisher().unwrap();
    assert_eq!((stream.resumed, stream.timestamps_repaired), (0, 0), "it came by one connection, in order of time");
    assert_eq!((near.status().line.reconnects, near.status().line.frames_sent), (0, sent.len() as u64));
    // The rule changes: the connection that waits is ended.
    near.change(|all| all[0].start = StartRule::WhenLive).await;
    until(&far.engine, "the goodbye", || publisher().is_none().then_some(())).await;
}
