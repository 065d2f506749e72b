//! The thread that writes one file. A disk may stop for seconds; nothing that carries packets may wait for it.
//!
//! Between the recorder and the thread stands a queue bounded by bytes. When it is full the recorder stops reading from
//! the stream, whose ring then holds what the queue cannot; only what falls out of the ring is lost, and said.
//!
//! **What a crash costs.** What is written goes to the operating system whenever the queue is empty, so a kill of Weir
//! loses nothing that the thread has seen but an MP4 fragment that is not whole yet. It goes to the disk ([`SYNC_EVERY`])
//! every second, so a power cut loses no more than that. At close everything goes to the disk before the recording is called
//! complete.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use weir_media::{Frame, TimeDelta, Tracks};

use super::failure::Failure;
use crate::metrics::Timings;

/// Bytes that may wait for the disk: 10 s at 25 Mbit/s. Protects memory from a disk that has stopped.
pub(crate) const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// Batches that may wait for the disk; protects memory from a flood of tiny frames, which no byte limit sees.
const QUEUE_BATCHES: usize = 1024;

/// What a queued item costs beside its payload.
const ITEM_BYTES: usize = 128;

/// How often at most the file is forced to the disk (`fdatasync`): a power cut costs no more than this. More often would wear
/// flash and stall slow disks.
pub(crate) const SYNC_EVERY: Duration = Duration::from_secs(1);

/// One thing to write, in order.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// The tracks in force from here on.
    Tracks(Tracks),
    /// One frame.
    Frame(Frame),
    /// The publisher was away for this long.
    Gap(Duration),
    /// The disk was too slow: so many frames are missing here.
    Skipped {
        /// How many.
        frames: u64,
        /// The media time they cover.
        time: Duration,
    },
}

impl Item {
    fn cost(&self) -> usize {
        ITEM_BYTES + if let Self::Frame(frame) = self { frame.data.len() } else { 0 }
    }
}

/// How far a file has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Bytes in the file.
    pub(crate) bytes: u64,
    /// Media time from its first frame to its last.
    pub(crate) duration: TimeDelta,
    /// Frames that the file's format cannot hold.
    pub(crate) left_out: u64,
    /// Frames that came before anything they could be shown with.
    pub(crate) early: u64,
}

/// Writes a container. Runs on the writer's thread, so it may block.
pub(crate) trait Muxer {
    /// Writes one item.
    fn write(&mut self, item: Item) -> Result<(), Failure>;
    /// How far the file has got.
    fn progress(&self) -> Progress;
    /// Hands everything written to the operating system.
    fn flush(&mut self) -> Result<(), Failure>;
    /// Forces everything written to the disk, and notices when the file is gone.
    fn sync(&mut self) -> Result<(), Failure>;
    /// Completes the file. Called after a failure too, then to save what is there; best effort in that case.
    fn close(&mut self) -> Result<(), Failure>;
}

/// The recorder's end of the queue.
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    progress: watch::Receiver<Progress>,
    end: oneshot::Receiver<Result<Progress, Failure>>,
}

/// How a writer is doing, for whoever watches.
#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    room: Arc<Semaphore>,
    progress: watch::Receiver<Progress>,
}

impl Monitor {
    /// How far the file has got.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Bytes that wait for the disk.
    pub(crate) fn waiting(&self) -> u64 {
        QUEUE_BYTES.saturating_sub(self.room.available_permits()) as u64
    }
}

enum Job {
    Items(Vec<Item>, OwnedSemaphorePermit),
    Sync,
}

/// The thread has ended, because of a failure: [`Writer::close`] says which.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Writer {
    /// Starts a thread that opens a file with `open` and writes to it. Opening happens on the thread too: a network folder
    /// that does not answer must not stop anything else. Returns when the file is open, with where it is.
    pub(crate) async fn start<M: Muxer>(
        open: impl FnOnce() -> Result<(PathBuf, M), Failure> + Send + 'static,
        timings: Timings,
    ) -> Result<(PathBuf, Self), Failure> {
        let (queue, jobs) = mpsc::channel(QUEUE_BATCHES);
        let (opened, is_open) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let (tell, progress) = watch::channel(Progress::default());
        let run = move || match open() {
            Ok((path, mut muxer)) => {
                let _ = opened.send(Ok(path));
                let _ = ended.send(run(&mut muxer, jobs, &tell, &timings));
            }
            Err(failure) => {
                let _ = opened.send(Err(failure));
            }
        };
        let spawned: io::Result<_> = std::thread::Builder::new().name("weir-recording".into()).spawn(run);
        spawned.map_err(|_| Failure::internal())?;
        let path = is_open.await.map_err(|_| Failure::internal())??;
        Ok((path, Self { queue, room: Arc::new(Semaphore::new(QUEUE_BYTES)), progress, end }))
    }

    /// Queues items, and waits for room when the disk is behind. Cancel-safe: `items` are taken only when there is room.
    pub(crate) async fn write(&self, items: &mut Vec<Item>) -> Result<(), Gone> {
        let cost = items.iter().map(Item::cost).sum::<usize>().min(QUEUE_BYTES);
        let permits = u32::try_from(cost).unwrap_or(u32::MAX);
        let ended = self.queue.closed();
        let permit = tokio::select! {
            permit = Arc::clone(&self.room).acquire_many_owned(permits) => permit.map_err(|_| Gone)?,
            () = ended => return Err(Gone),
        };
        let place = self.queue.reserve().await.map_err(|_| Gone)?;
        place.send(Job::Items(std::mem::take(items), permit));
        Ok(())
    }

    /// Asks for a look at the disk when nothing is queued; a publisher that is away sends nothing that would cause one.
    pub(crate) fn sync_when_idle(&self) {
        if self.queue.capacity() == QUEUE_BATCHES {
            let _ = self.queue.try_send(Job::Sync);
        }
    }

    /// Resolves when the thread has ended, because of a failure.
    pub(crate) async fn gone(&self) {
        self.queue.closed().await;
    }

    /// What others see of it.
    pub(crate) fn monitor(&self) -> Monitor {
        Monitor { room: Arc::clone(&self.room), progress: self.progress.clone() }
    }

    /// Waits until everything queued is in the file and the file is complete.
    pub(crate) async fn close(self) -> Result<Progress, Failure> {
        let Self { queue, end, .. } = self;
        drop(queue);
        end.await.unwrap_or_else(|_| Err(Failure::internal()))
    }
}

fn run(
    muxer: &mut impl Muxer,
    mut jobs: mpsc::Receiver<Job>,
    progress: &watch::Sender<Progress>,
    timings: &Timings,
) -> Result<Progress, Failure> {
    let result = drain(muxer, &mut jobs, progress, timings);
    // Whoever still queues learns at once that nobody reads.
    jobs.close();
    let closed = muxer.close();
    progress.send_replace(muxer.progress());
    result.and(closed).map(|()| muxer.progress())
}

fn drain(
    muxer: &mut impl Muxer,
    jobs: &mut mpsc::Receiver<Job>,
    progress: &watch::Sender<Progress>,
    timings: &Timings,
) -> Result<(), Failure> {
    let mut synced = Instant::now();
    while let Some(job) = jobs.blocking_recv() {
        let began = Instant::now();
        let is_media = matches!(job, Job::Items(..));
        if let Job::Items(items, permit) = job {
            for item in items {
                muxer.write(item)?;
            }
            drop(permit);
        }
        if jobs.is_empty() {
            muxer.flush()?;
        }
        if is_media {
            timings.recording_write().observe(began.elapsed());
        }
        if synced.elapsed() >= SYNC_EVERY {
            muxer.sync()?;
            synced = Instant::now();
        }
        progress.send_replace(muxer.progress());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc as sync_mpsc;

    use bytes::Bytes;
    use weir_media::{FrameKind, Timestamp, TrackId};

    use super::super::failure::FailureCode;
    use super::*;

    /// A container that waits for the test's leave before each item, and fails at the `fail_at`th.
    struct Slow {
        leave: sync_mpsc::Receiver<()>,
        seen: Arc<Mutex<Vec<&'static str>>>,
        fail_at: usize,
        written: u64,
    }

    impl Muxer for Slow {
        fn write(&mut self, _: Item) -> Result<(), Failure> {
            let _ = self.leave.recv();
            self.written += 1;
            self.seen.lock().unwrap().push("write");
            if self.written as usize == self.fail_at {
                return Err(Failure::of_disk(&io::ErrorKind::StorageFull.into(), std::path::Path::new("r")));
            }
            Ok(())
        }

        fn progress(&self) -> Progress {
            Progress { bytes: self.written, ..Progress::default() }
        }

        fn flush(&mut self) -> Result<(), Failure> {
            self.seen.lock().unwrap().push("flush");
            Ok(())
        }

        fn sync(&mut self) -> Result<(), Failure> {
            Ok(())
        }

        fn close(&mut self) -> Result<(), Failure> {
            self.seen.lock().unwrap().push("close");
            Ok(())
        }
    }

    fn frame(len: usize) -> Item {
        let data = Bytes::from(vec![0; len]);
        let time = Timestamp::ZERO;
        Item::Frame(Frame { track: TrackId::VIDEO, dts: time, pts: time, kind: FrameKind::Key, data })
    }

    async fn slow(fail_at: usize) -> (Writer, sync_mpsc::Sender<()>, Arc<Mutex<Vec<&'static str>>>) {
        let (go, leave) = sync_mpsc::channel();
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let muxer = Slow { leave, seen: Arc::clone(&seen), fail_at, written: 0 };
        let (_, writer) = Writer::start(move || Ok((PathBuf::new(), muxer)), Timings::default()).await.unwrap();
        (writer, go, seen)
    }

    #[tokio::test]
    async fn everything_queued_is_written_before_the_file_closes() {
        let (writer, go, seen) = slow(usize::MAX).await;
        for _ in 0..20 {
            writer.write(&mut vec![frame(10), frame(10)]).await.unwrap();
        }
        drop(go);
        assert_eq!(writer.close().await.unwrap().bytes, 40);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.iter().filter(|what| **what == "write").count(), 40);
        assert!(seen.ends_with(&["flush", "close"]), "{seen:?}");
    }

    #[tokio::test]
    async fn a_disk_that_stops_is_waited_for_and_memory_stays_bounded() {
        let (writer, go, _) = slow(usize::MAX).await;
        writer.write(&mut vec![frame(QUEUE_BYTES / 2)]).await.unwrap();
        writer.write(&mut vec![frame(QUEUE_BYTES / 3)]).await.unwrap();
        let mut third = vec![frame(QUEUE_BYTES / 2)];
        tokio::select! {
            biased;
            _ = writer.write(&mut third) => panic!("no room while the disk does nothing"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(third.len(), 1, "what was called off is not lost");
        assert!(writer.monitor().waiting() > QUEUE_BYTES as u64 / 2);
        go.send(()).unwrap();
        writer.write(&mut third).await.unwrap();
        drop(go);
        assert_eq!(writer.close().await.unwrap().bytes, 3);
    }

    /// Fault 26 of the predecessor: a write error stopped the recording silently.
    #[tokio::test]
    async fn a_write_error_ends_the_writer_with_its_reason_and_saves_what_is_there() {
        let (writer, go, seen) = slow(2).await;
        drop(go);
        writer.write(&mut vec![frame(1), frame(1), frame(1)]).await.unwrap();
        writer.gone().await;
        assert_eq!(writer.write(&mut vec![frame(1)]).await, Err(Gone));
        assert_eq!(writer.close().await.unwrap_err().code, FailureCode::DiskFull);
        assert!(seen.lock().unwrap().ends_with(&["write", "write", "close"]));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_said_at_once() {
        let refused = || Err(Failure::of_disk(&io::ErrorKind::PermissionDenied.into(), std::path::Path::new("r")));
        let started = Writer::start::<Slow>(refused, Timings::default()).await;
        assert_eq!(started.err().unwrap().code, FailureCode::NotWritable);
    }
}
