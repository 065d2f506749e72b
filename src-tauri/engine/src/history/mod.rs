//! What a stream was like: its numbers for the last ten minutes and for the whole session, what happened to it, and how it
//! is; and the numbers of each destination. Kept in the engine, so that a page opened late shows the same as one that was
//! open all the time.

mod legs;
mod series;
mod story;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_hub::{StreamId, StreamSnapshot};
use weir_media::StreamPath;

use crate::destination::Destinations;
use crate::engine::Context;
use crate::health::{Encoder, Facts, Health, Level, examine};

pub use self::legs::{LegSample, LegView};
use self::series::Series;
pub use self::series::{Points, Sample};
use self::story::Story;
pub use self::story::{Entry, Happening};

/// Streams that are remembered, live ones included: at some 60 kB each a bound of 16 MB.
const MOST_STREAMS: usize = 256;
/// How long the past of a stream that is over is kept: long enough to look up why it ended.
const KEPT_AFTER_END: Duration = Duration::from_secs(30 * 60);
/// Looks for which a finding must last before it is told: a blink is no state.
const SETTLE: u32 = 3;
/// Samples that the usual bitrate is the median of, and how far back the newest of them lies: the drop itself must not
/// count as usual.
const USUAL: usize = 90;
const USUAL_BEFORE: usize = 8;

/// What all streams and destinations were like. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    streams: Arc<Mutex<HashMap<StreamPath, Past>>>,
    legs: Arc<Mutex<legs::Legs>>,
}

/// The past of one stream.
#[derive(Debug, Default)]
struct Past {
    id: Option<StreamId>,
    series: Series,
    story: Story,
    health: Health,
    /// For how many looks each finding has been there.
    settling: HashMap<&'static str, u32>,
    /// Repairs counted at each of the last looks, for "within the last minute".
    repairs: std::collections::VecDeque<u64>,
    /// Looks since it was there last.
    absent: u32,
}

/// One look at the past of a stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// The last ten minutes, one point a second.
    pub recent: Points,
    /// Since the stream began, with a step that grows with it.
    pub session: Points,
    /// When that was, milliseconds since 1970.
    pub began: Option<u64>,
    /// What happened, oldest first.
    pub story: Vec<Entry>,
}

impl Histories {
    /// Watches the streams of `context` until it stops.
    pub fn start(context: &Context) -> Self {
        let histories = Self::default();
        // Listened to before anything can publish, not when the task gets its first turn.
        let heard = (context.hub.events(), context.events.listen());
        context.supervisor.spawn("stream history", watch::run(context.clone(), histories.clone(), heard));
        histories
    }

    /// Watches `destinations` too, until `context` stops.
    pub fn follow(&self, context: &Context, destinations: Destinations) {
        let task = legs::run(context.supervisor.clone(), Arc::clone(&self.legs), destinations);
        context.supervisor.spawn("destination history", task);
    }

    /// The past of a destination, from `since` (milliseconds since 1970) on; empty when it has not run yet.
    pub fn leg(&self, id: &str, since: u64) -> LegView {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner).view(id, since)
    }

    /// The past of a stream, from `since` (milliseconds since 1970) on; `None` when nothing is known of it.
    pub fn of(&self, path: &StreamPath, since: u64) -> Option<View> {
        let all = self.lock();
        let past = all.get(path)?;
        Some(View {
            recent: past.series.recent(since),
            session: past.series.session(since),
            began: past.series.began(),
            story: past.story.since(since),
        })
    }

    /// How a stream is; good when nothing is known of it.
    pub fn health(&self, path: &StreamPath) -> Health {
        self.lock().get(path).map_or_else(Health::default, |past| past.health.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamPath, Past>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happened to `path`.
    fn note(&self, path: &StreamPath, at: u64, happening: Happening) {
        let mut all = self.lock();
        if let Some(past) = admitted(&mut all, path) {
            past.story.note(at, happening);
        }
    }

    /// Looks at every stream; returns those whose health changed.
    fn look(&self, at: u64, streams: &[StreamSnapshot]) -> Vec<(StreamPath, Health)> {
        let mut all = self.lock();
        for past in all.values_mut() {
            past.absent = past.absent.saturating_add(1);
        }
        let mut changed = Vec::new();
        for stream in streams {
            let Some(past) = admitted(&mut all, &stream.path) else { continue };
            past.absent = 0;
            if past.look(at, stream) {
                changed.push((stream.path.clone(), past.health.clone()));
            }
        }
        all.retain(|_, past| Duration::from_secs(past.absent.into()) < KEPT_AFTER_END);
        changed
    }
}

/// The past of `path`, begun when there is room; the one that has been over longest makes room.
fn admitted<'a>(all: &'a mut HashMap<StreamPath, Past>, path: &StreamPath) -> Option<&'a mut Past> {
    if !all.contains_key(path) && all.len() >= MOST_STREAMS {
        let gone = all.iter().filter(|(_, past)| past.absent > 0).max_by_key(|(_, past)| past.absent);
        let gone = gone.map(|(path, _)| path.clone())?;
        all.remove(&gone);
    }
    Some(all.entry(path.clone()).or_default())
}

impl Past {
    /// Takes a sample and judges. Returns whether what people are told changed.
    fn look(&mut self, at: u64, stream: &StreamSnapshot) -> bool {
        if self.id != Some(stream.id) {
            self.id = Some(stream.id);
            self.series.begin_session();
            self.repairs.clear();
        }
        if stream.uptime > Duration::ZERO {
            self.series.push(at, Sample::of(stream));
        }
        if self.repairs.len() > 60 {
            self.repairs.pop_front();
        }
        self.repairs.push_back(stream.timestamps_repaired);
        let before = self.repairs.front().copied().unwrap_or_default();
        let facts = Facts {
            stream,
            repaired_lately: stream.timestamps_repaired.saturating_sub(before),
            usual_bitrate: self.series.usual_bitrate(USUAL, USUAL_BEFORE),
        };
        self.judge(&facts)
    }

    fn judge(&mut self, facts: &Facts<'_>) -> bool {
        let found = examine(facts);
        self.settling.retain(|code, _| found.iter().any(|finding| finding.code == *code));
        let settled: Vec<_> = found
            .into_iter()
            .filter(|finding| {
                let looks = self.settling.entry(finding.code).or_insert(0);
                *looks = looks.saturating_add(1);
                // What has its own patience is told at once.
                *looks >= SETTLE || finding.level == Level::Bad
            })
            .collect();
        let agent = facts.stream.origin.as_ref().and_then(|origin| origin.agent.as_deref());
        let health = Health::new(Encoder::of(agent), settled);
        let codes = |health: &Health| health.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        let changed = codes(&health) != codes(&self.health);
        self.health = health;
        changed
    }
}

#[cfg(test)]
mod tests {
    use weir_hub::{Hub, HubOptions, Origin};
    use weir_media::{Codec, Frame, FrameKind, Timestamp, Track, TrackId, Tracks};

    use super::*;

    fn frame(at: i64, kind: FrameKind) -> Frame {
        let at = Timestamp::from_millis(at);
        Frame { track: TrackId::VIDEO, dts: at, pts: at, kind, data: vec![0; 4000].into() }
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_words_and_their_changes_are_kept() {
        let hub = Hub::new(HubOptions::default());
        let path = StreamPath::parse("live/a").unwrap();
        let histories = Histories::default();
        let mut publisher = hub.publish(&path, Origin::internal("test")).unwrap();
        let track = |id, codec| std::sync::Arc::new(Track::new(id, codec));
        publisher
            .set_tracks(&Tracks::new([track(TrackId::VIDEO, Codec::H264), track(TrackId::AUDIO, Codec::Aac)]))
            .unwrap();
        let mut told = Vec::new();
        for second in 0..40_u64 {
            for frame_number in 0..25 {
                let at = i64::try_from(second).unwrap() * 1000 + frame_number * 40;
                let key = at % 8000 == 0;
                publisher.write(frame(at, if key { FrameKind::Key } else { FrameKind::Delta })).unwrap();
                tokio::time::advance(Duration::from_millis(40)).await;
            }
            told.extend(histories.look(second * 1000, &hub.streams()));
        }
        let view = histories.of(&path, 0).unwrap();
        assert_eq!(view.recent.times.len(), 40);
        assert!((view.recent.samples.last().unwrap().fps - 25.0).abs() < 0.1);
        assert!(view.session.times.len() < view.recent.times.len());
        assert_eq!(histories.of(&path, 35_000).unwrap().recent.times, [35_000, 36_000, 37_000, 38_000, 39_000]);
        let health = histories.health(&path);
        assert_eq!(health.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["key_frames_sparse"]);
        assert_eq!(told.len(), 1, "one change is told once: {told:?}");

        drop(publisher);
        tokio::time::advance(Duration::from_secs(1)).await;
        let changed = histories.look(41_000, &hub.streams());
        assert_eq!(changed[0].1.level, Level::Good);
        for second in 0..KEPT_AFTER_END.as_secs() + 1 {
            histories.look(42_000 + second * 1000, &[]);
        }
        assert!(histories.of(&path, 0).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_streams_leaves_room_for_the_newest() {
        let hub = Hub::new(HubOptions::default());
        let histories = Histories::default();
        for number in 0..MOST_STREAMS + 10 {
            let path = StreamPath::parse(&format!("live/{number}")).unwrap();
            let publisher = hub.publish(&path, Origin::internal("test")).unwrap();
            histories.look(number as u64, &[hub.stream(&path).unwrap()]);
            drop(publisher);
        }
        assert_eq!(histories.lock().len(), MOST_STREAMS);
        let newest = StreamPath::parse(&format!("live/{}", MOST_STREAMS + 9)).unwrap();
        assert!(histories.of(&newest, 0).is_some());
    }
}
