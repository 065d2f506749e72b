//! Recordings that the disk ended. Each is begun again, in a new file, as soon as the disk may take it: a drive that was pulled out
//! is plugged in again, a full disk is emptied, a folder that was moved away is made anew. What cannot be declared in MP4 goes on as
//! FLV, which holds whatever was sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use weir_hub::{Start, StreamId, StreamState};
use weir_media::StreamPath;

use super::failure::FailureCode;
use super::{Recordings, repair, space};
use crate::event::Event;
use crate::supervise::End;

/// How long each attempt waits after the one before; the last one counts for all that follow. The first ones come while the
/// stream's ring still holds what was lost.
const WAITS: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// A recording that has gone on for so long has nothing to do with the failure before it.
const STEADY: Duration = Duration::from_secs(60);

/// How much before the failure the new file begins, if the ring still holds it: what had come to the old file last may be lost with
/// it. Better twice than not at all.
const OVERLAP: Duration = Duration::from_secs(3);

/// What must be free beyond the reserve before a full disk is tried again, or it would be full again at once.
const ROOM: u64 = 50_000_000;

/// How often it is looked whether a full disk has room again.
const LOOK: Duration = Duration::from_secs(5);

impl FailureCode {
    /// Whether what ended the recording may pass without anybody changing a setting.
    const fn may_pass(self) -> bool {
        match self {
            Self::DiskFull
            | Self::LowSpace
            | Self::NotWritable
            | Self::FolderMissing
            | Self::FileTooLarge
            | Self::DiskError => true,
            Self::FormatLimit
            | Self::Unreadable
            | Self::NothingWhole
            | Self::Foreign
            | Self::NotRepaired
            | Self::Internal => false,
        }
    }
}

/// One recording that is to be begun again.
#[derive(Debug, Clone)]
struct Wait {
    stream: StreamId,
    path: StreamPath,
    code: FailureCode,
    /// When it failed first.
    failed: Instant,
    /// What may still have to be made whole.
    file: Option<PathBuf>,
    /// MP4 cannot hold it.
    as_flv: bool,
    attempts: usize,
    /// None while an attempt is made.
    due: Option<Instant>,
}

/// All recordings that are to be begun again.
#[derive(Debug, Default)]
pub(super) struct Again(Vec<Wait>);

impl Again {
    /// The recording of a stream has failed after it had lasted so long, with a file or without. Returns whether it will be begun
    /// again.
    pub(super) fn failed(
        &mut self,
        (stream, path): (StreamId, &StreamPath),
        code: FailureCode,
        (lasted, file): (Duration, Option<PathBuf>),
    ) -> bool {
        let now = Instant::now();
        let before = self.0.iter().position(|wait| wait.stream == stream).map(|at| self.0.swap_remove(at));
        let was_flv = before.as_ref().is_some_and(|before| before.as_flv);
        let as_flv = was_flv || code == FailureCode::FormatLimit;
        if !code.may_pass() && as_flv == was_flv {
            return false;
        }
        let goes_on = before.filter(|_| file.is_none() || lasted < STEADY);
        let attempts = goes_on.as_ref().map_or(0, |before| before.attempts);
        let failed = goes_on.as_ref().filter(|_| file.is_none()).map_or(now, |before| before.failed);
        let file = file.or_else(|| goes_on.and_then(|before| before.file));
        let wait = WAITS.get(attempts).or(WAITS.last()).copied().unwrap_or(STEADY);
        self.0.push(Wait { stream, path: path.clone(), code, failed, file, as_flv, attempts, due: Some(now + wait) });
        true
    }

    /// The failure that an attempt follows.
    pub(super) fn follows(&self, stream: StreamId) -> Option<FailureCode> {
        self.0.iter().find(|wait| wait.stream == stream).map(|wait| wait.code)
    }

    /// Whether MP4 has been tried in vain for the stream.
    pub(super) fn needs_flv(&self, stream: StreamId) -> bool {
        self.0.iter().any(|wait| wait.stream == stream && wait.as_flv)
    }

    pub(super) fn forget(&mut self, stream: StreamId) {
        self.0.retain(|wait| wait.stream != stream);
    }

    /// The streams of this path will not be begun again. Returns which.
    pub(super) fn give_up(&mut self, path: &StreamPath) -> Vec<StreamId> {
        let gone = self.0.iter().filter(|wait| wait.path == *path).map(|wait| wait.stream).collect();
        self.0.retain(|wait| wait.path != *path);
        gone
    }

    /// All are tried now: something may have changed.
    pub(super) fn hurry(&mut self) {
        let now = Instant::now();
        self.0.iter_mut().filter(|wait| wait.due.is_some()).for_each(|wait| wait.due = Some(now));
    }

    fn next(&self) -> Option<Instant> {
        self.0.iter().filter_map(|wait| wait.due).min()
    }

    fn due(&self, now: Instant) -> Vec<Wait> {
        self.0.iter().filter(|wait| wait.due.is_some_and(|due| due <= now)).cloned().collect()
    }

    fn put_off(&mut self, stream: StreamId, due: Option<Instant>) {
        for wait in self.0.iter_mut().filter(|wait| wait.stream == stream) {
            wait.attempts += usize::from(due.is_none());
            wait.due = due;
            wait.file = wait.file.take().filter(|_| due.is_some());
        }
    }
}

/// Whether a recording in `folder` may begin again.
fn has_room(free: Option<u64>, reserve: u64) -> bool {
    free.is_none_or(|free| free >= reserve.saturating_add(reserve / 8).saturating_add(ROOM))
}

impl Recordings {
    /// Begins recordings again that the disk ended, as long as their streams live.
    pub(super) async fn begin_again(self) -> End {
        loop {
            let next = self.book().again.next();
            tokio::select! {
                () = super::recorder::sleep_until(next), if next.is_some() => {}
                () = self.0.failed.notified() => continue,
                () = self.0.tasks.stopping().cancelled() => return End::Stopped,
            }
            let due = self.book().again.due(Instant::now());
            for wait in due {
                self.try_again(wait).await;
            }
        }
    }

    async fn try_again(&self, wait: Wait) {
        let Wait { stream, path, code, failed, file, .. } = wait;
        let is_live = |it: &weir_hub::StreamSnapshot| it.id == stream && it.state != StreamState::Waiting;
        if !self.0.context.hub.stream(&path).is_some_and(|it| is_live(&it)) {
            self.book().again.forget(stream);
            return;
        }
        let (folder, reserve) = (self.plan(&path).folder, self.config().reserve_bytes);
        let needs_room = matches!(code, FailureCode::DiskFull | FailureCode::LowSpace);
        let looked = tokio::task::spawn_blocking(move || {
            let ready = !needs_room || has_room(space::free(&folder), reserve);
            if ready && let Some(file) = &file {
                make_whole(file);
            }
            ready
        });
        if !looked.await.unwrap_or(false) {
            self.book().again.put_off(stream, Some(Instant::now() + LOOK));
            return;
        }
        self.book().again.put_off(stream, None);
        tracing::info!(%path, "the recording is begun again");
        self.begin(&path, stream, Start::Back(failed.elapsed() + OVERLAP));
        self.0.context.events.tell(Event::RecordingsChanged);
    }
}

/// Makes a file whole that the disk had not let anybody close.
fn make_whole(file: &Path) {
    if file.exists() {
        let outcome = repair::repair(file);
        tracing::info!(file = %file.display(), ?outcome, "a recording that the disk had ended was looked after");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> StreamPath {
        StreamPath::parse("live/show").unwrap()
    }

    const STREAM: StreamId = StreamId(1);
    const SHORT: (Duration, Option<PathBuf>) = (Duration::ZERO, None);

    fn next_in(again: &Again) -> Option<u64> {
        again.next().map(|due| (due - Instant::now()).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_come_less_often_until_one_has_held() {
        let mut again = Again::default();
        let file = Some(PathBuf::from("/r/a.flv"));
        assert!(again.failed((STREAM, &path()), FailureCode::FolderMissing, (STEADY, file.clone())));
        let began = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(next_in(&again).unwrap());
            tokio::time::advance(again.next().unwrap() - Instant::now()).await;
            let due = again.due(Instant::now()).remove(0);
            assert_eq!(due.failed, began, "what was missed since the failure");
            assert_eq!(due.file.is_some(), waits.len() == 1, "a file is made whole once");
            again.put_off(STREAM, None);
            assert_eq!((again.due(Instant::now()).len(), next_in(&again)), (0, None), "while it is tried");
            again.failed((STREAM, &path()), FailureCode::NotWritable, SHORT);
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 30, 60, 60, 60]);
        assert_eq!(again.follows(STREAM), Some(FailureCode::NotWritable));
        again.put_off(STREAM, None);
        again.failed((STREAM, &path()), FailureCode::DiskError, (Duration::from_secs(3), file.clone()));
        assert_eq!(next_in(&again), Some(60), "one that fails again and again");
        again.put_off(STREAM, None);
        again.failed((STREAM, &path()), FailureCode::DiskError, (STEADY, file));
        assert_eq!(next_in(&again), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_looked_at_without_counting_and_changed_settings_are_tried_at_once() {
        let mut again = Again::default();
        again.failed((STREAM, &path()), FailureCode::LowSpace, SHORT);
        for _ in 0..9 {
            again.put_off(STREAM, Some(Instant::now() + LOOK));
        }
        assert_eq!(next_in(&again), Some(5));
        again.hurry();
        assert_eq!(next_in(&again), Some(0));
        assert_eq!((again.give_up(&path()), again.next()), (vec![STREAM], None));
    }

    #[tokio::test]
    async fn what_no_disk_can_mend_is_not_tried_again_but_for_another_kind_of_file() {
        assert!(!Again::default().failed((STREAM, &path()), FailureCode::Internal, SHORT));
        let mut again = Again::default();
        assert!(again.failed((STREAM, &path()), FailureCode::FormatLimit, SHORT) && again.needs_flv(STREAM));
        assert!(again.failed((STREAM, &path()), FailureCode::DiskError, SHORT) && again.needs_flv(STREAM));
        assert!(!again.failed((STREAM, &path()), FailureCode::FormatLimit, SHORT), "FLV was no better");
    }

    #[test]
    fn a_disk_has_room_when_it_would_not_be_full_again_at_once() {
        assert!(has_room(None, 2_000_000_000), "the system does not tell");
        assert!(!has_room(Some(2_000_000_000), 2_000_000_000) && has_room(Some(2_300_000_000), 2_000_000_000));
        assert!(!has_room(Some(400_000), 0) && has_room(Some(ROOM), 0) && !has_room(Some(1 << 40), u64::MAX / 4));
    }
}
