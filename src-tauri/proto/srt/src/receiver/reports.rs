//! When each loss is reported again ("Periodic NAK"). The reference implementation reports all at once by a clock of its own;
//! counting from each loss brings the next report as soon as the answer to the one before is overdue, which makes one more
//! try before the deadline.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::ranges::RangeSet;

/// Losses found within this time are reported together.
const TOGETHER: Duration = Duration::from_millis(5);
/// Most groups of losses. Protects memory; what is found beyond joins the newest group.
const MAX_GROUPS: usize = 64;

/// Losses that were found at about the same time.
#[derive(Debug)]
struct Group {
    positions: Range<i64>,
    /// When they were last reported.
    reported: Instant,
}

/// All losses, by the time of their next report.
#[derive(Debug, Default)]
pub(super) struct Reports(VecDeque<Group>);

impl Reports {
    /// Notes losses that have just been reported for the first time; they are newer than all noted before.
    pub(super) fn found(&mut self, now: Instant, positions: Range<i64>) {
        let full = self.0.len() >= MAX_GROUPS;
        if let Some(last) = self.0.back_mut()
            && (full || now.saturating_duration_since(last.reported) < TOGETHER)
        {
            last.positions.end = positions.end;
        } else {
            self.0.push_back(Group { positions, reported: now });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next report is due.
    pub(super) fn deadline(&self, interval: Duration) -> Option<Instant> {
        self.0.iter().map(|group| group.reported + interval).min()
    }

    /// What is to be reported now, of what is still missing.
    pub(super) fn take(&mut self, now: Instant, interval: Duration, losses: &RangeSet) -> Vec<Range<i64>> {
        let mut out = Vec::new();
        if self.deadline(interval).is_none_or(|due| due > now) {
            return out;
        }
        self.0.retain_mut(|group| {
            if group.reported + interval > now + TOGETHER {
                return true;
            }
            let before = out.len();
            out.extend(losses.within(group.positions.clone()));
            group.reported = now;
            out.len() > before
        });
        out
    }
}
