//! The life of a destination in virtual time, with a carrier that follows a script.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use weir_hub::{HubOptions, Origin, Publisher};
use weir_media::{Codec, Track, TrackId, Tracks};

use super::super::board::Progress;
use super::super::config::Config;
use super::super::failure::FailureCode;
use super::super::state::{State, Step};
use super::*;
use crate::event::Events;

/// Fails as the script says: after so long a connection, with so much time since the beginning noted.
struct Scripted {
    start: Instant,
    attempts: Arc<Mutex<Vec<(u64, String, Address)>>>,
    script: Script,
    /// Whether a connection waits for a stream.
    kept: Arc<AtomicBool>,
    hub: Hub,
    watch: Arc<Mutex<day::Watch>>,
}

type Script = Arc<Mutex<dyn FnMut(usize) -> (Duration, FailureCode) + Send>>;

impl Scripted {
    async fn follow_script(&self, mut attempt: Attempt<'_>) -> Outcome {
        let number = {
            let mut attempts = self.attempts.lock().unwrap();
            attempts.push((self.start.elapsed().as_secs(), attempt.path.to_string(), attempt.address));
            attempts.len()
        };
        let (live, code) = self.script.lock().unwrap_or_else(PoisonError::into_inner)(number);
        self.kept.store(false, Ordering::Relaxed);
        let board = attempt.board;
        board.stands(Standing::Connecting(Step::Dns));
        if !live.is_zero() {
            board.stands(Standing::Live);
        }
        let mut sent = if live.is_zero() { None } else { day::Sent::begin(self, &attempt) };
        let sending = async {
            while !live.is_zero() {
                if let Some(sent) = &mut sent {
                    sent.go_on();
                }
                board.wrote(1000);
                board.progress(Progress::default());
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sending => unreachable!(),
            () = tokio::time::sleep(live) => match code {
                // Stands for a server that asks for a new connection.
                FailureCode::Unreachable => Outcome::Again,
                // Stands for a stream that ends.
                FailureCode::TooSlow => Outcome::StreamEnded,
                _ => Outcome::Failed(Failure::new(code, "m", "h")),
            },
            () = attempt.interrupted() => Outcome::Interrupted,
        }
    }
}

impl Carrier for Scripted {
    async fn carry(&mut self, attempt: Attempt<'_>) -> Outcome {
        self.watch.lock().unwrap().begins();
        let outcome = self.follow_script(attempt).await;
        self.watch.lock().unwrap().ends();
        outcome
    }

    async fn stand_by(&mut self, _order: &Order, _address: Address, board: &Board) -> Failure {
        board.stands(Standing::Live);
        self.kept.store(true, Ordering::Relaxed);
        std::future::pending().await
    }

    async fn release(&mut self, _board: &Board) {
        self.kept.store(false, Ordering::Relaxed);
    }
}

struct Rig {
    hub: Hub,
    attempts: Arc<Mutex<Vec<(u64, String, Address)>>>,
    board: Arc<Board>,
    order: Arc<watch::Sender<Arc<Order>>>,
    network: Network,
    retry: Arc<Notify>,
    stop: CancellationToken,
    kept: Arc<AtomicBool>,
    watch: Arc<Mutex<day::Watch>>,
    life: tokio::task::JoinHandle<End>,
}

fn config(streams: &str, enabled: bool) -> Arc<Order> {
    let streams = streams.to_owned().try_into().unwrap();
    Arc::new(Order::new(Config { streams, enabled, ..Config::new("a", "rtmp://h/app") }))
}

fn rig(streams: &str, script: impl FnMut(usize) -> (Duration, FailureCode) + Send + 'static) -> Rig {
    rig_of(config(streams, true), script)
}

fn rig_of(order: Arc<Order>, script: impl FnMut(usize) -> (Duration, FailureCode) + Send + 'static) -> Rig {
    let hub = Hub::new(HubOptions::default());
    let attempts: Arc<Mutex<Vec<_>>> = Arc::default();
    let (script, kept): (Script, Arc<AtomicBool>) = (Arc::new(Mutex::new(script)), Arc::default());
    let board = Arc::new(Board::new(Arc::clone(&order), Events::default(), Network::default()));
    let (order, network) = (Arc::new(watch::channel(order).0), Network::default());
    let (retry, stop) = (Arc::<Notify>::default(), CancellationToken::new());
    let rig = Rig {
        hub,
        attempts,
        board,
        order,
        network,
        retry,
        stop,
        kept: Arc::clone(&kept),
        watch: Arc::default(),
        life: tokio::spawn(std::future::pending()),
    };
    let start = Instant::now();
    let begin = {
        let (hub, board, order, network) =
            (rig.hub.clone(), Arc::clone(&rig.board), Arc::clone(&rig.order), rig.network.clone());
        let (stop, retry, attempts) = (rig.stop.clone(), Arc::clone(&rig.retry), Arc::clone(&rig.attempts));
        let watch = Arc::clone(&rig.watch);
        move || Life {
            hub: hub.clone(),
            problems: Problems::new(Events::default()),
            board: Arc::clone(&board),
            orders: Orders::new(stop.clone(), order.subscribe(), Arc::clone(&retry)),
            wishes: Arc::clone(&order),
            home: Address::Primary,
            network: network.clone(),
            epoch: Epoch::default(),
            carrier: Scripted {
                start,
                attempts: Arc::clone(&attempts),
                script: Arc::clone(&script),
                kept: Arc::clone(&kept),
                hub: hub.clone(),
                watch: Arc::clone(&watch),
            },
            jitter: || 0.0,
        }
    };
    Rig { life: tokio::spawn(live_on(begin)), ..rig }
}

fn publish(hub: &Hub, path: &str) -> Publisher {
    hub.publish(&StreamPath::parse(path).unwrap(), Origin::internal("test")).unwrap()
}

const REFUSED: (Duration, FailureCode) = (Duration::ZERO, FailureCode::Refused);

impl Rig {
    fn times(&self) -> Vec<u64> {
        self.attempts.lock().unwrap().iter().map(|(at, ..)| *at).collect()
    }
}

/// Fault 15 of the predecessor: it dialled once, at start-up, and never again.
#[tokio::test(start_paused = true)]
async fn a_failed_destination_is_tried_again_with_growing_delays() {
    let rig = rig("*", |_| REFUSED);
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(rig.times(), [0, 2, 6, 14, 30, 62, 122, 182]);
    let status = rig.board.line();
    assert!(matches!(status.state, State::Retrying { in_seconds, .. } if (41.0..=42.0).contains(&in_seconds)));
    assert_eq!(status.last_error().unwrap().failure.code, FailureCode::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_stable_minute_begins_again_at_two_seconds_and_counts_reconnects() {
    let minute = |attempt| if attempt == 4 { (Duration::from_secs(70), FailureCode::ClosedByPeer) } else { REFUSED };
    let rig = rig("*", minute);
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(rig.times(), [0, 2, 6, 14, 86, 90, 98]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_session_at_the_other_end_is_given_time_three_times() {
    let rig = rig("*", |_| (Duration::ZERO, FailureCode::AlreadyPublishing));
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_eq!(rig.times(), [0, 10, 30, 70]);
    assert!(matches!(rig.board.line().state, State::Stopped { .. }));
    // Somebody says: try again.
    rig.retry.notify_waiters();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.times()[4..], [1000]);
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_stream_that_it_takes_and_carries_one_at_a_time() {
    let rig = rig("live/*", |_| (Duration::from_secs(3600), FailureCode::ClosedByPeer));
    let _other = publish(&rig.hub, "other/show");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.board.line().state, State::WaitingForStream { connected: false });
    let _first = publish(&rig.hub, "live/one");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _second = publish(&rig.hub, "live/two");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(*rig.attempts.lock().unwrap(), [(5, "live/one".to_owned(), Address::Primary)]);
    assert_eq!(rig.board.line().state, State::Live);
}

#[tokio::test(start_paused = true)]
async fn trying_now_ends_the_wait_and_switching_off_ends_everything() {
    let rig = rig("*", |_| REFUSED);
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(rig.times(), [0, 2, 6, 14]);
    rig.retry.notify_waiters();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.times(), [0, 2, 6, 14, 15]);
    rig.order.send_replace(config("*", false));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(rig.times().len(), 5);
    assert_eq!(rig.board.line().state, State::Off);
    rig.stop.cancel();
    assert_eq!(rig.life.await.unwrap(), End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_new_connection_is_obeyed_at_once_but_not_in_a_loop() {
    let asks = |attempt| match attempt {
        1 => (Duration::from_secs(30), FailureCode::Unreachable),
        2 | 3 => (Duration::from_secs(1), FailureCode::Unreachable),
        _ => (Duration::from_secs(3600), FailureCode::ClosedByPeer),
    };
    let rig = rig("*", asks);
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.times(), [0, 30, 33, 38]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_not_tried_again_until_the_settings_change() {
    let rig = rig("*", |_| (Duration::ZERO, FailureCode::InvalidUrl));
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(rig.times(), [0]);
    assert!(matches!(rig.board.line().state, State::Stopped { .. }));
    let mut other = Order::clone(&config("*", true));
    other.config.url = "rtmp://other/app".into();
    rig.order.send_replace(Arc::new(other));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.times(), [0, 600]);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_stopped_is_tried_again_with_the_next_stream() {
    let rig = rig("*", |_| (Duration::ZERO, FailureCode::KeyRefused));
    let publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(publisher);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.board.line().state, State::WaitingForStream { connected: false });
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.times(), [0, 120]);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_back_is_used_at_once() {
    let rig = rig("*", |_| (Duration::ZERO, FailureCode::DnsFailed));
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let before = rig.times();
    assert_eq!(before[..4], [0, 1, 2, 4]);
    assert!(before.len() > 40 && before.len() < 60, "{before:?}");
    rig.network.is_back();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.times().last(), Some(&300));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_started_by_hand_waits_for_the_hand_each_time() {
    let mut order = Order::clone(&config("*", true));
    order.config.start = StartRule::ByHand;
    let rig = rig_of(Arc::new(order.clone()), |_| (Duration::from_secs(50), FailureCode::TooSlow));
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![], State::WaitingForStart));
    order.wish.go = Some(true);
    rig.order.send_replace(Arc::new(order));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![30], State::Live));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![30], State::WaitingForStart));
}

/// A stop that outlived its stream would leave the next one without its destination, and nobody would know why.
#[tokio::test(start_paused = true)]
async fn stopped_by_hand_it_rests_until_its_stream_is_over() {
    let rig = rig("live/*", |_| (Duration::from_secs(3600), FailureCode::ClosedByPeer));
    let stop = |path: Option<&str>| {
        rig.order.send_modify(|order| {
            let wish = Wish { go: Some(false), chosen: path.map(|path| StreamPath::parse(path).unwrap()) };
            *order = Arc::new(Order { wish, ..Order::clone(order) });
        });
    };
    let publisher = publish(&rig.hub, "live/show");
    let _other = publish(&rig.hub, "other/show");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![0], State::Live));
    stop(None);
    tokio::time::sleep(Duration::from_secs(95)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![0], State::WaitingForStart));
    drop(publisher);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(rig.board.line().state, State::WaitingForStream { connected: false });
    // Stopped before a stream is there, it lets the next one pass, and only that.
    stop(None);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![0], State::WaitingForStart));
    drop(publisher);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![0, 500], State::Live));
}

/// A leg that is taken for a moment and reset, over and over, is no reason to knock every second for ever.
#[tokio::test(start_paused = true)]
async fn one_that_is_live_for_a_moment_each_time_is_tried_ever_more_seldom() {
    let rig = rig("*", |_| (Duration::from_secs(1), FailureCode::NetworkError));
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let times = rig.times();
    let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0] - 1).collect();
    assert!(times.len() < 100, "{waits:?}");
    assert!(waits.ends_with(&[60; 10]) && waits.contains(&8) && waits.contains(&32), "{waits:?}");
}

/// While it has stopped nobody drives a connection: the server would be left with one that says nothing.
#[tokio::test(start_paused = true)]
async fn one_that_stops_lets_go_of_the_connection_that_waited() {
    let mut order = Order::clone(&config("*", true));
    (order.config.start, order.config.preset) = (StartRule::Always, Some("kick".to_owned()));
    let rig = rig_of(Arc::new(order), |_| (Duration::from_secs(3600), FailureCode::ClosedByPeer));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(rig.kept.load(Ordering::Relaxed));
    let mut publisher = publish(&rig.hub, "live/show");
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H265))).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(matches!(rig.board.line().state, State::Stopped { .. }), "{:?}", rig.board.line());
    assert!(!rig.kept.load(Ordering::Relaxed));
    // With the next stream, and before it, everything is as ever.
    drop(publisher);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(rig.kept.load(Ordering::Relaxed));
}

/// A leg whose task had ended for good would say for ever that it waits.
#[tokio::test(start_paused = true)]
async fn a_bug_is_said_and_the_destination_goes_on() {
    let rig = rig("*", |attempt| {
        assert_ne!(attempt, 1, "a bug, on purpose");
        (Duration::from_secs(3600), FailureCode::ClosedByPeer)
    });
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let line = rig.board.line();
    assert!(matches!(&line.state, State::Retrying { reason, .. } if reason.code == FailureCode::Internal), "{line:?}");
    tokio::time::sleep(AFTER_BUG).await;
    assert_eq!((rig.times(), rig.board.line().state), (vec![0, 30], State::Live));
    rig.stop.cancel();
    assert_eq!(rig.life.await.unwrap(), End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn the_second_address_takes_over() {
    let mut order = Order::clone(&config("*", true));
    order.config.backup_url = Some("rtmp://b/app".into());
    let rig = rig_of(Arc::new(order), |attempt| match attempt {
        1 => (Duration::from_secs(20), FailureCode::NetworkError),
        2 => (Duration::from_secs(100), FailureCode::ClosedByPeer),
        _ => (Duration::from_secs(1000), FailureCode::ClosedByPeer),
    });
    let _publisher = publish(&rig.hub, "live/show");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let status = rig.board.status();
    assert!(status.backup.unwrap().in_use && status.line.state == State::Live);
    tokio::time::sleep(Duration::from_secs(170)).await;
    let used: Vec<_> = rig.attempts.lock().unwrap().iter().map(|(at, _, address)| (*at, *address)).collect();
    assert_eq!(used, [(0, Address::Primary), (20, Address::Backup), (120, Address::Primary)]);
}

mod day;
