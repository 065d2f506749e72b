//! What happened to a stream, one line each.

use std::collections::VecDeque;

/// Lines kept a stream; the oldest go first.
const KEPT: usize = 200;
/// The same thing again within this time is counted, not repeated, milliseconds: a thousand players are one line.
const TOGETHER: u64 = 5_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// A fixed word for programs, such as `publish_started`.
    pub code: &'static str,
    /// Whom or what it is about: a destination's name, a player's address, a file, a problem's code.
    pub subject: Option<String>,
    /// A sentence where there is more to say.
    pub message: Option<String>,
    /// A fixed word for why, where the sentence is a reason: for who speaks another language.
    pub reason: Option<String>,
}

impl Happening {
    pub(super) const fn new(code: &'static str) -> Self {
        Self { code, subject: None, message: None, reason: None }
    }

    #[must_use]
    pub(super) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    #[must_use]
    pub(super) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    #[must_use]
    pub(super) fn because(self, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self.saying(message) }
    }

    /// Whether many of them at once are one thing to a reader.
    fn gathers(&self) -> bool {
        matches!(self.code, "player_joined" | "player_left" | "timestamps_repaired" | "tracks_changed" | "problem")
    }

    /// Whether it is about a destination.
    fn is_of_destination(&self) -> bool {
        self.code.starts_with("destination_")
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, milliseconds since 1970; the last time where it happened often.
    pub at: u64,
    /// How often.
    pub count: u32,
    /// What.
    pub happening: Happening,
}

#[derive(Debug, Default)]
pub(super) struct Story(VecDeque<Entry>);

impl Story {
    pub(super) fn note(&mut self, at: u64, happening: Happening) {
        if let Some(index) = self.same(at, &happening)
            && let Some(mut known) = self.0.remove(index)
        {
            known.at = at;
            // Tracks become known one after the other: only what they have become is worth a line.
            known.count = if happening.code == "tracks_changed" { 1 } else { known.count.saturating_add(1) };
            known.happening = happening;
            self.0.push_back(known);
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Entry { at, count: 1, happening });
    }

    /// The line that tells this already, to be counted instead of repeated.
    fn same(&self, at: u64, happening: &Happening) -> Option<usize> {
        if happening.is_of_destination() {
            // One that is tried all evening is one line, however long the pauses; until it does something else, or another
            // session begins.
            let ends = |known: &Happening| {
                known.code == "publish_started" || (known.is_of_destination() && known.subject == happening.subject)
            };
            let last = self.0.iter().rposition(|known| ends(&known.happening))?;
            return self.0.get(last).filter(|known| known.happening.code == happening.code).map(|_| last);
        }
        let same = |known: &Entry| {
            known.happening.code == happening.code
                && (happening.code != "problem" || known.happening.subject == happening.subject)
                && at.saturating_sub(known.at) < TOGETHER
        };
        if happening.gathers() { self.0.iter().rposition(same) } else { None }
    }

    pub(super) fn since(&self, since: u64) -> Vec<Entry> {
        self.0.iter().filter(|entry| entry.at >= since).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_one_line_and_the_oldest_go_first() {
        let mut story = Story::default();
        story.note(0, Happening::new("publish_started"));
        for at in 0..1000 {
            story.note(at, Happening::new("player_joined").about(format!("10.0.0.1:{at}")));
        }
        assert_eq!(story.0.len(), 2);
        assert_eq!((story.0[1].count, story.0[1].at), (1000, 999));
        for at in 0..300 {
            story.note(10_000 + at, Happening::new("publish_stopped"));
        }
        assert_eq!(story.0.len(), KEPT);
        assert_eq!(story.since(10_299).len(), 1);
    }

    #[test]
    fn a_destination_that_is_tried_again_and_again_is_one_line_until_something_else_happens_to_it() {
        let mut story = Story::default();
        let failed = |leg: &str| Happening::new("destination_attempt_failed").about(leg);
        let told = |story: &Story| -> Vec<_> {
            story.0.iter().map(|entry| (entry.happening.code, entry.count, entry.at / 60_000)).collect()
        };
        story.note(0, Happening::new("publish_started"));
        for minute in 0..30 {
            story.note(minute * 60_000, failed("a"));
        }
        story.note(30 * 60_000, failed("b"));
        story.note(31 * 60_000, failed("a"));
        let lines =
            [("publish_started", 1, 0), ("destination_attempt_failed", 1, 30), ("destination_attempt_failed", 31, 31)];
        assert_eq!(told(&story), lines);
        story.note(32 * 60_000, Happening::new("destination_live").about("a"));
        story.note(33 * 60_000, failed("a"));
        story.note(34 * 60_000, Happening::new("publish_started"));
        story.note(35 * 60_000, failed("a"));
        assert_eq!(
            told(&story)[3..],
            [
                ("destination_live", 1, 32),
                ("destination_attempt_failed", 1, 33),
                ("publish_started", 1, 34),
                ("destination_attempt_failed", 1, 35)
            ]
        );
    }
}
