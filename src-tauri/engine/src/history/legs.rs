//! What each destination was like: bytes that arrived there, how far it lagged, and what it left out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::series::{Numbers, Points, Series};
use crate::destination::{Destinations, Line, State, Status};
use crate::problem::now_millis;
use crate::supervise::{End, Supervisor};

/// How often the numbers are taken.
const EVERY: Duration = Duration::from_secs(1);

/// The numbers of a destination at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LegSample {
    /// Bits a second that the server acknowledged.
    pub bitrate: f64,
    /// How far it is behind the publisher, seconds.
    pub behind: f64,
    /// Round-trip time to the server, milliseconds; 0 where the system does not tell.
    pub rtt: f64,
    /// Frames left out since the moment before.
    pub skipped: f64,
}

impl Numbers for LegSample {
    fn add(&mut self, other: Self) {
        self.bitrate += other.bitrate;
        self.behind = self.behind.max(other.behind);
        self.rtt = self.rtt.max(other.rtt);
        self.skipped += other.skipped;
    }

    /// The mean of the rate; of the others the worst, and the sum of what was left out.
    fn divided(mut self, by: f64) -> Self {
        self.bitrate /= by;
        self
    }
}

/// One look at the past of a destination.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LegView {
    /// The last ten minutes in which it ran, one point a second.
    pub recent: Points<LegSample>,
    /// Since it began to send what it sends, with a step that grows with it.
    pub session: Points<LegSample>,
    /// When that was, milliseconds since 1970.
    pub began: Option<u64>,
}

/// The past of all destinations, by identity.
#[derive(Debug, Default)]
pub(super) struct Legs(HashMap<String, Past>);

#[derive(Debug, Default)]
struct Past {
    series: Series<LegSample>,
    /// Frames left out when it was looked at last; `None` while it does not run.
    skipped: Option<u64>,
}

impl Legs {
    pub(super) fn view(&self, id: &str, since: u64) -> LegView {
        let look = |Past { series, .. }: &Past| LegView {
            recent: series.recent(since),
            session: series.session(since),
            began: series.began(),
        };
        self.0.get(id).map(look).unwrap_or_default()
    }

    /// Looks at every destination, and forgets those that are no more.
    fn look(&mut self, at: u64, all: &[Status]) {
        self.0.retain(|id, _| all.iter().any(|leg| leg.id == *id));
        for leg in all {
            let line = &leg.line;
            if runs(&line.state) {
                self.0.entry(leg.id.clone()).or_default().look(at, line);
            } else if let Some(past) = self.0.get_mut(&leg.id) {
                past.skipped = None;
            }
        }
    }
}

impl Past {
    fn look(&mut self, at: u64, line: &Line) {
        let before = self.skipped.replace(line.frames_skipped);
        if before.is_none() {
            self.series.begin_session();
        }
        self.series.push(
            at,
            LegSample {
                bitrate: line.bitrate_bps as f64,
                behind: line.behind_seconds,
                rtt: line.rtt_ms.unwrap_or_default(),
                skipped: line.frames_skipped.saturating_sub(before.unwrap_or(line.frames_skipped)) as f64,
            },
        );
    }
}

/// Whether it sends, or tries to: an outage is part of the line, a rest is not.
const fn runs(state: &State) -> bool {
    matches!(state, State::Connecting { .. } | State::Live | State::Behind { .. } | State::Retrying { .. })
}

pub(super) async fn run(supervisor: Supervisor, legs: Arc<Mutex<Legs>>, destinations: Destinations) -> End {
    let mut second = tokio::time::interval(EVERY);
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let stopping = supervisor.stopping();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return End::Stopped,
            _ = second.tick() => {
                let all = destinations.status();
                legs.lock().unwrap_or_else(PoisonError::into_inner).look(now_millis(), &all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{Failure, FailureCode, Selection, StartRule};

    fn leg(state: State, bitrate_bps: u64, frames_skipped: u64) -> Status {
        let line = Line {
            state,
            since: 0,
            connected_seconds: 0,
            bytes_sent: 0,
            bytes_acknowledged: 0,
            bitrate_bps,
            rtt_ms: Some(20.0),
            frames_sent: 0,
            frames_skipped,
            frames_missed: 0,
            behind_seconds: 0.5,
            reconnects: 0,
            errors: Vec::new(),
        };
        Status {
            id: "a".to_owned(),
            name: String::new(),
            preset: None,
            url: String::new(),
            key_set: false,
            backup: None,
            streams: Selection::default(),
            start: StartRule::default(),
            enabled: true,
            trusted_certificate: None,
            path: None,
            chosen: None,
            also_waiting: Vec::new(),
            warnings: Vec::new(),
            line,
        }
    }

    #[test]
    fn an_outage_is_part_of_a_session_and_a_rest_begins_another() {
        let mut legs = Legs::default();
        let retrying =
            || State::Retrying { in_seconds: 1.0, reason: Failure::new(FailureCode::ClosedByPeer, "gone", "") };
        for second in 0..20 {
            legs.look(second * 1000, &[leg(State::Live, 1000, 100)]);
        }
        for second in 20..30 {
            legs.look(second * 1000, &[leg(retrying(), 0, 100)]);
        }
        legs.look(30_000, &[leg(State::Live, 1000, 107)]);
        let view = legs.view("a", 0);
        assert_eq!(view.recent.times.len(), 31);
        let skipped: f64 = view.recent.samples.iter().map(|sample| sample.skipped).sum();
        assert!((skipped - 7.0).abs() < f64::EPSILON, "what was left out before is not told again: {skipped}");
        assert_eq!((view.session.times.len(), view.began), (6, Some(0)));
        assert_eq!(legs.view("a", 25_000).recent.times.len(), 6);

        legs.look(31_000, &[leg(State::Off, 0, 107)]);
        legs.look(32_000, &[leg(State::Live, 1000, 107)]);
        let view = legs.view("a", 0);
        assert_eq!((view.recent.times.len(), view.session.times.len(), view.began), (32, 0, Some(32_000)));

        legs.look(33_000, &[]);
        assert_eq!(legs.view("a", 0), LegView::default());
    }
}
