//! The latest lines of the log, with what they are about as fields, so that people can follow one stream or one connection.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Level;
use crate::problem::now_millis;

/// Lines kept. Older ones are in the file.
const KEPT: usize = 2000;
/// Longest text kept of a message or field, in characters.
const MAX_TEXT: usize = 2000;

/// A line of the log. Holds no secret, as the log does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Counts all lines since the start, from 1.
    pub id: u64,
    /// When, milliseconds since 1970.
    pub at: u64,
    /// How much it matters.
    pub level: Level,
    /// Which part of Weir says it, e.g. `weir_engine::protocol::rtmp`.
    pub target: String,
    /// What it says.
    pub message: String,
    /// The stream it is about.
    pub stream: Option<String>,
    /// The leg (destination) it is about, by identity.
    pub leg: Option<String>,
    /// The connection it is about.
    pub connection: Option<u64>,
    /// Everything else, by name.
    pub fields: BTreeMap<String, String>,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only lines after this one.
    pub since: u64,
    /// Only lines that matter at least this much.
    pub level: Option<Level>,
    /// Only lines about this stream.
    pub stream: Option<String>,
    /// Only lines about this leg.
    pub leg: Option<String>,
    /// Only lines about this connection.
    pub connection: Option<u64>,
    /// Only lines with this text in them, whatever its case.
    pub text: Option<String>,
    /// At most this many, the newest of them.
    pub limit: usize,
}

impl Query {
    fn matches(&self, line: &Line) -> bool {
        let same = |wanted: &Option<String>, given: &Option<String>| wanted.is_none() || wanted == given;
        line.id > self.since
            && self.level.is_none_or(|level| line.level <= level)
            && same(&self.stream, &line.stream)
            && same(&self.leg, &line.leg)
            && (self.connection.is_none() || self.connection == line.connection)
            && self.text.as_ref().is_none_or(|text| line.has(text))
    }
}

impl Line {
    fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let mut places =
            std::iter::once(&self.message).chain(self.stream.iter()).chain(self.leg.iter()).chain(self.fields.values());
        places.any(|place| place.to_lowercase().contains(&text))
    }
}

/// The latest lines. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Lines {
    kept: Arc<Mutex<VecDeque<Line>>>,
    last: watch::Sender<u64>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { kept: Arc::default(), last: watch::Sender::new(0) }
    }
}

impl Lines {
    /// Those that are wanted, the oldest first.
    pub fn find(&self, query: &Query) -> Vec<Line> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Line> =
            kept.iter().rev().filter(|line| query.matches(line)).take(query.limit).cloned().collect();
        found.reverse();
        found
    }

    /// The number of the newest line; changes with each.
    pub fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// What hands lines over.
    pub(super) fn layer(&self) -> Keep {
        Keep(self.clone())
    }

    fn keep(&self, mut line: Line) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        line.id = kept.back().map_or(1, |last| last.id + 1);
        let id = line.id;
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
        // Under the lock, so that the number never goes back.
        self.last.send_replace(id);
    }
}

/// Keeps what is logged.
#[derive(Debug)]
pub(super) struct Keep(Lines);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut found = Found::default();
        event.record(&mut found);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let Found { message, mut fields } = found;
        let mut take = |names: [&str; 2]| names.into_iter().find_map(|name| fields.remove(name));
        let (stream, leg) = (take(["path", "stream"]), take(["destination", "leg"]));
        let connection = take(["connection", "conn"]).and_then(|id| id.parse().ok());
        let target = event.metadata().target().to_owned();
        self.0.keep(Line { id: 0, at: now_millis(), level, target, message, stream, leg, connection, fields });
    }
}

#[derive(Default)]
struct Found {
    message: String,
    fields: BTreeMap<String, String>,
}

impl Found {
    fn put(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name().to_owned(), text);
        }
    }
}

impl Visit for Found {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Bounded::default();
        // Fails only when there is more than is kept.
        let _ = write!(text, "{value:?}");
        self.put(field, text.0);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.chars().take(MAX_TEXT).collect());
    }
}

/// A text that takes no more than is kept.
#[derive(Default)]
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_TEXT.saturating_sub(self.0.len());
        self.0.extend(text.chars().take(room));
        if text.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn lines_are_found_by_what_they_are_about_and_stay_bounded() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.layer());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(path = %"live/show", connection = 7, peer = %"10.0.0.1", "publishing");
            tracing::warn!(destination = "one", "the network failed");
            tracing::debug!("{}", "x".repeat(10_000));
        });
        let find = |query: Query| {
            lines.find(&Query { limit: 10, ..query }).into_iter().map(|line| line.id).collect::<Vec<_>>()
        };
        assert_eq!(find(Query::default()), [1, 2, 3]);
        assert_eq!(find(Query { since: 1, ..Query::default() }), [2, 3]);
        assert_eq!(find(Query { level: Some(Level::Info), ..Query::default() }), [1, 2]);
        assert_eq!(find(Query { stream: Some("live/show".to_owned()), ..Query::default() }), [1]);
        assert_eq!(find(Query { leg: Some("one".to_owned()), ..Query::default() }), [2]);
        assert_eq!(find(Query { connection: Some(7), ..Query::default() }), [1]);
        assert_eq!(find(Query { text: Some("NETWORK".to_owned()), ..Query::default() }), [2]);
        let all = lines.find(&Query { limit: 2, ..Query::default() });
        assert_eq!((all[0].id, all[1].message.len()), (2, MAX_TEXT), "the newest, and not all of a long one");
        let first = &lines.find(&Query { limit: 10, ..Query::default() })[0];
        assert_eq!((first.message.as_str(), first.fields["peer"].as_str()), ("publishing", "10.0.0.1"));
        let subscriber = tracing_subscriber::registry().with(lines.layer());
        tracing::subscriber::with_default(subscriber, || (0..3 * KEPT).for_each(|_| tracing::info!("more")));
        assert_eq!(lines.find(&Query { limit: usize::MAX, ..Query::default() }).len(), KEPT);
        assert_eq!(*lines.last().borrow(), 3 + 3 * KEPT as u64);
    }
}
