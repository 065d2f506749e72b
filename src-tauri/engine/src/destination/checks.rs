//! The stream beside what its service takes: before a connection is made, and while it lasts.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use weir_hub::Hub;
use weir_media::StreamPath;

use super::board::Board;
use super::failure::{Failure, FailureCode};
use crate::preset::{self, Findings, Preset};

/// How often a live stream is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a stream that has just begun is given to say what is in it.
const TRACKS: Duration = Duration::from_secs(2);
const TRACKS_LOOK: Duration = Duration::from_millis(50);

/// A stream and the service it is sent to.
#[derive(Debug, Clone)]
pub(super) struct Checks {
    hub: Hub,
    path: StreamPath,
    preset: Option<&'static Preset>,
}

impl Checks {
    pub(super) fn new(hub: &Hub, path: &StreamPath, preset: Option<&str>) -> Self {
        Self { hub: hub.clone(), path: path.clone(), preset: preset.and_then(preset::find) }
    }

    /// What speaks against connecting, if anything does.
    pub(super) async fn before(&self, board: &Board) -> Option<Failure> {
        self.preset?;
        let known = async {
            while self.hub.stream(&self.path).is_some_and(|stream| stream.tracks.is_empty()) {
                sleep(TRACKS_LOOK).await;
            }
        };
        // A stream that says nothing of itself is sent as it is.
        let _ = timeout(TRACKS, known).await;
        self.look(board)
    }

    /// Resolves when the live stream becomes one that the service does not take; meanwhile says what it will not like.
    pub(super) async fn during(&self, board: &Board) -> Failure {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep_until(next).await;
            next += LOOK;
            if self.preset.is_none() {
                std::future::pending::<()>().await;
            }
            if let Some(failure) = self.look(board) {
                return failure;
            }
        }
    }

    fn look(&self, board: &Board) -> Option<Failure> {
        let stream = self.hub.stream(&self.path)?;
        let Findings { refused, warnings } = preset::check(self.preset?, &stream);
        board.warns(warnings);
        refused.map(|finding| Failure::new(FailureCode::CodecRefused, finding.message, finding.hint))
    }
}
