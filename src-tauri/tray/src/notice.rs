//! What is worth a notification: the difference between two looks at the engine. Pure, so that it can be tested.

use crate::seen::{DestinationState, Seen, StreamState};
use crate::words::{Key, Words};

/// The sentences for what changed from `before` to `after`, as the settings want them.
pub fn notices(before: &Seen, after: &Seen, words: &Words) -> Vec<String> {
    let mut said = Vec::new();
    if after.settings.notify_streams {
        streams(before, after, words, &mut said);
    }
    if after.settings.notify_trouble {
        trouble(before, after, words, &mut said);
    }
    said
}

fn streams(before: &Seen, after: &Seen, words: &Words, said: &mut Vec<String>) {
    for stream in &after.streams {
        let was = before.streams.iter().find(|known| known.path == stream.path).map(|known| known.state);
        let key = match (was, stream.state) {
            (Some(StreamState::Interrupted), StreamState::Live) => Key::NoticeBack,
            (Some(StreamState::Live), StreamState::Interrupted) => Key::NoticeLost,
            (None | Some(StreamState::Other), StreamState::Live) => Key::NoticeStarted,
            _ => continue,
        };
        said.push(words.say(key, &[("stream", &stream.path)]));
    }
}

fn trouble(before: &Seen, after: &Seen, words: &Words, said: &mut Vec<String>) {
    for destination in &after.destinations {
        let was = before.destinations.iter().find(|known| known.id == destination.id);
        let was_bad =
            was.is_some_and(|was| matches!(was.state, DestinationState::Stopped | DestinationState::Retrying));
        let reason = destination.last_error.as_ref().map_or("", |reason| reason.message.as_str());
        let places = [("destination", destination.name.as_str()), ("reason", reason)];
        if destination.state == DestinationState::Stopped
            && was.is_none_or(|was| was.state != DestinationState::Stopped)
        {
            said.push(words.say(Key::NoticeLegStopped, &places));
        } else if was_bad && destination.sends() {
            said.push(words.say(Key::NoticeLegBack, &places));
        }
    }
    for stream in &after.streams {
        let was = before.streams.iter().find(|known| known.path == stream.path);
        if let Some(minutes) = stream.minutes_left()
            && was.is_some_and(|was| was.is_recorded() && was.minutes_left().is_none())
            && !after.makes_room
        {
            let places = [("stream", stream.path.as_str()), ("minutes", &minutes.to_string())];
            said.push(words.say(Key::NoticeLittleSpace, &places));
        }
        let Some(failure) = stream.recording_failure() else { continue };
        if was.is_none_or(|was| was.recording_failure().is_none()) {
            let places = [("stream", stream.path.as_str()), ("reason", failure.message.as_str())];
            said.push(words.say(Key::NoticeRecordingFailed, &places));
        }
    }
    for listener in &after.listeners {
        let was = before.listeners.iter().find(|known| known.id == listener.id);
        let Some(problem) = &listener.problem else { continue };
        if was.is_some_and(|was| was.problem.is_none()) {
            said.push(words.say(Key::NoticeListenerFailed, &[("reason", problem.message.as_str())]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(streams: &str, destinations: &str) -> Seen {
        Seen {
            streams: serde_json::from_str(streams).expect("streams"),
            destinations: serde_json::from_str(destinations).expect("destinations"),
            ..Seen::default()
        }
    }

    fn leg(state: &str) -> String {
        format!(
            r#"[{{"id":"a","name":"Twitch","enabled":true,"state":"{state}","last_error":{{"message":"The key is refused."}}}}]"#
        )
    }

    #[test]
    fn each_change_is_said_once_and_only_a_change() {
        let words = Words::new(Some("en"));
        let stream = |state: &str| format!(r#"[{{"path":"live/a","state":"{state}","recording":null}}]"#);
        let none = seen("[]", "[]");
        let live = seen(&stream("live"), "[]");
        let lost = seen(&stream("interrupted"), "[]");
        for (before, after, expected) in [
            (&none, &live, "live/a is live"),
            (&live, &lost, "live/a: the encoder is gone"),
            (&lost, &live, "live/a is back"),
        ] {
            assert_eq!(notices(before, after, &words), [expected]);
            assert!(notices(after, after, &words).is_empty());
        }
        assert!(notices(&live, &none, &words).is_empty(), "an end that was wanted is no news");
    }

    #[test]
    fn a_destination_that_stops_and_one_that_comes_back_are_said_with_the_reason() {
        let words = Words::new(Some("en"));
        let (live, stopped, retrying) = (leg("live"), leg("stopped"), leg("retrying"));
        let [live, stopped, retrying] = [live, stopped, retrying].map(|legs| seen("[]", &legs));
        assert_eq!(notices(&live, &stopped, &words), ["Twitch stopped: The key is refused."]);
        assert_eq!(notices(&retrying, &live, &words), ["Twitch is live again"]);
        assert!(notices(&live, &retrying, &words).is_empty(), "it mends itself");
        let mut quiet = stopped;
        quiet.settings.notify_trouble = false;
        assert!(notices(&live, &quiet, &words).is_empty());
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_said_once_unless_old_recordings_make_room() {
        let words = Words::new(Some("en"));
        let left = |seconds: &str| {
            let recording = format!(r#"{{"failure":null,"time_left_seconds":{seconds}}}"#);
            seen(&format!(r#"[{{"path":"live/a","state":"live","recording":{recording}}}]"#), "[]")
        };
        let said = ["The disk has room for 9 more minutes of live/a"];
        for before in ["null", "700"] {
            assert_eq!(notices(&left(before), &left("599"), &words), said);
        }
        for (before, after) in [("599", "500"), ("800", "700"), ("599", "null")] {
            assert!(notices(&left(before), &left(after), &words).is_empty());
        }
        let making_room = Seen { makes_room: true, ..left("599") };
        assert!(notices(&left("700"), &making_room, &words).is_empty());
    }

    #[test]
    fn a_recording_that_fails_is_said() {
        let words = Words::new(Some("en"));
        let well = seen(r#"[{"path":"live/a","state":"live","recording":{"failure":null}}]"#, "[]");
        let full =
            seen(r#"[{"path":"live/a","state":"live","recording":{"failure":{"message":"The disk is full."}}}]"#, "[]");
        assert_eq!(notices(&well, &full, &words), ["live/a is no longer recorded: The disk is full."]);
        assert!(well.streams[0].is_recorded() && !full.streams[0].is_recorded());
    }

    #[test]
    fn what_is_not_wanted_is_not_said_from_the_moment_it_is_switched_off() {
        let words = Words::new(Some("en"));
        let before = seen(r#"[{"path":"live/a","state":"interrupted","recording":null}]"#, &leg("live"));
        let mut after = seen(r#"[{"path":"live/a","state":"live","recording":null}]"#, &leg("stopped"));
        for (streams, trouble) in [(true, true), (false, true), (true, false), (false, false)] {
            (after.settings.notify_streams, after.settings.notify_trouble) = (streams, trouble);
            let said = notices(&before, &after, &words);
            let has = |part: &str| said.iter().any(|sentence| sentence.contains(part));
            assert_eq!((has("live/a"), has("Twitch")), (streams, trouble), "{said:?}");
        }
    }
}
