//! What can be set about live streams as such, whatever protocol they come and go by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_hub::{DuplicatePolicy, HubOptions};
use weir_media::{PathError, StreamPath};

use crate::config::Seconds;
use crate::limits;

/// Live streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a stream waits for an encoder that went away, in seconds. Players, recordings and destinations stay
    /// meanwhile. Default 10: longer than an encoder needs to reconnect, shorter than a viewer's patience.
    pub grace_seconds: Seconds,
    /// How long a player that comes before the encoder waits, in seconds, before it is told that the stream does not
    /// exist. Default 10: covers "started in the wrong order".
    pub play_wait_seconds: Seconds,
    /// What happens when a second encoder publishes to a path in use. Default `refuse`: a stranger who guesses the path
    /// must not throw the running stream out.
    pub duplicate_publisher: DuplicatePublisher,
}

impl Config {
    /// What the hub needs to know of it.
    pub(crate) fn hub_options(&self, limits: &limits::Config) -> HubOptions {
        let duplicate = match self.duplicate_publisher {
            DuplicatePublisher::Refuse => DuplicatePolicy::Refuse,
            DuplicatePublisher::Replace => DuplicatePolicy::Replace,
        };
        let bits = u64::from(limits.publisher_megabits) * 1_000_000;
        HubOptions {
            grace: self.grace_seconds.duration(),
            duplicate,
            max_streams: limits.streams as usize,
            max_players: limits.players_per_stream as usize,
            max_bits_per_second: Some(bits).filter(|bits| *bits > 0),
            ..HubOptions::default()
        }
    }
}

/// What happens when a second encoder publishes to a path in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePublisher {
    /// The newcomer is refused.
    #[default]
    Refuse,
    /// The newcomer takes over and the running one is cut off.
    Replace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grace_seconds: Seconds::new(10),
            play_wait_seconds: Seconds::new(10),
            duplicate_publisher: DuplicatePublisher::Refuse,
        }
    }
}

/// Which streams something is for: one path (`live/show`), all below an application (`live/*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct StreamPattern(Pattern);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    All,
    Below(String),
    One(StreamPath),
}

impl StreamPattern {
    /// Whether it covers this stream.
    pub fn matches(&self, path: &StreamPath) -> bool {
        match &self.0 {
            Pattern::All => true,
            Pattern::Below(prefix) => path.as_str().starts_with(prefix.as_str()),
            Pattern::One(one) => one == path,
        }
    }

    /// Whether it says what somebody means. A star elsewhere than at the end, and several streams at once, are taken for the name
    /// of one stream, which nobody publishes.
    pub fn is_meant(&self) -> bool {
        let name = match &self.0 {
            Pattern::All => return true,
            Pattern::Below(prefix) => prefix.as_str(),
            Pattern::One(path) => path.as_str(),
        };
        !name.contains(['*', ','])
    }
}

impl Default for StreamPattern {
    fn default() -> Self {
        Self(Pattern::All)
    }
}

impl TryFrom<String> for StreamPattern {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        if text == "*" {
            return Ok(Self(Pattern::All));
        }
        match text.strip_suffix("/*") {
            Some(app) => StreamPath::parse(app).map(|app| Self(Pattern::Below(format!("{app}/")))),
            None => StreamPath::parse(&text).map(|path| Self(Pattern::One(path))),
        }
    }
}

impl From<StreamPattern> for String {
    fn from(pattern: StreamPattern) -> Self {
        match pattern.0 {
            Pattern::All => "*".to_owned(),
            Pattern::Below(prefix) => prefix + "*",
            Pattern::One(path) => path.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_says() {
        for (pattern, path, covered) in [
            ("*", "live/show", true),
            ("live/*", "live/show", true),
            ("live/*", "live", false),
            ("live/*", "lively/show", false),
            ("live/show", "live/show", true),
            ("live/show", "live/show2", false),
        ] {
            let pattern = StreamPattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.matches(&StreamPath::parse(path).unwrap()), covered, "{pattern:?} {path}");
        }
        assert!(StreamPattern::try_from("../*".to_owned()).is_err());
        assert_eq!(String::from(StreamPattern::try_from("/live//*".to_owned()).unwrap()), "live/*");
    }

    #[test]
    fn what_covers_one_stream_and_was_hardly_meant_to_is_known() {
        for (pattern, meant) in [
            ("*", true),
            ("live/*", true),
            ("live/show", true),
            ("live/my show", true),
            ("*/show", false),
            ("live/*x", false),
            ("*/*", false),
            ("live/a, live/b", false),
            ("live/a,live/*", false),
        ] {
            assert_eq!(StreamPattern::try_from(pattern.to_owned()).unwrap().is_meant(), meant, "{pattern}");
        }
    }
}
