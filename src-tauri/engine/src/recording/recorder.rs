//! The task that records one stream: it reads, the writer's thread writes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use weir_hub::{Delivery, EndReason, Hub, Origin, Start, SubscribeOptions, Subscriber};
use weir_media::{StreamPath, TrackKind, Tracks};

use super::failure::Failure;
use super::files::StreamFiles;
use super::reel::{Cutting, Reel};
use super::rule::Plan;
use super::status::State;
use super::writer::{Item, QUEUE_BYTES, SYNC_EVERY, Writer};
use super::{OpenPage, folder_of};
use crate::event::{Event, Events};
use crate::metrics::Timings;
use crate::problem::{Problems, Report};
use crate::supervise::End;

/// Items carried from the stream to the writer at once while the disk keeps up; bounds what one turn costs.
const BATCH: usize = 256;

/// How long sound alone waits for pictures before it is recorded alone. OBS sends its sound first.
const PICTURES: Duration = Duration::from_millis(500);

/// Deliveries that wait for pictures at most; bounds what a burst of sound costs.
const MOST_WAITING: usize = 2_000;

/// Bytes waiting for the disk that are worth a word: a quarter of what may wait, seconds before anything is lost.
const SLOW: u64 = QUEUE_BYTES as u64 / 4;

/// Below this the disk has caught up, and the next time is another time.
const CAUGHT_UP: u64 = SLOW / 4;

/// Batches that are still taken when a recording is stopped: what is ready then, and no endless chase of a live stream.
const LAST_BATCHES: usize = 64;

/// How long the end of a recording may take when Weir shuts down or somebody stops it while the disk does not answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a recorder needs.
pub(super) struct Job {
    pub(super) hub: Hub,
    pub(super) problems: Problems,
    pub(super) events: Events,
    pub(super) timings: Timings,
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
        Err(failure) => (State::Failed(failure.clone()), End::Failed(failure.message)),
    };
    job.page.page.ended(state.clone());
    if let State::Failed(failure) = state
        && !job.page.page.fails_again()
    {
        job.problems.report(Report {
            code: "recording_failed",
            message: format!("The recording of {} has stopped. {}", job.path, failure.message),
            hint: failure.hint,
            path: Some(job.path.as_str().to_owned()),
            peer: None,
        });
    }
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
        let (monitor, mut pace, mut said) = (writer.monitor(), Pace::default(), false);
        // What was read and waits for room in the queue.
        let mut items = Vec::new();
        let mut ended;
        let why = loop {
            if pace.falls_behind(monitor.waiting()) {
                self.slow(monitor.waiting());
            }
            ended = self.items(&subscriber, &mut batch, &mut items);
            let written = tokio::select! {
                biased;
                written = writer.write(&mut items) => written,
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
                _ = tick.tick() => {
                    writer.sync_when_idle();
                    self.left_out(monitor.progress().left_out, &mut said);
                }
                () = subscriber.recv_batch(&mut batch) => {}
            }
        };
        let rest = async {
            // Up to the moment of the stop, not up to the turn before it; first what a full queue had no room for.
            for _ in 0..LAST_BATCHES {
                if writer.write(&mut items).await.is_err() || ended.is_some() || !subscriber.try_batch(&mut batch) {
                    break;
                }
                ended = self.items(&subscriber, &mut batch, &mut items);
            }
            // Where nobody reads any more, `close` says why.
            let _ = writer.write(&mut items).await;
            writer.close().await
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, rest).await {
            Ok(closed) => closed.map(|progress| {
                self.left_out(progress.left_out, &mut said);
                why
            }),
            Err(_) => Err(Failure::disk_hangs(&self.plan.folder)),
        }
    }

    /// Opens the file and the thread that writes it.
    async fn open(&self, tracks: Tracks) -> Result<Writer, Failure> {
        let (plan, stream) = (self.plan.clone(), self.path.clone());
        let (page, events) = (Arc::clone(&self.page.page), self.events.clone());
        let told = move |file: &Path, beside| {
            page.opened(file.to_owned(), beside);
            events.tell(Event::Recording { recording: page.status() });
        };
        let (page, events) = (Arc::clone(&self.page.page), self.events.clone());
        let closed = move |file: &Path, progress| {
            events.tell(Event::RecordingSegment { recording: page.segment(file, progress) });
        };
        let cutting = Cutting { segment: plan.segment, on_return: plan.on_return, ..Cutting::none(plan.container) };
        let files = StreamFiles { plan, stream, on_open: Box::new(told), on_close: Box::new(closed) };
        let open = move || Reel::open(cutting, Box::new(files), tracks);
        let (file, writer) = Writer::start(open, self.timings.clone()).await?;
        tracing::info!(path = %self.path, file = %file.display(), folder = %folder_of(&file).display(), "recording");
        self.page.page.watched(writer.monitor());
        Ok(writer)
    }

    /// What was delivered, as things to write. Says what is missing.
    fn items(&self, subscriber: &Subscriber, batch: &mut Vec<Delivery>, items: &mut Vec<Item>) -> Option<EndReason> {
        items.reserve(batch.len());
        let (mut bytes, mut ended) = (0, None);
        for delivery in batch.drain(..) {
            items.push(match delivery {
                Delivery::Tracks(tracks) => Item::Tracks(tracks),
                Delivery::Frame { frame, .. } => {
                    bytes += frame.data.len() as u64;
                    Item::Frame(frame)
                }
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
        subscriber.count_sent(bytes);
        ended
    }

    /// Said before anything is lost: the queue has room yet, and behind it stands the stream's ring.
    fn slow(&self, waiting: u64) {
        self.problems.report(Report {
            code: "recording_disk_slow",
            message: format!(
                "The disk is slower than {}: {} MB of its recording wait to be written. Nothing is lost yet.",
                self.path,
                waiting / 1_000_000
            ),
            hint: "Close what else uses the disk, record to a faster one, or lower the bitrate.".to_owned(),
            path: Some(self.path.as_str().to_owned()),
            peer: None,
        });
    }

    /// Said once: what is left out at a beginning mostly goes on being left out.
    fn left_out(&self, frames: u64, said: &mut bool) {
        if frames == 0 || std::mem::replace(said, true) {
            return;
        }
        self.problems.report(Report {
            code: "recording_left_out",
            message: format!("A part of {} is left out of its recording: that kind of file cannot hold it.", self.path),
            hint: "Choose the container `auto` for the recordings of this stream.".to_owned(),
            path: Some(self.path.as_str().to_owned()),
            peer: None,
        });
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

/// Whether the disk keeps up.
#[derive(Debug, Default)]
struct Pace {
    is_slow: bool,
}

impl Pace {
    /// Whether it has just begun to fall behind.
    const fn falls_behind(&mut self, waiting: u64) -> bool {
        let was_slow = self.is_slow;
        self.is_slow = waiting > if was_slow { CAUGHT_UP } else { SLOW };
        self.is_slow && !was_slow
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

pub(super) async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_disk_is_said_once_until_it_has_caught_up_and_before_the_queue_is_full() {
        let mut pace = Pace::default();
        let said = [0, SLOW, SLOW + 1, QUEUE_BYTES as u64, SLOW - 1, CAUGHT_UP + 1, CAUGHT_UP, SLOW + 1];
        let said = said.map(|waiting| pace.falls_behind(waiting));
        assert_eq!(said, [false, false, true, false, false, false, false, true]);
        assert!(SLOW < QUEUE_BYTES as u64 / 2, "while there is room yet");
    }
}
