//! What one client of the event stream is told, in order.
//!
//! Nothing is queued for a client but what is bounded: it pulls, and what it was too slow for becomes one `resync`.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::model::{DestinationStats, Event, Problem, Stats, StreamStats, Topic, rfc3339};
use crate::router::Api;
use crate::{destinations, status, streams};

/// How often the numbers are told.
const STATS_EVERY: Duration = Duration::from_secs(1);
/// Changes within this time are told as one, so that a hundred players who come at once are one reading, not a hundred.
const COLLECT: Duration = Duration::from_millis(100);
/// Problems that wait to be told; more of them at once mean that the client should read the list.
const MAX_WAITING: usize = 32;

/// The events of one client.
#[derive(Debug)]
pub(crate) struct Feed {
    api: Api,
    engine: Receiver<weir_engine::Event>,
    own: Receiver<Topic>,
    /// The number of the newest line of the log; none when there is no log.
    log: Option<watch::Receiver<u64>>,
    stopping: CancellationToken,
    second: Interval,
    /// What is to be told, in order.
    ready: VecDeque<Event>,
    /// What changed and is told at `collect_until`.
    topics: BTreeSet<Topic>,
    collect_until: Instant,
    over: bool,
}

impl Feed {
    /// Begins with a `resync`: what the client read before it listened may be old.
    pub(crate) fn new(api: Api) -> Self {
        let mut second = tokio::time::interval(STATS_EVERY);
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            engine: api.engine.context().events.listen(),
            own: api.changed.subscribe(),
            log: weir_engine::log::current().map(|log| log.lines().last()),
            stopping: api.engine.context().supervisor.stopping().clone(),
            second,
            ready: VecDeque::from([Event::Resync { missed: 0 }]),
            topics: BTreeSet::new(),
            collect_until: Instant::now(),
            over: false,
            api,
        }
    }

    /// The next event; `None` once the engine is shutting down.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                // In this order: the end first, and what happened before the numbers of the second.
                biased;
                () = self.stopping.cancelled() => self.end(),
                event = self.engine.recv() => match event {
                    Ok(event) => self.hear(event),
                    Err(RecvError::Lagged(missed)) => self.resync(missed),
                    Err(RecvError::Closed) => self.end(),
                },
                topic = self.own.recv() => match topic {
                    Ok(topic) => self.change(topic),
                    Err(RecvError::Lagged(missed)) => self.resync(missed),
                    Err(RecvError::Closed) => self.end(),
                },
                () = more_lines(&mut self.log) => self.change(Topic::Log),
                () = tokio::time::sleep_until(self.collect_until), if !self.topics.is_empty() => {
                    let topics = std::mem::take(&mut self.topics).into_iter().collect();
                    self.ready.push_back(Event::Changed { topics });
                }
                _ = self.second.tick() => self.ready.push_back(Event::Stats { stats: stats(&self.api) }),
            }
        }
    }

    fn hear(&mut self, event: weir_engine::Event) {
        use weir_engine::Event as Heard;
        let topic = match event {
            Heard::StreamStarted { .. }
            | Heard::StreamTracks { .. }
            | Heard::StreamWaiting { .. }
            | Heard::StreamEnded { .. }
            | Heard::StreamReaders { .. }
            | Heard::StreamHealth { .. } => Topic::Streams,
            Heard::Recording { .. } => {
                self.change(Topic::Streams);
                Topic::Recordings
            }
            Heard::RecordingsChanged | Heard::RecordingSegment { .. } => Topic::Recordings,
            Heard::RecordingRoom => Topic::Status,
            Heard::RecordingJobs => Topic::RecordingJobs,
            Heard::Destination { .. } => Topic::Destinations,
            Heard::Listener { .. } => {
                // The addresses for an encoder are part of the status.
                self.change(Topic::Status);
                self.change(Topic::Access);
                Topic::Listeners
            }
            Heard::SettingsChanged => {
                for topic in [
                    Topic::Access,
                    Topic::Status,
                    Topic::Listeners,
                    Topic::Destinations,
                    Topic::Recordings,
                    Topic::Hooks,
                ] {
                    self.change(topic);
                }
                Topic::Settings
            }
            Heard::CertificateChanged => Topic::Certificate,
            Heard::Lost { events } => return self.resync(events),
            Heard::Problem { problem } => return self.tell(Problem::from(problem)),
        };
        self.change(topic);
    }

    fn change(&mut self, topic: Topic) {
        if self.topics.is_empty() {
            self.collect_until = Instant::now() + COLLECT;
        }
        self.topics.insert(topic);
    }

    fn tell(&mut self, problem: Problem) {
        if self.ready.len() < MAX_WAITING {
            self.ready.push_back(Event::Problem { problem });
        } else {
            self.change(Topic::Problems);
        }
    }

    fn resync(&mut self, missed: u64) {
        self.topics.clear();
        self.ready.clear();
        self.ready.push_back(Event::Resync { missed });
    }

    fn end(&mut self) {
        self.over = true;
        self.ready.push_back(Event::ShuttingDown);
    }
}

/// Resolves when there are new lines in the log.
async fn more_lines(log: &mut Option<watch::Receiver<u64>>) {
    let gone = match log {
        Some(last) => last.changed().await.is_err(),
        None => return std::future::pending().await,
    };
    if gone {
        *log = None;
    }
}

/// The numbers of this second.
fn stats(api: &Api) -> Stats {
    Stats {
        at: rfc3339(SystemTime::now()),
        totals: status::totals(api),
        streams: streams::all(api).iter().map(StreamStats::from).collect(),
        destinations: destinations::all(api).iter().map(DestinationStats::from).collect(),
    }
}
