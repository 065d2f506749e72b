//! The hub as its users see it, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{advance, timeout};
use weir_hub::{
    Delivery, DuplicatePolicy, EndReason, Event, Hub, HubOptions, Origin, PublishError, Publisher, Role, Start,
    StreamState, SubscribeError, SubscribeOptions, Subscriber,
};
use weir_media::{Codec, Frame, FrameKind, StreamPath, Timestamp, Track, TrackId, Tracks};

fn path() -> StreamPath {
    StreamPath::parse("live/show").unwrap()
}

fn origin() -> Origin {
    Origin::internal("test")
}

fn tracks() -> Tracks {
    let mut video = Track::new(TrackId::VIDEO, Codec::H264);
    video.config = Some(Bytes::from_static(b"avcC"));
    Tracks::default().with(video).with(Track::new(TrackId::AUDIO, Codec::Aac))
}

fn frame(track: TrackId, millis: i64, kind: FrameKind) -> Frame {
    let time = Timestamp::from_millis(millis);
    Frame { track, dts: time, pts: time, kind, data: Bytes::from(millis.to_string()) }
}

fn publish(hub: &Hub) -> Publisher {
    let mut publisher = hub.publish(&path(), origin()).unwrap();
    publisher.set_tracks(&tracks()).unwrap();
    publisher
}

fn write(publisher: &mut Publisher, millis: i64, kind: FrameKind) {
    publisher.write(frame(TrackId::VIDEO, millis, kind)).unwrap();
    publisher.flush();
}

/// One video frame every 40 ms, a key frame every second, real time passing alike.
async fn run(publisher: &mut Publisher, millis: std::ops::Range<i64>) {
    for at in millis.step_by(40) {
        write(publisher, at, if at % 1000 == 0 { FrameKind::Key } else { FrameKind::Delta });
        advance(Duration::from_millis(40)).await;
    }
}

async fn next(subscriber: &mut Subscriber) -> Vec<Delivery> {
    let mut batch = Vec::new();
    timeout(Duration::from_secs(60), subscriber.recv_batch(&mut batch)).await.expect("something is delivered");
    batch
}

fn times(batch: &[Delivery]) -> Vec<i64> {
    let frames = batch.iter().filter_map(|delivery| match delivery {
        Delivery::Frame { frame, .. } => Some(frame.dts.as_millis()),
        _ => None,
    });
    frames.collect()
}

fn drain(subscriber: &mut Subscriber) -> Vec<Delivery> {
    let mut all = Vec::new();
    while subscriber.try_batch(&mut all) && !matches!(all.last(), Some(Delivery::Ended(_))) {}
    all
}

#[tokio::test(start_paused = true)]
async fn a_late_joiner_starts_at_the_newest_key_frame_with_its_tracks() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    run(&mut publisher, 0..2400).await;
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    assert_eq!(player.frames_before(), 2000 / 40);
    let batch = next(&mut player).await;
    assert!(matches!(&batch[0], Delivery::Tracks(told) if *told == tracks()));
    assert_eq!(times(&batch), (2000..2400).step_by(40).collect::<Vec<_>>());
    assert_eq!((player.frames_before(), hub.stream(&path()).unwrap().frames), (2400 / 40, 2400 / 40));
}

#[tokio::test(start_paused = true)]
async fn every_reader_sees_the_same_sequence_numbers() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut early = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    run(&mut publisher, 0..1200).await;
    let mut late = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    let number = |batch: Vec<Delivery>, millis: i64| {
        batch.into_iter().find_map(|delivery| match delivery {
            Delivery::Frame { seq, frame } if frame.dts.as_millis() == millis => Some(seq),
            _ => None,
        })
    };
    let (early, late) = (number(drain(&mut early), 1040), number(drain(&mut late), 1040));
    assert!(early.is_some() && early == late);
}

#[tokio::test(start_paused = true)]
async fn a_player_waits_for_the_publisher_and_is_told_when_none_comes() {
    let hub = Hub::new(HubOptions::default());
    let mut patient = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    assert_eq!(hub.stream(&path()).unwrap().state, StreamState::Waiting);
    let batch = next(&mut patient).await;
    assert!(matches!(batch[..], [Delivery::Ended(EndReason::NotFound)]));
    drop(patient);
    assert!(hub.stream(&path()).is_none());

    let mut lucky = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    advance(Duration::from_secs(9)).await;
    let mut publisher = publish(&hub);
    advance(Duration::from_secs(5)).await;
    write(&mut publisher, 0, FrameKind::Key);
    assert_eq!(times(&next(&mut lucky).await), [0]);
}

#[tokio::test(start_paused = true)]
async fn readers_survive_a_publisher_that_returns_within_the_grace_time() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    run(&mut publisher, 0..2000).await;
    drop(publisher);
    drain(&mut player);
    advance(Duration::from_secs(5)).await;
    assert!(matches!(hub.stream(&path()).unwrap().state, StreamState::Grace { .. }));
    let mut events = hub.events();
    let mut publisher = publish(&hub);
    assert!(matches!(events.try_recv().unwrap(), Event::PublishStarted { resumed: true, .. }));
    write(&mut publisher, 40, FrameKind::Delta);
    write(&mut publisher, 0, FrameKind::Key);
    write(&mut publisher, 40, FrameKind::Delta);
    let batch = drain(&mut player);
    assert!(batch.iter().any(|d| matches!(d, Delivery::Gap { gap } if gap.as_millis() >= 5000)), "{batch:?}");
    let times = times(&batch);
    assert_eq!(times.len(), 2, "the delta before the key frame is no use to anyone: {times:?}");
    assert!((6960..7200).contains(&times[0]), "{times:?}");
    assert_eq!(times[1] - times[0], 40);
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_when_the_grace_time_is_over_and_leaves_nothing_behind() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut events = hub.events();
    write(&mut publisher, 0, FrameKind::Key);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    drop(publisher);
    let batch = next(&mut player).await;
    assert_eq!(times(&batch), [0]);
    assert!(matches!(next(&mut player).await[..], [Delivery::Ended(EndReason::PublisherLeft)]));
    assert!(matches!(next(&mut player).await[..], [Delivery::Ended(EndReason::PublisherLeft)]));
    assert!(hub.streams().is_empty());
    let mut ended = false;
    while let Ok(event) = events.try_recv() {
        ended |= matches!(event, Event::StreamEnded { reason: EndReason::PublisherLeft, .. });
    }
    assert!(ended);
}

#[tokio::test(start_paused = true)]
async fn a_second_publisher_is_refused_unless_the_first_is_stale_or_the_policy_replaces() {
    let hub = Hub::new(HubOptions::default());
    let mut first = publish(&hub);
    write(&mut first, 0, FrameKind::Key);
    assert!(matches!(hub.publish(&path(), origin()), Err(PublishError::AlreadyLive { .. })));
    advance(Duration::from_secs(11)).await;
    let second = hub.publish(&path(), origin()).unwrap();
    assert_eq!(first.closed().await, EndReason::Replaced);
    assert_eq!(first.write(frame(TrackId::VIDEO, 40, FrameKind::Delta)).unwrap_err().0, EndReason::Replaced);
    drop(first);
    assert_eq!(hub.stream(&path()).unwrap().state, StreamState::Live, "the old one leaving does not end the new one");

    hub.set_options(HubOptions { duplicate: DuplicatePolicy::Replace, ..HubOptions::default() });
    let mut second = second;
    let _third = hub.publish(&path(), origin()).unwrap();
    assert_eq!(second.closed().await, EndReason::Replaced);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_goes_to_the_newest_key_frame_and_is_told_what_it_missed() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut slow = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    let mut quick = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    run(&mut publisher, 0..400).await;
    assert_eq!(times(&drain(&mut slow)).len(), 10);
    let mut seen = times(&drain(&mut quick));
    for second in 0..6 {
        run(&mut publisher, 400 + second * 1000..1400 + second * 1000).await;
        seen.extend(times(&drain(&mut quick)));
    }
    let lags = || hub.stream(&path()).unwrap().readers.iter().map(|reader| reader.lag.as_millis()).collect::<Vec<_>>();
    assert_eq!(lags(), [6000, 0], "who does not read is seen to be behind");
    let batch = drain(&mut slow);
    assert_eq!(lags(), [0, 0]);
    let Some(Delivery::Skipped { frames, behind }) = batch.first() else { panic!("{batch:?}") };
    assert_eq!(times(&batch)[0], 6000);
    assert_eq!(*frames as i64, (6000 - 400) / 40);
    assert_eq!(behind.as_millis(), 5600);
    assert_eq!(seen, (0..6400).step_by(40).collect::<Vec<_>>(), "nobody else loses a frame");
    let readers = hub.stream(&path()).unwrap().readers;
    assert_eq!(readers.iter().map(|reader| reader.skipped).collect::<Vec<_>>(), [140, 0]);
}

#[tokio::test(start_paused = true)]
async fn disposable_frames_go_first() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut slow = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    write(&mut publisher, 0, FrameKind::Key);
    drain(&mut slow);
    for at in (40..2440).step_by(40) {
        write(&mut publisher, at, if at % 80 == 0 { FrameKind::Disposable } else { FrameKind::Delta });
        advance(Duration::from_millis(40)).await;
    }
    let batch = drain(&mut slow);
    let late: Vec<_> = times(&batch).into_iter().filter(|at| *at < 800).collect();
    assert!(late.iter().all(|at| at % 80 != 0), "{late:?}");
    assert_eq!(times(&batch).into_iter().filter(|at| at % 80 != 0).count(), 30, "no other frame is missing");
    assert!(matches!(batch.last(), Some(Delivery::Frame { .. } | Delivery::Skipped { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_the_publisher_makes_no_reader_late_that_takes_it() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    write(&mut publisher, 0, FrameKind::Key);
    drain(&mut player);
    // The publisher's network holds 8 s back, then delivers them at once.
    advance(Duration::from_secs(8)).await;
    for at in (40..8000).step_by(40) {
        let kind = if at % 1000 == 0 { FrameKind::Key } else { FrameKind::Disposable };
        write(&mut publisher, at, kind);
    }
    advance(Duration::from_millis(100)).await;
    let batch = drain(&mut player);
    assert_eq!(times(&batch), (40..8000).step_by(40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_never_skipped_within_the_ring() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut recording = hub.subscribe(&path(), SubscribeOptions::recording(origin())).unwrap();
    run(&mut publisher, 0..9000).await;
    let batch = drain(&mut recording);
    assert_eq!(times(&batch), (0..9000).step_by(40).collect::<Vec<_>>());
    assert!(!batch.iter().any(|delivery| matches!(delivery, Delivery::Skipped { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_reader_overtaken_by_the_ring_itself_is_told_so() {
    let hub = Hub::new(HubOptions { ring_duration: Duration::from_secs(2), ..HubOptions::default() });
    let mut publisher = publish(&hub);
    let mut recording = hub.subscribe(&path(), SubscribeOptions::recording(origin())).unwrap();
    run(&mut publisher, 0..400).await;
    drain(&mut recording);
    run(&mut publisher, 400..8400).await;
    let batch = drain(&mut recording);
    assert!(matches!(batch[0], Delivery::Skipped { frames: 190, .. }), "{:?}", batch[0]);
    assert_eq!(times(&batch)[0], 8000);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_asks_for_the_next_key_frame_gets_that_one() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    run(&mut publisher, 0..1400).await;
    let options = SubscribeOptions { start: Start::NextKey, ..SubscribeOptions::player(origin()) };
    let mut reader = hub.subscribe(&path(), options).unwrap();
    run(&mut publisher, 1400..1800).await;
    assert!(drain(&mut reader).is_empty());
    run(&mut publisher, 1800..2200).await;
    assert_eq!(times(&drain(&mut reader))[0], 2000);
}

#[tokio::test(start_paused = true)]
async fn audio_alone_is_delivered_at_once() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = hub.publish(&path(), origin()).unwrap();
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::AUDIO, Codec::Mp3))).unwrap();
    for at in 0..100 {
        publisher.write(frame(TrackId::AUDIO, at * 24, FrameKind::Key)).unwrap();
    }
    publisher.flush();
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    assert_eq!(times(&drain(&mut player)), [99 * 24]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_configuration_comes_before_its_frames() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    write(&mut publisher, 0, FrameKind::Key);
    publisher.set_tracks(&tracks()).unwrap();
    let mut changed = Track::new(TrackId::VIDEO, Codec::H264);
    changed.config = Some(Bytes::from_static(b"avcC 2"));
    changed.revision = 1;
    let changed = tracks().with(changed);
    publisher.set_tracks(&changed).unwrap();
    write(&mut publisher, 40, FrameKind::Key);
    let batch = drain(&mut player);
    let shape: Vec<_> = batch
        .iter()
        .map(|delivery| match delivery {
            Delivery::Tracks(told) if *told == changed => "new tracks",
            Delivery::Tracks(_) => "tracks",
            Delivery::Frame { .. } => "frame",
            _ => "other",
        })
        .collect();
    assert_eq!(shape, ["tracks", "frame", "new tracks", "frame"]);
}

#[tokio::test(start_paused = true)]
async fn kicking_ends_exactly_the_one_that_was_meant() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut one = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    let mut two = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    write(&mut publisher, 0, FrameKind::Key);
    assert!(hub.kick_reader(one.id()));
    assert!(matches!(next(&mut one).await[..], [Delivery::Ended(EndReason::Kicked)]));
    assert_eq!(times(&next(&mut two).await), [0]);
    assert!(hub.kick_publisher(&path()));
    assert_eq!(publisher.closed().await, EndReason::Kicked);
}

#[tokio::test(start_paused = true)]
async fn closing_the_hub_ends_everybody_and_lets_nobody_in() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    write(&mut publisher, 0, FrameKind::Key);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    let mut waiting =
        hub.subscribe(&StreamPath::parse("live/other").unwrap(), SubscribeOptions::recording(origin())).unwrap();
    hub.close();
    assert!(matches!(next(&mut player).await[..], [Delivery::Ended(EndReason::Shutdown)]));
    assert!(matches!(next(&mut waiting).await[..], [Delivery::Ended(EndReason::Shutdown)]));
    assert_eq!(publisher.closed().await, EndReason::Shutdown);
    assert_eq!(hub.publish(&path(), origin()).unwrap_err(), PublishError::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn strangers_cannot_make_streams_without_end() {
    let hub = Hub::new(HubOptions { max_streams: 3, ..HubOptions::default() });
    let paths: Vec<_> = (0..4).map(|n| StreamPath::parse(&format!("live/{n}")).unwrap()).collect();
    let readers: Vec<_> = paths.iter().map(|path| hub.subscribe(path, SubscribeOptions::player(origin()))).collect();
    assert!(readers[3].is_err() && readers[..3].iter().all(Result::is_ok));
    drop(readers);
    assert!(hub.streams().is_empty());
    assert!(hub.publish(&paths[3], origin()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_streams_takes_no_publishers_place_and_publishers_have_a_bound_of_their_own() {
    let hub = Hub::new(HubOptions { max_streams: 3, ..HubOptions::default() });
    let path = |name: &str| StreamPath::parse(name).unwrap();
    let wait = |name: &str| hub.subscribe(&path(name), SubscribeOptions::player(origin()));
    let _waiting: Vec<_> = (0..3).map(|n| wait(&format!("no/{n}")).unwrap()).collect();
    assert_eq!(wait("no/3").unwrap_err(), SubscribeError::TooManyStreams(3));
    assert!(hub.subscribe(&path("no/3"), SubscribeOptions::recording(origin())).is_ok(), "our own work is no stranger");
    let _live: Vec<_> = (0..3).map(|n| hub.publish(&path(&format!("live/{n}")), origin()).unwrap()).collect();
    // Not even a stream that is waited for goes beyond it; one that is there is read and resumed as ever.
    for name in ["live/3", "no/0"] {
        assert_eq!(hub.publish(&path(name), origin()).unwrap_err(), PublishError::TooManyStreams(3), "{name}");
    }
    assert!(wait("live/0").is_ok() && wait("no/0").is_ok());
    let PublishError::AlreadyLive { .. } = hub.publish(&path("live/0"), origin()).unwrap_err() else {
        panic!("it is there")
    };
}

#[tokio::test(start_paused = true)]
async fn where_nobody_may_watch_who_asks_leaves_nothing_behind() {
    let hub = Hub::new(HubOptions { max_streams: 3, max_players: 0, ..HubOptions::default() });
    for n in 0..10 {
        let path = StreamPath::parse(&format!("live/{n}")).unwrap();
        let refused = hub.subscribe(&path, SubscribeOptions::player(origin()));
        assert_eq!(refused.unwrap_err(), SubscribeError::TooManyPlayers(0));
    }
    assert!(hub.streams().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_tells_what_really_flowed() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let options = SubscribeOptions { role: Role::Preview, ..SubscribeOptions::player(origin()) };
    let player = hub.subscribe(&path(), options).unwrap();
    player.count_sent(77);
    run(&mut publisher, 0..6000).await;
    let stream = hub.stream(&path()).unwrap();
    assert_eq!(stream.state, StreamState::Live);
    assert_eq!(stream.key_frame_interval, Some(Duration::from_secs(1)));
    assert_eq!(stream.tracks[0].frames, 150);
    assert!((stream.tracks[0].frame_rate - 25.0).abs() < 0.1);
    assert!(stream.bitrate > 0 && stream.bytes > 0);
    assert_eq!((stream.readers[0].role, stream.readers[0].bytes_sent), (Role::Preview, 77));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_loses_nothing() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut player = hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap();
    let mut seen = Vec::new();
    for at in (0..4000).step_by(40) {
        let mut batch = Vec::new();
        let cancelled = timeout(Duration::from_millis(1), player.recv_batch(&mut batch)).await;
        assert!(cancelled.is_err() && batch.is_empty());
        write(&mut publisher, at, if at % 1000 == 0 { FrameKind::Key } else { FrameKind::Delta });
        seen.extend(times(&next(&mut player).await));
    }
    assert_eq!(seen, (0..4000).step_by(40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn many_take_part_in_what_one_has_read() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    write(&mut publisher, 0, FrameKind::Key);
    let mut players: Vec<Subscriber> =
        (0..3).map(|_| hub.subscribe(&path(), SubscribeOptions::player(origin())).unwrap()).collect();
    assert!(players[0].lead().is_none(), "it has not begun");
    for player in &mut players[..2] {
        drain(player);
    }
    let mut lead = players[0].lead().unwrap();
    write(&mut publisher, 40, FrameKind::Delta);
    write(&mut publisher, 80, FrameKind::Delta);
    timeout(Duration::from_secs(1), lead.ready()).await.unwrap();
    let mut frames = Vec::new();
    let span = lead.try_frames(&mut frames).unwrap();
    assert_eq!(frames.iter().map(|(_, frame)| frame.dts.as_millis()).collect::<Vec<_>>(), [40, 80]);
    assert!(players[0].follow(span) && players[1].follow(span));
    assert!(!players[0].follow(span), "it has moved on");
    assert!(!players[2].follow(span), "it stands elsewhere");
    assert_eq!(times(&drain(&mut players[2])), [0, 40, 80], "and reads for itself");

    write(&mut publisher, 120, FrameKind::Delta);
    assert_eq!(times(&drain(&mut players[0])), [120], "nothing is told twice");
    let span = lead.try_frames(&mut Vec::new()).unwrap();
    assert!(hub.kick_reader(players[1].id()));
    assert!(!players[1].follow(span), "who is kicked must learn it");

    publisher.set_tracks(&tracks().with(Track::new(TrackId::audio(1), Codec::Opus))).unwrap();
    write(&mut publisher, 160, FrameKind::Key);
    assert!(lead.try_frames(&mut Vec::new()).is_none(), "changed tracks are told to each by itself");
    let seen = drain(&mut players[0]);
    assert!(matches!(seen[0], Delivery::Tracks(_)) && times(&seen) == [160]);
    hub.close();
    timeout(Duration::from_secs(1), lead.ready()).await.unwrap();
}
