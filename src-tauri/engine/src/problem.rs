//! What went wrong lately, in words: refused attempts above all, so that nobody has to guess why nothing arrives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::event::{Event, Events};

/// Problems kept; older ones go first, so that a scanner on the port cannot fill the memory.
const KEPT: usize = 100;

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
    /// The other side, if any, as an address without its port.
    pub peer: Option<String>,
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
    /// The other side.
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
}

impl Problems {
    /// An empty list that tells `events` of each problem.
    pub fn new(events: Events) -> Self {
        Self { events, kept: Arc::default() }
    }

    /// Keeps a problem. The same one again (code, path, peer) is counted, not repeated.
    pub fn report(&self, report: Report) {
        let problem = {
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
            if kept.list.len() == KEPT {
                kept.list.pop_front();
            }
            kept.list.push_back(problem.clone());
            problem
        };
        tracing::warn!(code = problem.code, peer = problem.peer, path = problem.path, "{}", problem.message);
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
}
