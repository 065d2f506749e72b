//! How late this machine is, which a test grants before it blames Weir.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Measured by a thread that only sleeps and wakes, apart from the runtime under test: what Weir itself holds up there must not
/// be granted to it.
pub(crate) struct Lateness {
    worst: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Lateness {
    pub(crate) fn measure() -> Self {
        let (worst, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (noted, ended) = (Arc::clone(&worst), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let step = Duration::from_millis(5);
            while !ended.load(Ordering::Relaxed) {
                let began = Instant::now();
                std::thread::sleep(step);
                let late = began.elapsed().saturating_sub(step).as_micros();
                noted.fetch_max(u64::try_from(late).unwrap(), Ordering::Relaxed);
            }
        });
        Self { worst, over, thread: Some(thread) }
    }

    /// The worst since this was asked last.
    pub(crate) fn take(&self) -> Duration {
        Duration::from_micros(self.worst.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
