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
        if happening.gathers() {
            let same = |known: &Entry| {
                known.happening.code == happening.code
                    && (happening.code != "problem" || known.happening.subject == happening.subject)
                    && at.saturating_sub(known.at) < TOGETHER
            };
            if let Some(at_index) = self.0.iter().rposition(same)
                && let Some(mut known) = self.0.remove(at_index)
            {
                known.at = at;
                // Tracks become known one after the other: only what they have become is worth a line.
                known.count = if happening.code == "tracks_changed" { 1 } else { known.count.saturating_add(1) };
                known.happening = happening;
                self.0.push_back(known);
                return;
            }
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Entry { at, count: 1, happening });
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
}
