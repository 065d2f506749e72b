//! Jobs at work: each on a thread of its own, one after the other, told about as they go.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::convert::{Unconverted, to_mp4};
use super::failure::Failure;
use super::film::read_head;
use super::job::{Job, JobError, JobKind, JobState, Ticket};
use super::repair::{Outcome, RepairError, repair_with};
use super::{Label, Recordings, folder_of, path, space};
use crate::event::Event;
use crate::supervise::End;

/// How often a job's progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

impl Recordings {
    /// Begins a job, or queues it behind others. Blocks.
    pub fn start_job(&self, name: &str, kind: JobKind) -> Result<Job, JobError> {
        let path = self.locate(name).ok_or_else(|| JobError::NotFound(name.to_owned()))?;
        if self.book().active().contains_key(&path) {
            return Err(JobError::InUse(name.to_owned()));
        }
        let is_flv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(path::FLV));
        if kind == JobKind::ConvertToMp4 && !is_flv {
            return Err(JobError::NotFlv(name.to_owned()));
        }
        let (now, stop) = (crate::problem::now_millis(), self.0.tasks.stopping().child_token());
        let ticket = self.jobs_list().add(kind, name.to_owned(), path, now, stop)?;
        let (recordings, id) = (self.clone(), ticket.id);
        self.0.tasks.spawn(format!("job {id} for {name}"), async move { recordings.work(ticket).await });
        self.0.context.events.tell(Event::RecordingJobs);
        self.jobs_list().job(id).ok_or_else(|| JobError::NotFound(name.to_owned()))
    }

    /// All jobs since the start, the newest last; of those that are over the latest fifty.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs_list().jobs()
    }

    /// Calls a job off, or forgets one that is over. False when there is none of this identity.
    pub fn remove_job(&self, id: &str) -> bool {
        let removed = self.jobs_list().remove(id);
        self.0.context.events.tell(Event::RecordingJobs);
        removed
    }

    async fn work(self, ticket: Arc<Ticket>) -> End {
        let turn = tokio::select! {
            turn = Arc::clone(&self.0.working).acquire_owned() => turn,
            () = ticket.control.stop.cancelled() => return self.over(&ticket, JobState::Cancelled),
        };
        ticket.set(JobState::Running);
        let events = self.0.context.events.clone();
        events.tell(Event::RecordingJobs);
        let (recordings, worker) = (self.clone(), Arc::clone(&ticket));
        let mut working = tokio::task::spawn_blocking(move || recordings.run(&worker));
        let mut clock = tokio::time::interval(TELL_EVERY);
        let mut told = 0;
        let state = loop {
            tokio::select! {
                done = &mut working => break done.unwrap_or_else(|_| JobState::Failed(Failure::internal())),
                _ = clock.tick() => {}
            }
            let now = ticket.control.thousandths();
            if std::mem::replace(&mut told, now) != now {
                events.tell(Event::RecordingJobs);
            }
        };
        drop(turn);
        self.over(&ticket, state)
    }

    fn over(&self, ticket: &Ticket, state: JobState) -> End {
        tracing::info!(recording = ticket.recording, kind = ?ticket.kind, ?state, "a job is over");
        let end = match &state {
            JobState::Failed(failure) => End::Failed(failure.message.clone()),
            JobState::Cancelled => End::Stopped,
            _ => End::done("done"),
        };
        ticket.set(state);
        self.0.context.events.tell(Event::RecordingJobs);
        self.0.context.events.tell(Event::RecordingsChanged);
        end
    }

    fn run(&self, ticket: &Ticket) -> JobState {
        match ticket.kind {
            JobKind::ConvertToMp4 => self.convert(ticket),
            JobKind::Repair => self.repair(ticket),
        }
    }

    fn repair(&self, ticket: &Ticket) -> JobState {
        let outcome = repair_with(&ticket.path, &ticket.control);
        self.note_flaw(&ticket.recording, &outcome);
        match outcome {
            Ok(Outcome::Whole | Outcome::Repaired { .. }) => JobState::Done(vec![ticket.recording.clone()]),
            Ok(Outcome::Damaged) => failed(&"nothing in it is whole"),
            Ok(Outcome::Foreign) => failed(&"it was not written by Weir, which repairs its own files only"),
            Err(RepairError::Cancelled) => JobState::Cancelled,
            Err(RepairError::InUse) => failed(&"another program has it open"),
            Err(RepairError::Disk(error)) => JobState::Failed(Failure::of_disk(&error, folder_of(&ticket.path))),
        }
    }

    fn convert(&self, ticket: &Ticket) -> JobState {
        let (folder, reserve) = (folder_of(&ticket.path), self.config().reserve_bytes);
        let size = std::fs::metadata(&ticket.path).map_or(0, |metadata| metadata.len());
        if space::free(folder).is_some_and(|free| free < size.saturating_add(reserve)) {
            return JobState::Failed(Failure::no_room(folder, size));
        }
        let head = read_head(&ticket.path).unwrap_or_default();
        let label = Label { stream: head.stream, started_ms: head.started_ms };
        match to_mp4(&ticket.path, &label, &ticket.control) {
            Ok(files) => JobState::Done(files.iter().map(|file| self.name_of(file)).collect()),
            Err(Unconverted::Cancelled) => JobState::Cancelled,
            Err(Unconverted::Failed(failure)) => JobState::Failed(failure),
        }
    }

    /// A file's identity: its path below the folder, slashes between.
    pub(super) fn name_of(&self, file: &Path) -> String {
        let folder = self.folder();
        let below = file.strip_prefix(&folder).unwrap_or(file);
        below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    }
}

fn failed(why: &dyn std::fmt::Display) -> JobState {
    JobState::Failed(Failure::of_file(why))
}
