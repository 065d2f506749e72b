//! What became of calls, kept for people to look at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::lifecycle::Kind;

/// Results kept of each hook.
const KEPT: usize = 20;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As it should: exit code 0, or an answer of 2xx.
    Ok {
        /// The end of what a program said.
        output: String,
    },
    /// Otherwise; one sentence.
    Failed {
        /// What went wrong.
        error: String,
        /// The end of what a program said.
        output: String,
    },
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallResult {
    /// When it began, milliseconds since 1970.
    pub at: u64,
    /// The event it was for.
    pub event: Kind,
    /// The stream it was about.
    pub stream: Option<String>,
    /// Whether it was a sample.
    pub sample: bool,
    /// Whether it ended as it should.
    pub ok: bool,
    /// What went wrong, one sentence.
    pub error: Option<String>,
    /// The end of what a script said on both outputs; empty for a webhook.
    pub output: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// How often it was tried.
    pub tries: u32,
}

/// What is known of one hook beside its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Calls that ended as they should.
    pub succeeded: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Calls that were left out because too many waited.
    pub left_out: u64,
    /// The last calls, the newest first.
    pub results: Vec<CallResult>,
}

/// The results of every hook.
#[derive(Debug, Default)]
pub(super) struct Results(Mutex<HashMap<String, Known>>);

#[derive(Debug, Default)]
struct Known {
    succeeded: u64,
    failed: u64,
    left_out: u64,
    results: VecDeque<CallResult>,
}

impl Results {
    pub(super) fn keep(&self, hook: &str, result: CallResult) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(hook.to_owned()).or_default();
        match result.ok {
            true => known.succeeded += 1,
            false => known.failed += 1,
        }
        known.results.push_front(result);
        known.results.truncate(KEPT);
    }

    pub(super) fn left_out(&self, hook: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(hook.to_owned()).or_default().left_out += 1;
    }

    pub(super) fn of(&self, hook: &str) -> Report {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(hook).map_or_else(Report::default, |known| Report {
            succeeded: known.succeeded,
            failed: known.failed,
            left_out: known.left_out,
            results: known.results.iter().cloned().collect(),
        })
    }

    /// Forgets hooks that are gone.
    pub(super) fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|hook, _| is_there(hook));
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
