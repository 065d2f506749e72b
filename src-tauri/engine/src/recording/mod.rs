//! Recordings: streams written to files, each by a task of its own that reads the stream like any other reader.
//!
//! A recording goes on over the publisher's grace time in the same file and ends with the stream, by hand, or by a fault of
//! the disk, which the stream never notices. The folder is the truth about what there is ([`Entry`]); what is written now
//! is known here ([`Status`]).

mod book;
mod config;
mod container;
mod disk;
mod failure;
mod flv;
mod heal;
mod index;
mod mp4;
mod path;
mod pattern;
mod probe;
mod probe_mp4;
mod recorder;
mod reel;
mod repair;
mod rule;
mod space;
mod status;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::error::RecvError;
use weir_hub::{Start, StreamId, StreamState};
use weir_media::StreamPath;

use crate::engine::Context;
use crate::event::Event;
use crate::supervise::{End, Supervisor};
use book::Book;
use rule::Plan;

pub use config::{Config, Container, OnReturn, WhenFull};
pub use failure::{Failure, FailureCode};
pub use index::{DeleteError, Entry, EntryState};
pub use pattern::{Pattern, PatternError};
pub use repair::{Outcome, RepairError, repair};
pub use rule::{NotBelow, Rule, Subfolder};
pub use status::{State, Status};

/// How long a shutdown waits for files to be completed.
const PATIENCE: Duration = Duration::from_secs(4);

/// A stream that is recorded from its start loses nothing while its recorder gets going: all of the ring.
const FROM_THE_START: Start = Start::Back(Duration::MAX);

/// Why a recording could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such stream.
    #[error("there is no live stream {0}")]
    NoStream(StreamPath),
}

/// All recordings of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    /// Where recordings go when the settings name no folder.
    fallback: PathBuf,
    config: Mutex<Config>,
    book: Mutex<Book>,
    tasks: Supervisor,
}

impl Recordings {
    /// Begins to watch for streams to record. `folder` is where recordings go when the settings name none.
    pub fn start(context: Context, config: &Config, folder: PathBuf) -> Self {
        let tasks = context.supervisor.child();
        let (config, book) = (Mutex::new(config.clone()), Mutex::default());
        let recordings = Self(Arc::new(Inner { context, fallback: folder, config, book, tasks }));
        recordings.0.tasks.spawn("recordings", recordings.clone().watch());
        recordings.0.tasks.spawn("room for recordings", recordings.clone().keep_room());
        recordings.heal();
        recordings
    }

    /// How long there is room for what is being recorded now, at its rate so far. `None` when nothing is, or when the system
    /// does not tell how much is free. Blocks.
    pub fn time_left(&self) -> Option<Duration> {
        let active = self.status().into_iter().filter(|status| status.state == State::Recording);
        let rates = active.filter(|status| status.duration_ms > 0);
        let bytes_a_second: f64 = rates.map(|status| status.bytes as f64 * 1e3 / status.duration_ms as f64).sum();
        let reserve = self.config().reserve_bytes;
        let room = space::free(&self.folder())?.saturating_sub(reserve);
        (bytes_a_second > 0.0)
            .then(|| Duration::try_from_secs_f64(room as f64 / bytes_a_second).unwrap_or(Duration::MAX))
    }

    /// Looks at the disk every few seconds: makes room as the settings say, and stops recording before the disk is full.
    async fn keep_room(self) -> End {
        let mut clock = tokio::time::interval(space::LOOK_EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in 0_u32.. {
            tokio::select! {
                _ = clock.tick() => {}
                () = self.0.tasks.stopping().cancelled() => return End::Stopped,
            }
            let retention = round.is_multiple_of(space::RETENTION_EVERY);
            if !retention && self.book().is_idle() {
                continue;
            }
            let folder = self.folder();
            let config = self.config().clone();
            let active = self.book().active();
            let reserve = config.reserve_bytes;
            let now = crate::problem::now_millis();
            let at = folder.clone();
            let looked =
                tokio::task::spawn_blocking(move || space::look(&at, &config, &active, retention, now, space::free));
            let Ok(look) = looked.await else { continue };
            if !look.deleted.is_empty() {
                tracing::info!(deleted = ?look.deleted, "old recordings were deleted, as the settings say");
                self.0.context.events.tell(Event::RecordingsChanged);
            }
            if look.is_full {
                self.book().halt(&Failure::low_space(&folder, reserve));
            }
        }
        End::Stopped
    }

    /// Looks after what a crash left behind, beside everything else.
    fn heal(&self) {
        let (folder, problems, started) = (self.folder(), self.0.context.problems.clone(), SystemTime::now());
        let events = self.0.context.events.clone();
        self.0.tasks.spawn("repair of interrupted recordings", async move {
            let healed = tokio::task::spawn_blocking(move || heal::heal(&folder, started, &problems)).await;
            events.tell(Event::RecordingsChanged);
            if healed.is_ok() {
                End::done("all are looked after")
            } else {
                End::Failed("a repair went wrong".to_owned())
            }
        });
    }

    /// Follows changed settings; running recordings go on where they are.
    pub fn apply(&self, config: &Config) {
        *self.config() = config.clone();
        self.record_what_should_be(Start::NewestKey);
    }

    /// Starts to record a live stream, from its newest key frame on; does nothing when it is being recorded.
    pub fn record(&self, path: &StreamPath) -> Result<(), RecordError> {
        let stream = self.0.context.hub.stream(path).filter(|stream| stream.state != StreamState::Waiting);
        let stream = stream.ok_or_else(|| RecordError::NoStream(path.clone()))?;
        self.book().forget(stream.id);
        self.begin(path, stream.id, Start::NewestKey);
        Ok(())
    }

    /// Stops to record a stream, for as long as this stream lives; does nothing when it is not being recorded.
    pub fn stop(&self, path: &StreamPath) {
        self.book().stop(path);
    }

    /// Whether the stream is being recorded.
    pub fn is_recording(&self, path: &StreamPath) -> bool {
        self.book().is_recording(path)
    }

    /// All recordings since the start (the last hundred of those that are over), the newest last.
    pub fn status(&self) -> Vec<Status> {
        self.book().status()
    }

    /// Where recordings go. It is made with the first one.
    pub fn folder(&self) -> PathBuf {
        self.config().dir.clone().unwrap_or_else(|| self.0.fallback.clone())
    }

    /// The recordings in the folder, newest first. Reads the ends of every file: call it where blocking is allowed.
    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let active = self.book().active();
        index::list(&self.folder(), &active)
    }

    /// Where the recording of this name is, if it is in the folder. Blocks.
    pub fn locate(&self, name: &str) -> Option<PathBuf> {
        index::locate(&self.folder(), name).ok().flatten()
    }

    /// Deletes a recording of the folder by its name. Blocks.
    pub fn delete(&self, name: &str) -> Result<(), DeleteError> {
        let active = self.book().active();
        index::delete(&self.folder(), name, &active)
    }

    /// Completes and closes every recording.
    pub async fn shutdown(&self) {
        let left = self.0.tasks.shutdown(PATIENCE).await;
        if left > 0 {
            tracing::warn!(left, "recordings could not be completed in time; they are playable as they are");
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> MutexGuard<'_, Config> {
        self.0.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the hub: each new stream is a question.
    async fn watch(self) -> End {
        let mut events = self.0.context.hub.events();
        self.record_what_should_be(FROM_THE_START);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = self.0.tasks.stopping().cancelled() => return End::Stopped,
            };
            match event {
                Ok(weir_hub::Event::PublishStarted { .. }) => self.record_what_should_be(FROM_THE_START),
                Ok(weir_hub::Event::StreamEnded { stream, .. }) => self.book().forget(stream),
                Ok(_) => {}
                // Whatever was missed, the hub knows how things are now.
                Err(RecvError::Lagged(_)) => self.record_what_should_be(FROM_THE_START),
                Err(RecvError::Closed) => return End::done("the hub is gone"),
            }
        }
    }

    fn record_what_should_be(&self, start: Start) {
        for stream in self.0.context.hub.streams() {
            if stream.state != StreamState::Waiting
                && self.plan(&stream.path).record
                && !self.book().is_unwanted(stream.id)
            {
                self.begin(&stream.path, stream.id, start);
            }
        }
    }

    /// How a stream is recorded by the settings in force.
    fn plan(&self, path: &StreamPath) -> Plan {
        let folder = self.folder();
        Plan::new(&self.config(), path, &folder)
    }

    fn begin(&self, path: &StreamPath, stream: StreamId, start: Start) {
        let Some(page) = self.book().open(path, stream, crate::problem::now_millis()) else { return };
        let name = format!("recording of {path}");
        let task = recorder::run(recorder::Job {
            hub: self.0.context.hub.clone(),
            problems: self.0.context.problems.clone(),
            events: self.0.context.events.clone(),
            path: path.clone(),
            start,
            plan: self.plan(path),
            stopping: self.0.tasks.stopping().clone(),
            page: OpenPage { page: Arc::clone(&page), recordings: self.clone() },
        });
        self.0.tasks.spawn(name, task);
    }
}

/// A page of the book while its recorder runs; when the recorder ends in whatever way, a panic included, the page closes.
struct OpenPage {
    page: Arc<book::Page>,
    recordings: Recordings,
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.page.fail_if_open(Failure::internal());
        self.recordings.book().close(&self.page);
        self.recordings.0.context.events.tell(Event::Recording { recording: self.page.status() });
    }
}

/// The folder a file is in, for words about it.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}
