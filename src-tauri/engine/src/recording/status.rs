//! What is known of a recording, for people and programs.

use std::path::PathBuf;

use serde::Serialize;

use super::failure::Failure;

/// What is known of a recording. Paths are as the OS shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Identity, unique while the engine runs.
    pub id: String,
    /// The stream.
    pub path: String,
    /// The file; `None` until the first frame has come.
    pub file: Option<PathBuf>,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
    /// When it began, milliseconds since 1970.
    pub started_at: u64,
    /// Length so far, in milliseconds of media time.
    pub duration_ms: u64,
    /// Size so far, in bytes.
    pub bytes: u64,
    /// Frames that are missing because the disk was too slow.
    pub frames_skipped: u64,
    /// Frames that came and are in no file: its format cannot hold them, or there is nothing that they could be shown with, as
    /// before the first key frame.
    pub frames_left_out: u64,
    /// Bytes that wait for the disk. More than a few megabytes: the disk is slower than the stream.
    pub waiting_bytes: u64,
}

/// How a recording stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Being written.
    Recording,
    /// Closed and whole.
    Complete,
    /// Stopped by a fault; what was written is kept.
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::super::failure::FailureCode;
    use super::*;

    #[test]
    fn a_failure_says_code_sentence_and_remedy_on_the_wire() {
        let failure = Failure { code: FailureCode::DiskFull, message: "m".into(), hint: "h".into() };
        let json = serde_json::to_value(State::Failed(failure)).unwrap();
        assert_eq!(json, serde_json::json!({"state": "failed", "code": "disk_full", "message": "m", "hint": "h"}));
    }
}
