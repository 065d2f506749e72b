//! Where computing time goes: a profile for `pprof`, taken while Weir works.

use std::time::Duration;

/// Shortest and longest profile, in seconds.
pub const SECONDS: std::ops::RangeInclusive<u64> = 1..=120;

/// There is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The system has no means for it.
    #[error("profiles can be taken on Linux and macOS only; on this system use its own profiler")]
    Unsupported,
    /// Another one is being taken.
    #[error("another profile is being taken; wait until it is done")]
    Busy,
    /// It went wrong.
    #[error("the profile could not be taken: {0}")]
    Failed(String),
}

/// Samples all threads for `time` and returns a profile in the format of `go tool pprof` (gzip is left to who wants it).
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub async fn profile(time: Duration) -> Result<Vec<u8>, ProfileError> {
    use std::sync::Mutex;

    use pprof::protos::Message as _;

    /// Samples a second: a prime, so that nothing periodic hides behind it.
    const FREQUENCY: i32 = 99;
    static TAKING: Mutex<()> = Mutex::new(());

    // The profiler belongs to the thread that asks for it, and its report costs time: neither belongs among the streams.
    let taken = tokio::task::spawn_blocking(move || {
        let _one = TAKING.try_lock().map_err(|_| ProfileError::Busy)?;
        let failed = |error: pprof::Error| ProfileError::Failed(error.to_string());
        let guard = pprof::ProfilerGuardBuilder::default()
            .frequency(FREQUENCY)
            .blocklist(&["libc", "libgcc", "pthread", "vdso"])
            .build()
            .map_err(failed)?;
        std::thread::sleep(time);
        let profile = guard.report().build().map_err(failed)?.pprof().map_err(failed)?;
        Ok(profile.encode_to_vec())
    });
    taken.await.map_err(|error| ProfileError::Failed(error.to_string()))?
}

/// Samples all threads for `time`.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub async fn profile(time: Duration) -> Result<Vec<u8>, ProfileError> {
    let _ = time;
    Err(ProfileError::Unsupported)
}
