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

/// So long a file must be before its own average says how fast it grows: it begins with room for its head and with a whole picture,
/// and a new segment would look as if the disk were full in minutes.
const LONG_ENOUGH_MS: u64 = 5_000;

impl Status {
    /// How fast the file grows. Until it is long enough that is what the stream brings, `bitrate` bits a second.
    pub(super) fn bytes_a_second(&self, bitrate: impl FnOnce() -> u64) -> f64 {
        if self.duration_ms < LONG_ENOUGH_MS {
            return bitrate() as f64 / 8.0;
        }
        self.bytes as f64 * 1e3 / self.duration_ms as f64
    }
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
    fn a_new_segment_does_not_look_as_if_it_filled_the_disk() {
        let status = |duration_ms, bytes| Status {
            id: "1".into(),
            path: "live/show".into(),
            file: None,
            state: State::Recording,
            started_at: 0,
            duration_ms,
            bytes,
            frames_skipped: 0,
            frames_left_out: 0,
            waiting_bytes: 0,
        };
        let rate = |status: Status| status.bytes_a_second(|| 6_000_000);
        assert!((rate(status(40, 240_000)) - 750_000.0).abs() < 1.0, "{}", rate(status(40, 240_000)));
        assert!((rate(status(60_000, 48_000_000)) - 800_000.0).abs() < 1.0);
    }

    #[test]
    fn a_failure_says_code_sentence_and_remedy_on_the_wire() {
        let failure = Failure { code: FailureCode::DiskFull, message: "m".into(), hint: "h".into() };
        let json = serde_json::to_value(State::Failed(failure)).unwrap();
        assert_eq!(json, serde_json::json!({"state": "failed", "code": "disk_full", "message": "m", "hint": "h"}));
    }
}
