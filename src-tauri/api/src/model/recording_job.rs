//! Work on recordings that takes its time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::recording;

use super::Notice;
use super::time::from_millis;

/// What is done with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingJobKind {
    /// An MP4 file is made of an FLV file, beside it and not re-encoded. The FLV file stays.
    ConvertToMp4,
    /// A file that was cut off is made whole.
    Repair,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingJobState {
    /// Others are done first.
    Waiting,
    /// At work.
    Running,
    /// Done.
    Done,
    /// Called off; nothing was changed.
    Cancelled,
    /// It could not be done.
    Failed,
}

/// What to do with a recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingJobCreate {
    /// What to do.
    pub kind: RecordingJobKind,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingJob {
    /// Identity, unique while the engine runs.
    pub id: String,
    /// What is done.
    pub kind: RecordingJobKind,
    /// The recording.
    pub recording_id: String,
    /// How it stands.
    pub state: RecordingJobState,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// When it was asked for, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The files that were made or repaired, by identity; empty until it is done.
    pub results: Vec<String>,
    /// Why it failed; null when it did not.
    pub failure: Option<Notice>,
}

/// All jobs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingJobList {
    /// The newest last; of those that are over the latest fifty.
    pub jobs: Vec<RecordingJob>,
}

impl From<recording::Job> for RecordingJob {
    fn from(job: recording::Job) -> Self {
        let (state, results, failure) = match job.state {
            recording::JobState::Waiting => (RecordingJobState::Waiting, Vec::new(), None),
            recording::JobState::Running => (RecordingJobState::Running, Vec::new(), None),
            recording::JobState::Done(files) => (RecordingJobState::Done, files, None),
            recording::JobState::Cancelled => (RecordingJobState::Cancelled, Vec::new(), None),
            recording::JobState::Failed(failure) => {
                (RecordingJobState::Failed, Vec::new(), Some(Notice::from(&failure)))
            }
        };
        Self {
            id: job.id,
            kind: match job.kind {
                recording::JobKind::ConvertToMp4 => RecordingJobKind::ConvertToMp4,
                recording::JobKind::Repair => RecordingJobKind::Repair,
            },
            recording_id: job.recording,
            state,
            progress: job.progress,
            started_at: from_millis(job.started_at),
            results,
            failure,
        }
    }
}

impl From<RecordingJobKind> for recording::JobKind {
    fn from(kind: RecordingJobKind) -> Self {
        match kind {
            RecordingJobKind::ConvertToMp4 => Self::ConvertToMp4,
            RecordingJobKind::Repair => Self::Repair,
        }
    }
}
