//! What is being recorded, what was, and what somebody has said about it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_hub::StreamId;
use weir_media::StreamPath;

use super::again::Again;
use super::failure::{Failure, FailureCode};
use super::status::{State, Status};
use super::writer::{Monitor, Progress};

/// Recordings that are over and still told of.
const KEPT: usize = 100;

/// One recording. Its recorder writes to it, everyone else reads.
#[derive(Debug)]
pub(super) struct Page {
    path: StreamPath,
    stream: StreamId,
    status: Mutex<Status>,
    /// Files that are open beside the one that is written, with their length in seconds.
    beside: Mutex<Vec<(PathBuf, f64)>>,
    monitor: Mutex<Option<Monitor>>,
    /// Cancelled when somebody stops this recording by hand.
    pub(super) stop: CancellationToken,
    /// Why it is stopped, when it is not by hand.
    halt: Mutex<Option<Failure>>,
    began: Instant,
    /// The failure that it is begun again after.
    follows: Option<FailureCode>,
}

impl Page {
    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at it.
    pub(super) fn status(&self) -> Status {
        self.look();
        self.lock().clone()
    }

    fn look(&self) {
        let monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(monitor) = monitor.as_ref() else { return };
        let (progress, waiting) = (monitor.progress(), monitor.waiting());
        let mut status = self.lock();
        status.bytes = progress.bytes;
        status.duration_ms = u64::try_from(progress.duration.as_millis()).unwrap_or(0);
        status.waiting_bytes = waiting;
        status.frames_left_out = progress.left_out + progress.early;
    }

    /// A file is open, the first or the next, and these beside it.
    pub(super) fn opened(&self, file: PathBuf, beside: Vec<(PathBuf, f64)>) {
        self.lock().file = Some(file);
        *self.beside() = beside;
    }

    /// A file of it that is closed and whole.
    pub(super) fn segment(&self, file: &Path, progress: Progress) -> Status {
        let file = Some(file.to_owned());
        let duration_ms = u64::try_from(progress.duration.as_millis()).unwrap_or(0);
        let (state, waiting_bytes) = (State::Complete, 0);
        Status { file, state, duration_ms, bytes: progress.bytes, waiting_bytes, ..self.lock().clone() }
    }

    fn beside(&self) -> MutexGuard<'_, Vec<(PathBuf, f64)>> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file's numbers are to be read here.
    pub(super) fn watched(&self, monitor: Monitor) {
        *self.monitor.lock().unwrap_or_else(PoisonError::into_inner) = Some(monitor);
    }

    /// Why it was stopped, when it was not by hand.
    pub(super) fn halted(&self) -> Option<Failure> {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a failure is the one before once more, before there was even a file: that has been said.
    pub(super) fn fails_again(&self) -> bool {
        let status = self.lock();
        let code = if let State::Failed(failure) = &status.state { Some(failure.code) } else { None };
        code.is_some() && code == self.follows && status.file.is_none()
    }

    /// Frames are missing.
    pub(super) fn skipped(&self, frames: u64) {
        self.lock().frames_skipped += frames;
    }

    /// It is over.
    pub(super) fn ended(&self, state: State) {
        self.look();
        let mut status = self.lock();
        if matches!(state, State::Failed(_)) && status.bytes == 0 {
            // Not a byte of it came to the disk, and it is gone.
            status.file = None;
        }
        status.state = state;
        status.waiting_bytes = 0;
    }

    /// It is over, and nobody said how.
    pub(super) fn fail_if_open(&self, failure: Failure) {
        if self.lock().state == State::Recording {
            self.ended(State::Failed(failure));
        }
    }
}

/// All pages.
#[derive(Debug, Default)]
pub(super) struct Book {
    last_id: u64,
    open: Vec<Arc<Page>>,
    past: VecDeque<Status>,
    /// Streams that are not recorded by themselves: stopped by hand, or failed for good.
    unwanted: Vec<StreamId>,
    /// Streams whose recording failed and is begun again.
    pub(super) again: Again,
}

impl Book {
    /// A new page, unless the stream is being recorded.
    pub(super) fn open(&mut self, path: &StreamPath, stream: StreamId, now: u64) -> Option<Arc<Page>> {
        if self.is_recording(path) {
            return None;
        }
        self.last_id += 1;
        let status = Status {
            id: self.last_id.to_string(),
            path: path.as_str().to_owned(),
            file: None,
            state: State::Recording,
            started_at: now,
            duration_ms: 0,
            bytes: 0,
            frames_skipped: 0,
            frames_left_out: 0,
            waiting_bytes: 0,
        };
        let page = Arc::new(Page {
            path: path.clone(),
            stream,
            status: Mutex::new(status),
            beside: Mutex::default(),
            monitor: Mutex::default(),
            stop: CancellationToken::new(),
            halt: Mutex::default(),
            began: Instant::now(),
            follows: self.again.follows(stream),
        });
        self.open.push(Arc::clone(&page));
        Some(page)
    }

    /// The recorder of `page` has ended.
    pub(super) fn close(&mut self, page: &Arc<Page>) {
        self.open.retain(|open| !Arc::ptr_eq(open, page));
        let status = page.status();
        if let State::Failed(failure) = &status.state {
            let what = (page.began.elapsed(), status.file.clone());
            if self.unwanted.contains(&page.stream) || !self.again.failed((page.stream, &page.path), failure.code, what)
            {
                self.unwanted.push(page.stream);
            }
        } else {
            self.again.forget(page.stream);
        }
        // A recording that never saw a frame left no file: there is nothing to tell, unless it failed.
        if status.file.is_some() || status.state != State::Complete && !page.fails_again() {
            self.past.push_back(status);
        }
        if self.past.len() > KEPT {
            self.past.pop_front();
        }
    }

    pub(super) fn is_recording(&self, path: &StreamPath) -> bool {
        self.open.iter().any(|page| page.path == *path && !page.stop.is_cancelled())
    }

    /// Somebody wants the stream recorded, whatever was said before; or it is over, and so is what was said about it.
    pub(super) fn forget(&mut self, stream: StreamId) {
        self.unwanted.retain(|unwanted| *unwanted != stream);
        self.again.forget(stream);
    }

    /// Somebody does not want the stream recorded.
    pub(super) fn stop(&mut self, path: &StreamPath) {
        for page in self.open.iter().filter(|page| page.path == *path) {
            page.stop.cancel();
            self.unwanted.push(page.stream);
        }
        let given_up = self.again.give_up(path);
        self.unwanted.extend(given_up);
    }

    /// Stops the recordings for which there is a reason, by the file that is written, if there is one yet.
    pub(super) fn halt(&self, reason: impl Fn(Option<&Path>) -> Option<Failure>) {
        for page in self.open.iter().filter(|page| !page.stop.is_cancelled()) {
            let file = page.lock().file.clone();
            if let Some(failure) = reason(file.as_deref()) {
                *page.halt.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                page.stop.cancel();
            }
        }
    }

    /// Whether anything is being recorded.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn is_unwanted(&self, stream: StreamId) -> bool {
        self.unwanted.contains(&stream) || self.again.follows(stream).is_some()
    }

    pub(super) fn status(&self) -> Vec<Status> {
        self.past.iter().cloned().chain(self.open.iter().map(|page| page.status())).collect()
    }

    /// The files whose recording failed.
    pub(super) fn failed(&self) -> HashSet<PathBuf> {
        let failed = self.past.iter().filter(|status| matches!(status.state, State::Failed(_)));
        failed.filter_map(|status| status.file.clone()).collect()
    }

    /// The files that are being written, with their length so far in seconds.
    pub(super) fn active(&self) -> HashMap<PathBuf, f64> {
        let written = |page: &Page| {
            let status = page.status();
            let beside = page.beside().clone();
            beside.into_iter().chain(status.file.map(|file| (file, status.duration_ms as f64 / 1e3)))
        };
        self.open.iter().flat_map(|page| written(page)).collect()
    }
}
