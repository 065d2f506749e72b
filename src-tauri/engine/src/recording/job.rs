//! Work on files that takes its time: converting FLV to MP4, repairing. One at a time, with progress, and it can be called off.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::failure::Failure;

/// Jobs that are over and still told of.
const KEPT: usize = 50;

/// Jobs that wait or run at most: protects memory from a script that asks for the same again and again.
const MOST: usize = 100;

/// What is done with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Its pictures and sound go into an MP4 file beside it, not re-encoded.
    ConvertToMp4,
    /// It is made whole.
    Repair,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// Others are done first.
    Waiting,
    /// At work.
    Running,
    /// Done; the files that were made or repaired, by identity.
    Done(Vec<String>),
    /// Called off; nothing was changed.
    Cancelled,
    /// It could not be done.
    Failed(Failure),
}

impl JobState {
    /// Whether it waits or runs.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Identity, unique while the engine runs.
    pub id: String,
    /// What is done.
    pub kind: JobKind,
    /// The recording, by identity.
    pub recording: String,
    /// How it stands.
    pub state: JobState,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// When it was asked for, milliseconds since 1970.
    pub started_at: u64,
}

/// Why a job was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// There is no recording of this name in the folder.
    #[error("there is no recording {0:?}")]
    NotFound(String),
    /// It is being written, or another job works on it.
    #[error("{0:?} is in use")]
    InUse(String),
    /// It is an MP4 file already.
    #[error("{0:?} is no FLV file")]
    NotFlv(String),
    /// There are too many.
    #[error("too many jobs are waiting")]
    TooMany,
}

/// The worker's end of a job: it says how far it is, and asks whether it should stop.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// In thousandths.
    progress: AtomicU32,
    pub(super) stop: CancellationToken,
}

impl Control {
    pub(super) fn done(&self, part: u64, whole: u64) {
        let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
        self.progress.store(u32::try_from(thousandths.min(1000)).unwrap_or(1000), Ordering::Relaxed);
    }

    pub(super) fn thousandths(&self) -> u32 {
        self.progress.load(Ordering::Relaxed)
    }
}

/// One job in the list.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) kind: JobKind,
    pub(super) recording: String,
    pub(super) path: PathBuf,
    pub(super) started_at: u64,
    pub(super) control: Arc<Control>,
    state: Mutex<JobState>,
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, JobState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, state: JobState) {
        *self.lock() = state;
    }

    fn job(&self) -> Job {
        let state = self.lock().clone();
        let progress =
            if matches!(state, JobState::Done(_)) { 1.0 } else { f64::from(self.control.thousandths()) / 1e3 };
        Job {
            id: self.id.to_string(),
            kind: self.kind,
            recording: self.recording.clone(),
            state,
            progress,
            started_at: self.started_at,
        }
    }
}

/// All jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    last_id: u64,
    list: VecDeque<Arc<Ticket>>,
}

impl Jobs {
    pub(super) fn add(
        &mut self,
        kind: JobKind,
        recording: String,
        path: PathBuf,
        now: u64,
        stop: CancellationToken,
    ) -> Result<Arc<Ticket>, JobError> {
        if self.uses(&recording) {
            return Err(JobError::InUse(recording));
        }
        if self.list.iter().filter(|ticket| ticket.lock().is_open()).count() >= MOST {
            return Err(JobError::TooMany);
        }
        self.last_id += 1;
        let control = Arc::new(Control { progress: AtomicU32::new(0), stop });
        let state = Mutex::new(JobState::Waiting);
        let ticket = Arc::new(Ticket { id: self.last_id, kind, recording, path, started_at: now, control, state });
        self.list.push_back(Arc::clone(&ticket));
        while self.list.len() > KEPT {
            let Some(over) = self.list.iter().position(|ticket| !ticket.lock().is_open()) else { break };
            self.list.remove(over);
        }
        Ok(ticket)
    }

    /// Whether a job works, or will work, on the recording.
    pub(super) fn uses(&self, recording: &str) -> bool {
        self.list.iter().any(|ticket| ticket.recording == recording && ticket.lock().is_open())
    }

    pub(super) fn jobs(&self) -> Vec<Job> {
        self.list.iter().map(|ticket| ticket.job()).collect()
    }

    /// Calls an open job off, and forgets one that is over. False when there is none of this identity.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(at) = self.list.iter().position(|ticket| ticket.id.to_string() == id) else { return false };
        let Some(ticket) = self.list.get(at) else { return false };
        if ticket.lock().is_open() {
            ticket.control.stop.cancel();
        } else {
            self.list.remove(at);
        }
        true
    }

    pub(super) fn job(&self, id: u64) -> Option<Job> {
        self.list.iter().find(|ticket| ticket.id == id).map(|ticket| ticket.job())
    }
}
