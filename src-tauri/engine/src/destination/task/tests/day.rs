//! A day of everything that can go wrong, in virtual time.

use bytes::Bytes;
use weir_flv::MessageKind;
use weir_media::{Frame, FrameKind, Timestamp};

use super::super::super::feed::{Feed, Sink};
use super::super::super::reading::Reading;
use super::*;

/// What is seen of a destination from the other end.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Whether what is sent is looked at.
    reads: bool,
    /// Since when nobody tries.
    idle_since: Option<Instant>,
    /// The longest time between an attempt and the next.
    longest: Duration,
    frames: u64,
    /// Times that ran back on a connection.
    back: Vec<(u32, u32)>,
}

impl Watch {
    pub(super) fn begins(&mut self) {
        self.looks();
        self.idle_since = None;
    }

    pub(super) fn ends(&mut self) {
        self.idle_since = Some(Instant::now());
    }

    /// It need not try now: it has stopped, or there is no stream.
    fn excuses(&mut self) {
        self.idle_since = self.idle_since.map(|_| Instant::now());
    }

    fn looks(&mut self) {
        self.longest = self.longest.max(self.idle_since.map_or(Duration::ZERO, |since| since.elapsed()));
    }
}

/// What goes over one connection.
pub(super) struct Sent {
    reading: Reading,
    feed: Feed,
    wire: Wire,
}

struct Wire {
    watch: Arc<Mutex<Watch>>,
    newest: [u32; 2],
}

impl Sink for Wire {
    fn send(&mut self, kind: MessageKind, millis: u32, _body: &[&[u8]]) {
        let newest = match kind {
            MessageKind::Video => &mut self.newest[0],
            MessageKind::Audio => &mut self.newest[1],
            MessageKind::Data => return,
        };
        let mut watch = self.watch.lock().unwrap();
        watch.frames += 1;
        if millis < *newest {
            watch.back.push((*newest, millis));
        }
        *newest = millis;
    }
}

impl Sent {
    pub(super) fn begin(carrier: &Scripted, attempt: &Attempt<'_>) -> Option<Self> {
        if !carrier.watch.lock().unwrap().reads {
            return None;
        }
        let reading = Reading::of(&carrier.hub, attempt.path, attempt.order, attempt.board, "test")?;
        let wire = Wire { watch: Arc::clone(&carrier.watch), newest: [0; 2] };
        Some(Self { reading, feed: Feed::default(), wire })
    }

    pub(super) fn go_on(&mut self) {
        self.reading.subscriber.try_batch(&mut self.reading.waiting);
        for delivery in self.reading.waiting.drain(..) {
            self.feed.deliver(&delivery, &mut self.wire);
        }
    }
}

/// Numbers that look random and are the same each time (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

const FAULTS: [FailureCode; 15] = [
    FailureCode::DnsFailed,
    FailureCode::Unreachable,
    FailureCode::ConnectionRefused,
    FailureCode::TimedOut,
    FailureCode::NotRtmp,
    FailureCode::TlsFailed,
    FailureCode::Refused,
    FailureCode::ClosedByPeer,
    FailureCode::NetworkError,
    FailureCode::Stalled,
    FailureCode::AlreadyPublishing,
    FailureCode::KeyRefused,
    FailureCode::CertificateExpired,
    FailureCode::CodecRefused,
    FailureCode::AppRefused,
];

/// The longest wait, and the second that a look may be late.
const LONGEST: Duration = Duration::from_secs(61);

fn begin_to_publish(hub: &Hub) -> Option<Publisher> {
    let mut publisher = hub.publish(&StreamPath::parse("live/show").unwrap(), Origin::internal("test")).ok()?;
    let track = |id, codec, config| Track { config: Some(Bytes::from_static(config)), ..Track::new(id, codec) };
    let video = track(TrackId::VIDEO, Codec::H264, b"avcC");
    publisher.set_tracks(&Tracks::default().with(video).with(track(TrackId::AUDIO, Codec::Aac, b"\x12\x10"))).unwrap();
    Some(publisher)
}

/// In two orders, once with a second address: at no moment is a live stream left without an attempt for longer than the longest
/// wait, unless the destination has stopped and says why; whenever the faults end, it is live by itself; and on no connection
/// does time run back, though the encoder's clock jumps.
#[tokio::test(start_paused = true)]
async fn a_day_of_random_faults_leaves_no_destination_stuck() {
    let first = std::env::var("WEIR_TEST_SEED").map_or(1, |seed| seed.parse().expect("a seed is a number"));
    for (seed, second_address) in [(first, false), (first + 1, true)] {
        eprintln!("the same again with WEIR_TEST_SEED={first}");
        let mut dice = Dice(seed);
        let calm = Arc::new(AtomicBool::new(false));
        let calm_there = Arc::clone(&calm);
        let mut order = Order::clone(&config("*", true));
        order.config.backup_url = second_address.then(|| "rtmp://b/app".to_owned());
        let rig = rig_of(Arc::new(order), move |_| {
            if calm_there.load(Ordering::Relaxed) {
                return (Duration::from_secs(100_000), FailureCode::ClosedByPeer);
            }
            let live = match dice.below(3) {
                0 => Duration::ZERO,
                1 => Duration::from_millis(dice.below(5_000)),
                _ => Duration::from_secs(dice.below(300)),
            };
            (live, FAULTS[dice.below(15) as usize])
        });
        let watch = || rig.watch.lock().unwrap();
        watch().reads = true;
        watch().ends();
        let mut publisher = begin_to_publish(&rig.hub);
        let (mut dice, start) = (Dice(seed + 100), Instant::now());
        let (mut stopped, mut attempts, mut clock) = (0_u32, 0, 100_000);
        while start.elapsed() < Duration::from_secs(24 * 3600) {
            tokio::time::sleep(Duration::from_secs(1 + dice.below(20))).await;
            let state = rig.board.line().state;
            if publisher.is_none() || matches!(state, State::Stopped { .. }) {
                watch().excuses();
            }
            watch().looks();
            assert!(watch().longest <= LONGEST, "seed {seed}: {:?} without an attempt, {state:?}", watch().longest);
            match &state {
                State::Retrying { in_seconds, .. } => assert!(*in_seconds <= 60.0, "{in_seconds}"),
                State::Stopped { reason } => {
                    assert!(matches!(reason.code.class(), Class::Stop | Class::Stale), "{reason:?}");
                    stopped += 1;
                    if dice.below(4) == 0 {
                        rig.retry.notify_waiters();
                    }
                }
                _ => {}
            }
            if dice.below(20) == 0 {
                // The encoder's clock jumps, to and fro.
                clock = 80_000 + dice.below(40_000);
            }
            for track in [TrackId::VIDEO, TrackId::AUDIO] {
                let at = Timestamp::from_millis((clock + start.elapsed().as_millis() as u64) as i64);
                let frame = Frame { track, dts: at, pts: at, kind: FrameKind::Key, data: Bytes::from_static(b"data") };
                if let Some(publisher) = &mut publisher {
                    publisher.write(frame).unwrap();
                    publisher.flush();
                }
            }
            match dice.below(200) {
                0 => publisher = None,
                1 => rig.network.is_back(),
                _ if publisher.is_none() => publisher = begin_to_publish(&rig.hub),
                _ => {}
            }
            assert!(!rig.life.is_finished());
            attempts = rig.times().len();
        }
        assert!(attempts > 1_000 && stopped > 10, "seed {seed}: {attempts} attempts, {stopped} times stopped");
        calm.store(true, Ordering::Relaxed);
        let _publisher = publisher.or_else(|| begin_to_publish(&rig.hub));
        // What is running ends by itself in less than five minutes, and the longest wait is one.
        tokio::time::sleep(Duration::from_secs(300 + 61)).await;
        // Nothing but a person brings back one that has stopped; any other one must have come back by itself.
        if matches!(rig.board.line().state, State::Stopped { .. }) {
            rig.retry.notify_waiters();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        assert_eq!(rig.board.line().state, State::Live, "seed {seed}");
        let watched = std::mem::take(&mut *watch());
        assert!(watched.longest > Duration::from_secs(30) && watched.frames > 1_000, "seed {seed}: {watched:?}");
        assert_eq!(watched.back, [], "seed {seed}");
        rig.stop.cancel();
        assert_eq!(rig.life.await.unwrap(), End::Stopped);
    }
}
