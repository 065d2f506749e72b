//! The task that records one stream: it reads, the writer's thread writes.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use weir_hub::{Delivery, EndReason, Hub, Origin, Start, SubscribeOptions};
use weir_media::{StreamPath, TrackKind, Tracks};

use super::failure::Failure;
use super::flv::FlvFile;
use super::status::State;
use super::writer::{Item, SYNC_EVERY, Writer};
use super::{OpenPage, folder_of, path};
use crate::event::{Event, Events};
use crate::problem::{Problems, Report};
use crate::supervise::End;

/// Items carried from the stream to the writer at once while the disk keeps up; bounds what one turn costs.
const BATCH: usize = 256;

/// How long the end of a recording may take when Weir shuts down or somebody stops it while the disk does not answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a recorder needs.
pub(super) struct Job {
    pub(super) hub: Hub,
    pub(super) problems: Problems,
    pub(super) events: Events,
    pub(super) path: StreamPath,
    pub(super) start: Start,
    pub(super) folder: PathBuf,
    pub(super) stopping: CancellationToken,
    pub(super) page: OpenPage,
}

/// Records until the stream ends, somebody stops it, or the disk fails.
pub(super) async fn run(job: Job) -> End {
    let (state, end) = match job.record().await {
        Ok(why) => (State::Complete, End::done(why)),
        Err(failure) => {
            job.problems.report(Report {
                code: "recording_failed",
                message: format!("The recording of {} has stopped. {}", job.path, failure.message),
                hint: failure.hint.clone(),
                path: Some(job.path.as_str().to_owned()),
                peer: None,
            });
            (State::Failed(failure.clone()), End::Failed(failure.message))
        }
    };
    job.page.page.ended(state);
    end
}

impl Job {
    async fn record(&self) -> Result<String, Failure> {
        let origin = Origin::internal("recording");
        let options = SubscribeOptions { start: self.start, ..SubscribeOptions::recording(origin) };
        let Ok(mut subscriber) = self.hub.subscribe(&self.path, options) else {
            return Ok("the hub takes no readers any more".to_owned());
        };
        let stop = &self.page.page.stop;
        let mut tracks = Tracks::default();
        let mut batch = Vec::with_capacity(BATCH);
        // Without a picture or a sound there is nothing to record yet, and no file.
        let ended = loop {
            tokio::select! {
                () = subscriber.recv_batch(&mut batch) => {}
                () = stop.cancelled() => return Ok("stopped by hand".to_owned()),
                () = self.stopping.cancelled() => return Ok("shutting down".to_owned()),
            }
            if batch.iter().any(is_media) {
                break None;
            }
            if let Some(ended) = take_preamble(&mut batch, &mut tracks) {
                break Some(ended);
            }
        };
        if let Some(reason) = ended {
            return Ok(reason.to_string());
        }
        let writer = self.open(tracks).await?;
        let mut tick = tokio::time::interval_at(Instant::now() + SYNC_EVERY, SYNC_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let why = loop {
            let (items, ended) = self.items(&mut batch);
            let written = tokio::select! {
                written = writer.write(items) => written,
                () = stop.cancelled() => break "stopped by hand".to_owned(),
                () = self.stopping.cancelled() => break "shutting down".to_owned(),
            };
            match ended {
                _ if written.is_err() => break "the disk failed".to_owned(),
                Some(reason) => break reason.to_string(),
                None => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break "stopped by hand".to_owned(),
                () = self.stopping.cancelled() => break "shutting down".to_owned(),
                () = writer.gone() => break "the disk failed".to_owned(),
                _ = tick.tick() => writer.sync_when_idle(),
                () = subscriber.recv_batch(&mut batch) => {}
            }
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, writer.close()).await {
            Ok(closed) => closed.map(|_| why),
            Err(_) => Err(Failure::disk_hangs(&self.folder)),
        }
    }

    /// Opens the file and the thread that writes it.
    async fn open(&self, tracks: Tracks) -> Result<Writer, Failure> {
        let (folder, stream) = (self.folder.clone(), self.path.clone());
        let local = jiff::Zoned::now().datetime();
        let (file, writer) = Writer::start(move || {
            let disk = |error| Failure::of_disk(&error, &folder);
            let (file, name) = path::create(&folder, &stream, local, path::FLV).map_err(disk)?;
            Ok((name.clone(), FlvFile::new(file, name, &tracks)))
        })
        .await?;
        tracing::info!(path = %self.path, file = %file.display(), folder = %folder_of(&file).display(), "recording");
        self.page.page.opened(file, writer.monitor());
        self.events.tell(Event::Recording { recording: self.page.page.status() });
        Ok(writer)
    }

    /// What was delivered, as things to write. Says what is missing.
    fn items(&self, batch: &mut Vec<Delivery>) -> (Vec<Item>, Option<EndReason>) {
        let mut items = Vec::with_capacity(batch.len());
        let mut ended = None;
        for delivery in batch.drain(..) {
            items.push(match delivery {
                Delivery::Tracks(tracks) => Item::Tracks(tracks),
                Delivery::Frame { frame, .. } => Item::Frame(frame),
                Delivery::Gap { gap } => Item::Gap(gap),
                Delivery::Skipped { frames, behind } => {
                    self.skipped(frames);
                    Item::Skipped { frames, time: behind }
                }
                Delivery::Ended(reason) => {
                    ended = Some(reason);
                    continue;
                }
            });
        }
        (items, ended)
    }

    fn skipped(&self, frames: u64) {
        self.page.page.skipped(frames);
        self.problems.report(Report {
            code: "recording_skipped_frames",
            message: format!("The disk is slower than {}: {frames} frames are missing in its recording.", self.path),
            hint: "Record to a faster disk, or lower the bitrate.".to_owned(),
            path: Some(self.path.as_str().to_owned()),
            peer: None,
        });
    }
}

fn is_media(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Frame { frame, .. } if frame.track.kind != TrackKind::Data)
}

/// Keeps the tracks of a batch that holds no picture and no sound.
fn take_preamble(batch: &mut Vec<Delivery>, tracks: &mut Tracks) -> Option<EndReason> {
    let mut ended = None;
    for delivery in batch.drain(..) {
        match delivery {
            Delivery::Tracks(now) => *tracks = now,
            Delivery::Ended(reason) => ended = Some(reason),
            Delivery::Frame { .. } | Delivery::Gap { .. } | Delivery::Skipped { .. } => {}
        }
    }
    ended
}
