//! The task that looks at the streams once a second and hears what happens to them.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use weir_hub::Role;
use weir_media::StreamPath;

use super::{Happening, Histories};
use crate::destination::{self, State};
use crate::engine::Context;
use crate::event::Event;
use crate::health::Level;
use crate::problem::now_millis;
use crate::recording;
use crate::supervise::End;

/// How often the numbers are taken.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(
    context: Context,
    histories: Histories,
    (mut hub, mut engine): (Receiver<weir_hub::Event>, Receiver<Event>),
) -> End {
    let mut second = tokio::time::interval(EVERY);
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut teller = Teller { histories: histories.clone(), legs: HashMap::new() };
    loop {
        tokio::select! {
            () = context.supervisor.stopping().cancelled() => return End::Stopped,
            event = hub.recv() => match event {
                Ok(event) => teller.hear_hub(event),
                // What was missed is missing in the story; the numbers go on.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return End::done("the hub is gone"),
            },
            event = engine.recv() => match event {
                Ok(event) => teller.hear(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return End::done("the engine is gone"),
            },
            _ = second.tick() => {
                for (path, health) in histories.look(now_millis(), &context.hub.streams()) {
                    context.events.tell(Event::StreamHealth { path: path.as_str().to_owned(), health });
                }
            }
        }
    }
}

struct Teller {
    histories: Histories,
    /// What each destination was doing when it was noted last, and its second address: the numbers change all the time.
    legs: HashMap<(String, bool), Leg>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Leg {
    doing: Discriminant<State>,
    /// Whether it is live, or was until it began to connect anew: only then is it lost.
    live: bool,
}

impl Leg {
    fn now(state: &State, before: Option<Self>) -> Self {
        let live = match state {
            State::Live | State::Behind { .. } => true,
            State::Connecting { .. } => before.is_some_and(|before| before.live),
            State::Off
            | State::WaitingForStart
            | State::WaitingForStream { .. }
            | State::Retrying { .. }
            | State::Stopped { .. } => false,
        };
        Self { doing: discriminant(state), live }
    }
}

impl Teller {
    fn note(&self, path: &str, happening: Happening) {
        if let Ok(path) = StreamPath::parse(path) {
            self.histories.note(&path, now_millis(), happening);
        }
    }

    fn hear_hub(&self, event: weir_hub::Event) {
        use weir_hub::Event as Hub;
        let (path, happening) = match event {
            Hub::PublishStarted { path, origin, resumed, .. } => {
                let code = if resumed { "publish_resumed" } else { "publish_started" };
                let from = origin.peer.map_or_else(|| origin.protocol.to_owned(), |peer| peer.to_string());
                (path, Happening::new(code).about(from))
            }
            Hub::PublishStopped { path, reason, .. } => {
                (path, Happening::new("publish_stopped").because(reason.code(), reason.to_string()))
            }
            Hub::TracksChanged { path, tracks, .. } => {
                let codecs: Vec<_> = tracks.iter().map(|track| track.codec.to_string()).collect();
                (path, Happening::new("tracks_changed").about(codecs.join(", ")))
            }
            Hub::StreamEnded { path, reason, .. } => {
                (path, Happening::new("stream_ended").because(reason.code(), reason.to_string()))
            }
            Hub::Subscribed { path, role: Role::Player, origin, .. } => {
                let who = origin.peer.map_or_else(|| origin.protocol.to_owned(), |peer| peer.to_string());
                (path, Happening::new("player_joined").about(who))
            }
            Hub::Unsubscribed { path, role: Role::Player, .. } => (path, Happening::new("player_left")),
            Hub::TimestampsRepaired { path, .. } => (path, Happening::new("timestamps_repaired")),
            _ => return,
        };
        self.histories.note(&path, now_millis(), happening);
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Recording { recording } => self.recording(&recording),
            Event::Destination { destination } => self.destination(&destination),
            Event::Problem { problem } => {
                if let Some(path) = &problem.path {
                    self.note(
                        path,
                        Happening::new("problem").about(problem.code.clone()).saying(problem.message.clone()),
                    );
                }
            }
            Event::StreamHealth { path, health } => {
                let happening = match health.findings.first().filter(|worst| worst.level > Level::Note) {
                    Some(worst) => Happening::new("health").about(worst.code).saying(worst.message.clone()),
                    None => Happening::new("health_good"),
                };
                self.note(&path, happening);
            }
            _ => {}
        }
    }

    fn recording(&self, recording: &recording::Status) {
        let name = recording.file.as_deref().and_then(std::path::Path::file_name);
        let happening = match &recording.state {
            recording::State::Recording => Happening::new("recording_started"),
            recording::State::Complete => Happening::new("recording_stopped"),
            recording::State::Failed(failure) => {
                Happening::new("recording_failed").because(word(&failure.code), failure.message.clone())
            }
        };
        let name = name.map(|name| name.to_string_lossy().into_owned());
        self.note(&recording.path, Happening { subject: name, ..happening });
    }

    fn destination(&mut self, leg: &destination::Status) {
        self.line(leg, false, leg.name.clone(), &leg.line.state);
        let second = leg.backup.as_ref().and_then(|backup| backup.line.as_ref().map(|line| (&backup.url, line)));
        if let Some((url, line)) = second {
            self.line(leg, true, format!("{}, {url}", leg.name), &line.state);
        }
    }

    fn line(&mut self, leg: &destination::Status, second: bool, name: String, state: &State) {
        let known = (leg.id.clone(), second);
        let before = self.legs.get(&known).copied();
        let now = Leg::now(state, before);
        self.legs.insert(known, now);
        if before == Some(now) {
            return;
        }
        let was_live = before.is_some_and(|before| before.live);
        let Some(path) = &leg.path else { return };
        let happening = match state {
            State::Live => Happening::new("destination_live"),
            State::Behind { reason, .. } => {
                Happening::new("destination_behind").because(word(&reason.code), reason.message.clone())
            }
            State::Retrying { reason, .. } => {
                let code = if was_live { "destination_retrying" } else { "destination_attempt_failed" };
                Happening::new(code).because(word(&reason.code), reason.message.clone())
            }
            State::Stopped { reason } => {
                Happening::new("destination_stopped").because(word(&reason.code), reason.message.clone())
            }
            State::Off | State::WaitingForStart | State::WaitingForStream { .. } | State::Connecting { .. } => return,
        };
        self.note(path, happening.about(name));
    }
}

/// The word of a code, as every front has it.
fn word(code: &impl Serialize) -> String {
    serde_json::to_value(code).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{Failure, FailureCode, Step};

    #[test]
    fn only_what_was_live_is_lost() {
        let retrying =
            || State::Retrying { in_seconds: 1.0, reason: Failure::new(FailureCode::Unreachable, "gone", "") };
        let connecting = || State::Connecting { step: Step::Tcp };
        let lost = |states: &[State]| {
            let mut before = None;
            states.iter().fold(Vec::new(), |mut lost, state| {
                if matches!(state, State::Retrying { .. }) {
                    lost.push(before.is_some_and(|leg: Leg| leg.live));
                }
                before = Some(Leg::now(state, before));
                lost
            })
        };
        assert_eq!(lost(&[connecting(), retrying(), connecting(), retrying()]), [false, false]);
        assert_eq!(lost(&[connecting(), State::Live, retrying(), connecting(), retrying()]), [true, false]);
        assert_eq!(lost(&[State::Live, connecting(), retrying(), connecting(), retrying()]), [true, false]);
        assert_eq!(
            lost(&[State::Live, State::WaitingForStream { connected: false }, connecting(), retrying()]),
            [false]
        );
    }
}
