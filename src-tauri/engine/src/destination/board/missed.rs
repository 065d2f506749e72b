//! What of a stream has passed a destination by while it had no connection, and how far any connection has come.

use super::super::reading::Point;

/// Where connections stopped reading, and the frames between them.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Where in the stream the last connection stopped reading; none while one reads.
    left_at: Option<Point>,
    /// How far a connection has read, or an attempt has let the stream pass.
    reached: Option<Point>,
    frames: u64,
    /// Of these, those since the last connection.
    since: u64,
}

impl Missed {
    /// How many frames have passed by.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether nothing of the stream from `at` on has been read before.
    pub(super) fn is_new(&self, at: Point) -> bool {
        self.reached.is_none_or(|reached| reached.stream != at.stream || reached.frames <= at.frames)
    }

    /// A connection begins to read here. Returns how many frames have passed since another one stopped.
    pub(super) fn reads(&mut self, at: Point) -> u64 {
        self.passes(at);
        self.left_at = None;
        std::mem::take(&mut self.since)
    }

    /// A connection stops reading here, or would have begun; the first place counts.
    pub(super) fn leaves(&mut self, at: Point) {
        if self.left_at.is_none_or(|left| left.stream != at.stream) {
            (self.left_at, self.since) = (Some(at), 0);
        }
        if self.is_new(at) {
            self.reached = Some(at);
        }
    }

    /// The stream has come this far, and nobody reads it.
    pub(super) fn passes(&mut self, at: Point) {
        let Some(left) = self.left_at.filter(|left| left.stream == at.stream) else { return };
        let since = at.frames.saturating_sub(left.frames);
        // The next connection may begin with what an earlier one had read.
        self.frames = (self.frames + since).saturating_sub(self.since);
        self.since = since;
    }

    /// Nothing is meant to be sent: nothing is missed.
    pub(super) const fn pauses(&mut self) {
        self.left_at = None;
    }

    /// Counts from nothing. What has been read was read all the same.
    pub(super) const fn forget(&mut self) {
        (self.left_at, self.frames, self.since) = (None, 0, 0);
    }
}
