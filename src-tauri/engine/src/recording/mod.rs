//! Recordings: streams written to files, each by a task of its own that reads the stream like any other reader.
//!
//! A recording goes on over the publisher's grace time in the same file and ends with the stream, by hand, or by a fault of
//! the disk, which the stream never notices. The folder is the truth about what there is ([`Entry`]); what is written now
//! is known here ([`Status`]).

mod about;
mod again;
mod book;
mod browse;
mod config;
mod container;
mod convert;
mod disk;
mod failure;
mod files;
mod film;
mod flv;
mod heal;
mod index;
mod job;
mod label;
mod library;
mod mp4;
mod path;
mod pattern;
mod probe;
mod probe_mp4;
mod query;
mod recorder;
mod reel;
mod repair;
mod rule;
mod shelf;
mod space;
mod status;
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore, watch};
use weir_hub::{Start, StreamId, StreamState};
use weir_media::StreamPath;

use crate::engine::Context;
use crate::event::Event;
use crate::supervise::{End, Supervisor};
use book::Book;
use job::Jobs;
use label::Label;
use library::Library;
use rule::Plan;

pub use about::{About, FileTrack, Flaw};
pub use browse::Room;
pub use config::{Config, Container, OnReturn, WhenFull};
pub use failure::{Failure, FailureCode};
pub use film::{
    Chapter, Choice, Film, FilmError, Fragment, Gap, GapCause, Initialization, KeyPicture, Plan as FilmPlan,
};
pub use index::{Entry, EntryState};
pub use job::{Job, JobError, JobKind, JobState};
pub use pattern::{Pattern, PatternError};
pub use query::{Found, Query, Sort};
pub use repair::{Outcome, RepairError, cut_off, repair};
pub use rule::{NotBelow, Rule, Subfolder};
pub use shelf::{DeleteError, Removal, RenameError};
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
    library: Library,
    /// Files that are being played.
    films: Mutex<Vec<browse::Opened>>,
    jobs: Mutex<Jobs>,
    /// One look at all new files at a time.
    looking: Arc<Semaphore>,
    /// The settings changed: the disk is looked at now.
    room: Notify,
    /// A recording has ended; perhaps it is to be begun again.
    failed: Notify,
    /// One job at a time: two would only make the disk slower for what is recorded.
    working: Arc<Semaphore>,
    /// What a crash left behind has been looked after.
    healed: watch::Sender<bool>,
    tasks: Supervisor,
}

impl Recordings {
    /// Begins to watch for streams to record. `folder` is where recordings go when the settings name none, `data` where the
    /// index of recordings is kept.
    pub fn start(context: Context, config: &Config, folder: PathBuf, data: &Path) -> Self {
        let tasks = context.supervisor.child();
        let (config, book) = (Mutex::new(config.clone()), Mutex::default());
        let recordings = Self(Arc::new(Inner {
            context,
            fallback: folder,
            config,
            book,
            library: Library::new(data.join("recordings.json")),
            films: Mutex::default(),
            jobs: Mutex::default(),
            looking: Arc::new(Semaphore::new(1)),
            room: Notify::new(),
            failed: Notify::new(),
            working: Arc::new(Semaphore::new(1)),
            healed: watch::Sender::new(false),
            tasks,
        }));
        recordings.0.tasks.spawn("recordings", recordings.clone().watch());
        recordings.0.tasks.spawn("room for recordings", recordings.clone().keep_room());
        recordings.0.tasks.spawn("recordings that are begun again", recordings.clone().begin_again());
        recordings.heal();
        recordings
    }

    /// How long there is room for what is being recorded now, at its rate so far.
    fn time_left(&self, free: Option<u64>) -> Option<Duration> {
        let active = self.status().into_iter().filter(|status| status.state == State::Recording);
        let bitrate = |path: &str| {
            let stream = StreamPath::parse(path).ok().and_then(|path| self.0.context.hub.stream(&path));
            stream.map_or(0, |stream| stream.bitrate)
        };
        let bytes_a_second: f64 = active.map(|status| status.bytes_a_second(|| bitrate(&status.path))).sum();
        let reserve = self.config().reserve_bytes;
        let room = free?.saturating_sub(reserve);
        (bytes_a_second > 0.0)
            .then(|| Duration::try_from_secs_f64(room as f64 / bytes_a_second).unwrap_or(Duration::MAX))
    }

    /// Looks at the disk every few seconds: makes room as the settings say, and stops recording before the disk is full.
    async fn keep_room(self) -> End {
        let mut clock = tokio::time::interval(space::LOOK_EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in 0_u32.. {
            let changed = tokio::select! {
                _ = clock.tick() => false,
                () = self.0.room.notified() => true,
                () = self.0.tasks.stopping().cancelled() => return End::Stopped,
            };
            let retention = changed || round.is_multiple_of(space::RETENTION_EVERY);
            if !retention && self.book().is_idle() {
                continue;
            }
            let folder = self.folder();
            let config = self.config().clone();
            let active = self.book().active();
            let reserve = config.reserve_bytes;
            let now = crate::problem::now_millis();
            let at = folder.clone();
            let recordings = self.clone();
            let looked = tokio::task::spawn_blocking(move || {
                if retention {
                    recordings.0.library.store();
                }
                let deleted = space::make_room(&at, &config, &active, retention, now, space::free);
                let folders = active.keys().map(|file| folder_of(file).to_owned()).chain([at]).collect();
                (deleted, space::short(folders, reserve, space::free))
            });
            let Ok((deleted, short)) = looked.await else { continue };
            if !self.book().is_idle() {
                self.0.context.events.tell(Event::RecordingRoom);
            }
            if !deleted.is_empty() {
                tracing::info!(?deleted, "old recordings were deleted, as the settings say");
                self.0.context.events.tell(Event::RecordingsChanged);
            }
            self.book().halt(|file| {
                let folder = file.map_or(folder.as_path(), folder_of);
                short.contains(folder).then(|| Failure::low_space(folder, reserve))
            });
        }
        End::Stopped
    }

    /// Looks after what a crash left behind, beside everything else.
    fn heal(&self) {
        let recordings = self.clone();
        let events = self.0.context.events.clone();
        self.0.tasks.spawn("repair of interrupted recordings", async move {
            let work = recordings.clone();
            let healed = tokio::task::spawn_blocking(move || {
                heal::heal(&work);
                work.0.library.store();
            })
            .await;
            events.tell(Event::RecordingsChanged);
            recordings.0.healed.send_replace(true);
            if healed.is_ok() {
                End::done("all are looked after")
            } else {
                End::Failed("a repair went wrong".to_owned())
            }
        });
    }

    /// Waits until what a crash left behind has been looked after. A file that comes into the folder after that is left as it is.
    pub async fn healed(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.healed.subscribe().wait_for(|healed| *healed).await;
    }

    /// Follows changed settings; running recordings go on where they are.
    pub fn apply(&self, config: &Config) {
        *self.config() = config.clone();
        self.0.room.notify_one();
        self.book().again.hurry();
        self.0.failed.notify_one();
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

    /// Completes and closes every recording.
    pub async fn shutdown(&self) {
        let left = self.0.tasks.shutdown(PATIENCE).await;
        if left > 0 {
            tracing::warn!(left, "recordings could not be completed in time; they are playable as they are");
        }
        let recordings = self.clone();
        let _ = tokio::task::spawn_blocking(move || recordings.0.library.store()).await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs_list(&self) -> MutexGuard<'_, Jobs> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut plan = self.plan(path);
        if self.book().again.needs_flv(stream) {
            plan.container = Container::Flv;
        }
        let name = format!("recording of {path}");
        let task = recorder::run(recorder::Job {
            hub: self.0.context.hub.clone(),
            problems: self.0.context.problems.clone(),
            events: self.0.context.events.clone(),
            timings: self.0.context.timings.clone(),
            path: path.clone(),
            start,
            plan,
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
        self.recordings.0.failed.notify_one();
        if !self.page.fails_again() {
            self.recordings.0.context.events.tell(Event::Recording { recording: self.page.status() });
        }
    }
}

/// The folder a file is in, for words about it.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}
