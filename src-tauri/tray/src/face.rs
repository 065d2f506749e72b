//! What the icon and its menu show. They are drawn anew only when this changes: a menu that is open is replaced under the
//! hand of who is choosing from it, and a destination that is being tried again changes its state every few seconds.

use crate::seen::{Mood, Seen};

/// All that the icon and its menu show of a look at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// How all of it stands.
    pub mood: Mood,
    /// The paths of the streams that are live.
    pub live: Vec<String>,
    /// Whether one of them is being recorded.
    pub is_recorded: bool,
    /// Whether there is an address to copy.
    pub has_address: bool,
    /// The destinations.
    pub legs: Vec<Leg>,
}

/// A destination in the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is in use.
    pub enabled: bool,
}

impl From<&Seen> for Face {
    fn from(seen: &Seen) -> Self {
        let leg = |it: &crate::Destination| Leg { id: it.id.clone(), name: it.name.clone(), enabled: it.enabled };
        Self {
            mood: seen.mood(),
            live: seen.live().map(|stream| stream.path.clone()).collect(),
            is_recorded: seen.live().any(crate::Stream::is_recorded),
            has_address: seen.address.is_some(),
            legs: seen.destinations.iter().map(leg).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(state: &str, recording: &str, leg: &str, enabled: bool) -> Face {
        let streams = format!(r#"[{{"path":"live/a","state":"{state}","recording":{recording}}}]"#);
        let error = r#"{"message":"Nobody answers."}"#;
        let legs = format!(r#"[{{"id":"a","name":"A","enabled":{enabled},"state":"{leg}","last_error":{error}}}]"#);
        Face::from(&Seen {
            streams: serde_json::from_str(&streams).expect("streams"),
            destinations: serde_json::from_str(&legs).expect("destinations"),
            ..Seen::default()
        })
    }

    #[test]
    fn it_changes_with_what_is_shown_and_with_nothing_else() {
        let recording = |seconds| format!(r#"{{"failure":null,"time_left_seconds":{seconds}}}"#);
        let before = face("live", &recording(599), "retrying", true);
        assert_eq!(before.live, ["live/a"]);
        for leg in ["retrying", "connecting", "live", "behind"] {
            assert_eq!(face("live", &recording(300), leg, true), before, "{leg}");
        }
        for after in [
            face("interrupted", &recording(599), "retrying", true),
            face("live", "null", "retrying", true),
            face("live", &recording(599), "stopped", true),
            face("live", &recording(599), "retrying", false),
        ] {
            assert_ne!(after, before);
        }
    }
}
