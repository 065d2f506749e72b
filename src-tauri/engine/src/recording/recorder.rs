//! The task that records one stream: it reads, the writer's thread writes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use weir_hub::{Delivery, EndReason, Hub, Origin, Start, SubscribeOptions};
use weir_media::{StreamPath, TrackKind, Tracks};

use super::failure::Failure;
use super::reel::Reel;
use super::rule::Plan;
use super::status::State;
use super::writer::{Item, SYNC_EVERY, Writer};
use super::{OpenPage, folder_of};
use crate::event::{Event, Events};
use crate::problem::{Problems, Report};
use crate::supervise::End;

/// Items carried from the stream to the writer at once while the disk keeps up; bounds what one turn costs.
const BATCH: usize = 256;

/// How long sound alone waits for pictures before it is recorded alone. OBS sends its sound first.
const PICTURES: Duration = Duration::from_millis(500);

/// Deliveries that wait for pictures at most; bounds what a burst of sound costs.
const MOST_WAITING: usize = 2_000;

/// Batches that are still taken when a recording is stopped: what is ready then, and no endless chase of a live stream.
const LAST_BATCHES: usize = 64;

/// How long the end of a recording may take when Weir shuts down or somebody stops it while the disk does not answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a recorder needs.
pub(super) struct Job {
    pub(super) hub: Hub,
    pub(super) problems: Problems,
    pub(super) events: Events,
    pub(super) path: StreamPath,
    pub(super) start: Start,
    pub(super) plan: Plan,
    pub(super) stopping: CancellationToken,
    pub(super) page: OpenPage,
}

/// Records until the stream ends, somebody stops it, or the disk fails.
pub(super) async fn run(job: Job) -> End {
    let recorded = job.record().await;
    let recorded = match job.page.page.halted() {
        Some(failure) => recorded.and(Err(failure)),
        None => recorded,
    };
    let (state, end) = match recorded {
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
        // Without a picture or a sound there is nothing to record yet, and no file. With sound alone the pictures may be on
        // their way, and they decide what kind of file it becomes.
        let mut waiting = None;
        loop {
            tokio::select! {
                () = subscriber.recv_batch(&mut batch) => {}
                () = sleep_until(waiting), if waiting.is_some() => break,
                () = stop.cancelled() => return Ok("stopped by hand".to_owned()),
                () = self.stopping.cancelled() => return Ok("shutting down".to_owned()),
            }
            let over = batch.iter().any(|delivery| matches!(delivery, Delivery::Ended(_)));
            if let Some(now) = newest_tracks(&batch) {
                tracks = now;
            }
            if batch.iter().any(is_media) {
                if over || tracks.has_video() || batch.len() > MOST_WAITING {
                    break;
                }
                waiting.get_or_insert_with(|| Instant::now() + PICTURES);
            } else if let Some(ended) = take_preamble(&mut batch) {
                return Ok(ended.to_string());
            }
        }
        let writer = self.open(tracks).await?;
        let mut tick = tokio::time::interval_at(Instant::now() + SYNC_EVERY, SYNC_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let why = loop {
            let (items, ended) = self.items(&mut batch);
            let written = tokio::select! {
                biased;
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
        let rest = async {
            // Up to the moment of the stop, not up to the turn before it.
            for _ in 0..LAST_BATCHES {
                let (items, ended) = self.items(&mut batch);
                if writer.write(items).await.is_err() || ended.is_some() || !subscriber.try_batch(&mut batch) {
                    break;
                }
            }
            writer.close().await
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, rest).await {
            Ok(closed) => closed.map(|_| why),
            Err(_) => Err(Failure::disk_hangs(&self.plan.folder)),
        }
    }

    /// Opens the file and the thread that writes it.
    async fn open(&self, tracks: Tracks) -> Result<Writer, Failure> {
        let (plan, stream) = (self.plan.clone(), self.path.clone());
        let (page, events) = (Arc::clone(&self.page.page), self.events.clone());
        let told = move |file: &Path| {
            page.opened(file.to_owned());
            events.tell(Event::Recording { recording: page.status() });
        };
        let (file, writer) = Writer::start(move || Reel::open(plan, stream, tracks, Box::new(told))).await?;
        tracing::info!(path = %self.path, file = %file.display(), folder = %folder_of(&file).display(), "recording");
        self.page.page.watched(writer.monitor());
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

/// The tracks that a batch ends with.
fn newest_tracks(batch: &[Delivery]) -> Option<Tracks> {
    batch.iter().rev().find_map(|delivery| match delivery {
        Delivery::Tracks(tracks) => Some(tracks.clone()),
        _ => None,
    })
}

/// Empties a batch that holds no picture and no sound.
fn take_preamble(batch: &mut Vec<Delivery>) -> Option<EndReason> {
    batch.drain(..).find_map(|delivery| match delivery {
        Delivery::Ended(reason) => Some(reason),
        _ => None,
    })
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
