//! How long recordings still have room, for everyone who looks: asking the disk may take long, so nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_engine::recording::Recordings;

/// How old an answer may be before the disk is asked again.
const FRESH: Duration = Duration::from_secs(5);

/// The last answer of the disk. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(Arc<Mutex<Answer>>);

#[derive(Debug, Default)]
struct Answer {
    asked: Option<Instant>,
    left: Option<Duration>,
}

impl Room {
    /// Until the disk is full if everything goes on as now; `None` while nothing is recorded or nothing is known.
    pub(crate) fn left(&self, recordings: &Recordings) -> Option<Duration> {
        let now = Instant::now();
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.asked.is_none_or(|asked| now.saturating_duration_since(asked) > FRESH) {
            answer.asked = Some(now);
            let (room, recordings) = (self.clone(), recordings.clone());
            tokio::task::spawn_blocking(move || {
                let left = recordings.room().time_left;
                room.0.lock().unwrap_or_else(PoisonError::into_inner).left = left;
            });
        }
        answer.left
    }
}
