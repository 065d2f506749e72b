//! What went wrong lately, in words: refused attempts above all, so that nobody has to guess why nothing arrives.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::event::{Event, Events};
use crate::net::network;
use crate::net::tries::{Patience, Tries};

/// Problems kept; older ones go first, so that a scanner on the port cannot fill the memory.
const KEPT: usize = 100;
/// Problems of one peer that are kept: whoever makes one after the other must not push out what others should read.
const OF_ONE_PEER: usize = 20;
/// Lines of the log and events that one peer, or one kind of problem, may cause one after the other, and after which time one
/// more: a flood must not push out of the log what happened before it. Each problem is counted all the same.
const LINES: Patience = Patience { tries: 20, forgive: Duration::from_secs(10) };

/// Something that went wrong, for people. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Counts all problems since the start, from 1.
    pub id: u64,
    /// When it last happened, milliseconds since 1970.
    pub at: u64,
    /// How often the same thing happened to the same peer (address without port).
    pub count: u64,
    /// A fixed word for programs, such as `publisher_exists`.
    pub code: String,
    /// One sentence: what happened.
    pub message: String,
    /// One sentence: what to do about it; empty when nothing needs to be done.
    pub hint: String,
    /// The stream it is about, if any.
    pub path: Option<String>,
    /// The other side, if any, as an address without its port; or what else it is about, such as a file or a destination.
    pub peer: Option<String>,
}

impl Problem {
    /// The address of the other side, if it is about one.
    pub fn address(&self) -> Option<&str> {
        self.peer.as_deref().filter(|peer| network_of(peer).is_some())
    }
}

/// A problem before it is counted and dated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// A fixed word for programs.
    pub code: &'static str,
    /// One sentence: what happened.
    pub message: String,
    /// One sentence: what to do about it.
    pub hint: String,
    /// The stream it is about.
    pub path: Option<String>,
    /// The other side as an address without its port, or what else it is about.
    pub peer: Option<String>,
}

/// The latest problems. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Problems {
    events: Events,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    last_id: u64,
    list: VecDeque<Problem>,
    lines: Tries<Source>,
}

/// What lines are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// A peer; of IPv6 its network.
    Peer(IpAddr),
    /// A kind of problem that is nobody's in particular.
    Code(&'static str),
}

impl Source {
    fn of(report: &Report) -> Self {
        report.peer.as_deref().and_then(network_of).map_or(Self::Code(report.code), Self::Peer)
    }
}

fn network_of(peer: &str) -> Option<IpAddr> {
    peer.parse().ok().map(network)
}

impl Kept {
    /// Makes room for one more: of a peer that has many the oldest of its own goes, else the oldest of all.
    fn make_room(&mut self, peer: Option<&str>) {
        let network = peer.and_then(network_of);
        let is_of_peer = |known: &Problem| network.is_some() && known.peer.as_deref().and_then(network_of) == network;
        if self.list.iter().filter(|known| is_of_peer(known)).count() >= OF_ONE_PEER {
            let oldest = self.list.iter().position(is_of_peer);
            oldest.map(|at| self.list.remove(at));
        } else if self.list.len() == KEPT {
            self.list.pop_front();
        }
    }

    /// Whether a problem is worth a line now.
    fn is_told(&mut self, source: &Source, now: Instant) -> bool {
        match self.lines.check(source, LINES, now) {
            Some(over) => over.tell,
            None => {
                self.lines.wrong(source, LINES, now);
                true
            }
        }
    }
}

impl Problems {
    /// An empty list that tells `events` of each problem.
    pub fn new(events: Events) -> Self {
        Self { events, kept: Arc::default() }
    }

    /// Keeps a problem and tells of it. The same one again (code, path, peer) is counted, not repeated.
    pub fn report(&self, report: Report) {
        self.report_at(report, Instant::now());
    }

    fn report_at(&self, report: Report, now: Instant) {
        let source = Source::of(&report);
        let (problem, is_told) = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.last_id += 1;
            let same =
                |known: &Problem| known.code == report.code && known.path == report.path && known.peer == report.peer;
            let earlier = kept.list.iter().position(same).and_then(|at| kept.list.remove(at));
            let problem = Problem {
                id: kept.last_id,
                at: now_millis(),
                count: earlier.map_or(1, |earlier| earlier.count + 1),
                code: report.code.to_owned(),
                message: report.message,
                hint: report.hint,
                path: report.path,
                peer: report.peer,
            };
            kept.make_room(problem.peer.as_deref());
            kept.list.push_back(problem.clone());
            (problem, kept.is_told(&source, now))
        };
        if !is_told {
            return;
        }
        // A file is no peer.
        let about = problem.peer.as_deref().filter(|_| problem.address().is_none());
        tracing::warn!(
            code = problem.code,
            peer = problem.address(),
            about,
            path = problem.path,
            "{}",
            problem.message
        );
        self.events.tell(Event::Problem { problem });
    }

    /// All that is kept, the newest last.
    pub fn list(&self) -> Vec<Problem> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).list.iter().cloned().collect()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).list.clear();
    }
}

/// The wall clock in milliseconds since 1970, as every reply uses it.
pub fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(peer: &str) -> Report {
        Report { code: "not_rtmp", message: "m".into(), peer: Some(peer.into()), ..Report::default() }
    }

    #[test]
    fn a_repeated_problem_is_counted_and_the_list_stays_bounded() {
        let problems = Problems::new(Events::default());
        for _ in 0..3 {
            problems.report(report("10.0.0.1"));
        }
        assert_eq!(problems.list().len(), 1);
        assert_eq!(problems.list()[0].count, 3);
        for peer in 0..500 {
            problems.report(report(&peer.to_string()));
        }
        assert_eq!(problems.list().len(), KEPT);
        assert_eq!(problems.list().last().unwrap().peer.as_deref(), Some("499"));
    }

    #[test]
    fn one_peer_pushes_out_neither_the_problems_of_others_nor_their_lines_in_the_log() {
        let events = Events::default();
        let (problems, mut told) = (Problems::new(events.clone()), events.listen());
        let mut lines = |since: Instant, peer: &str, count: usize| {
            for n in 0..count {
                let path = Some(format!("live/{n}"));
                problems.report_at(Report { path, ..report(peer) }, since);
            }
            std::iter::from_fn(|| told.try_recv().ok()).count()
        };
        let start = Instant::now();
        assert_eq!(lines(start, "10.0.0.1", 3), 3);
        // The line beyond those that are borne says that it goes on.
        assert_eq!(lines(start, "2001:db8::1", 1000), LINES.tries as usize + 1);
        assert_eq!(lines(start, "2001:db8::2", 1000), 0, "it has the whole network");
        assert_eq!(lines(start, "10.0.0.1", 3), 3);
        assert_eq!(lines(start + LINES.forgive, "2001:db8::1", 1000), 2);
        let of = |peer: &str| problems.list().iter().filter(|it| it.peer.as_deref().unwrap().starts_with(peer)).count();
        assert_eq!((of("10.0.0.1"), of("2001:db8:")), (3, OF_ONE_PEER));
    }

    #[test]
    fn what_is_nobodys_is_borne_by_its_kind() {
        let events = Events::default();
        let (problems, mut told) = (Problems::new(events.clone()), events.listen());
        let full = || Report { code: "too_many_connections", ..Report::default() };
        let now = Instant::now();
        (0..1000).for_each(|_| problems.report_at(full(), now));
        problems.report_at(Report { code: "settings_invalid", ..Report::default() }, now);
        let told: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        assert_eq!(told.len(), LINES.tries as usize + 2);
        assert_eq!(problems.list()[0].count, 1000);
    }
}
