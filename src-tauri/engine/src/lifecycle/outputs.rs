//! What recordings and destinations tell of themselves, and what is said of streams, as the events that hooks know.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use weir_media::StreamPath;

use super::{LifeCycle, What};
use crate::event::Event;
use crate::health::Health;
use crate::supervise::End;
use crate::{destination, recording};

/// Retells until the engine ends, and what was told until then first.
pub(crate) async fn retell(life: LifeCycle, mut events: Receiver<Event>, stopping: CancellationToken) -> End {
    let mut outputs = Outputs::default();
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = stopping.cancelled() => return End::Stopped,
        };
        match event {
            Ok(event) => {
                for (path, what) in outputs.hear(&event) {
                    life.tell(path, what);
                }
            }
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "events of recordings and destinations were lost"),
            Err(RecvError::Closed) => return End::done("the engine is gone"),
        }
    }
}

/// What was told last of each output, so that only changes are.
#[derive(Debug, Default)]
struct Outputs {
    /// By id, the files whose beginning was told and whose end was not.
    recordings: HashMap<String, Vec<Option<String>>>,
    /// By id, and whether it is the connection to a second address that is sent to beside the first.
    destinations: HashMap<(String, bool), String>,
}

impl Outputs {
    fn hear(&mut self, event: &Event) -> Vec<(Option<StreamPath>, What)> {
        match event {
            Event::Recording { recording } => {
                let path = StreamPath::parse(&recording.path).ok();
                self.recording(recording).into_iter().map(|what| (path.clone(), what)).collect()
            }
            Event::RecordingSegment { recording } => {
                let path = StreamPath::parse(&recording.path).ok();
                self.segment(recording).into_iter().map(|what| (path.clone(), what)).collect()
            }
            Event::Destination { destination } => {
                let path = destination.path.as_deref().and_then(|path| StreamPath::parse(path).ok());
                let second = destination.backup.as_ref().and_then(|backup| backup.line.as_ref());
                let lines = [(false, Some(&destination.line)), (true, second)];
                let told = lines.into_iter().filter_map(|(backup, line)| self.destination(destination, backup, line?));
                told.map(|what| (path.clone(), what)).collect()
            }
            Event::StreamHealth { path, health } => health_of(path, health).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Each file of a recording begins and ends, as each segment does that somebody wants to carry away when it is whole.
    fn recording(&mut self, status: &recording::Status) -> Vec<What> {
        let (id, file) = (status.id.clone(), name_of(status));
        match &status.state {
            recording::State::Recording => self.begun(status).into_iter().collect(),
            recording::State::Complete => {
                // One that was stopped before its first frame has left no file.
                let began = self.recordings.remove(&id);
                if began.is_none() && file.is_none() {
                    return Vec::new();
                }
                vec![complete(status)]
            }
            recording::State::Failed(failure) => {
                self.recordings.remove(&id);
                let code = serde_json::to_value(failure.code).ok();
                let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default().to_owned();
                vec![What::RecordingError { id, file, code, error: failure.message.clone() }]
            }
        }
    }

    /// A file is whole, and the recording goes on in another.
    fn segment(&mut self, status: &recording::Status) -> Vec<What> {
        let began = self.begun(status);
        if let Some(files) = self.recordings.get_mut(&status.id) {
            let file = name_of(status);
            files.retain(|known| *known != file);
        }
        began.into_iter().chain([complete(status)]).collect()
    }

    fn begun(&mut self, status: &recording::Status) -> Option<What> {
        let (id, file) = (status.id.clone(), name_of(status));
        let files = self.recordings.entry(id.clone()).or_default();
        if files.contains(&file) {
            return None;
        }
        files.push(file.clone());
        Some(What::RecordingStart { id, file })
    }

    fn destination(&mut self, status: &destination::Status, backup: bool, line: &destination::Line) -> Option<What> {
        // As it stands on every wire.
        let json = serde_json::to_value(&line.state).ok()?;
        let state = json.get("state")?.as_str()?.to_owned();
        let error = json.pointer("/reason/message").and_then(|message| message.as_str()).map(str::to_owned);
        let before = self.destinations.insert((status.id.clone(), backup), state.clone());
        let (id, name) = (status.id.clone(), status.name.clone());
        (before.as_ref() != Some(&state)).then_some(What::DestinationState { id, name, state, error, backup })
    }
}

fn name_of(status: &recording::Status) -> Option<String> {
    status.file.as_ref().map(|file| file.display().to_string())
}

fn complete(status: &recording::Status) -> What {
    let lasted = Duration::from_millis(status.duration_ms);
    What::RecordingComplete { id: status.id.clone(), file: name_of(status), bytes: status.bytes, lasted }
}

fn health_of(path: &str, health: &Health) -> Option<(Option<StreamPath>, What)> {
    let path = StreamPath::parse(path).ok()?;
    let level = serde_json::to_value(health.level).ok()?.as_str()?.to_owned();
    // The worst comes first, and is what people want to hear of.
    let reason = health.findings.first().map(|worst| worst.message.clone()).unwrap_or_default();
    Some((Some(path), What::StreamHealth { health: level, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Encoder, Finding, Level};

    #[test]
    fn how_a_stream_is_is_told_with_the_worst_that_was_found() {
        let finding = |level, message: &str| Finding {
            code: "x",
            level,
            message: message.to_owned(),
            hint: String::new(),
            values: std::collections::BTreeMap::new(),
        };
        let findings = vec![finding(Level::Note, "a note"), finding(Level::Bad, "it stands still")];
        let health = Health::new(Encoder::Other, findings);
        let event = Event::StreamHealth { path: "live/show".to_owned(), health };
        let (path, what) = Outputs::default().hear(&event).swap_remove(0);
        assert_eq!(path.unwrap().as_str(), "live/show");
        assert_eq!(what, What::StreamHealth { health: "bad".to_owned(), reason: "it stands still".to_owned() });
    }
}
