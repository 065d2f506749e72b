//! How many sockets the OS lets one process have. The usual soft limit (1024 on Linux, 256 on macOS) is an audience of a
//! few hundred; the hard limit is there to be used by programs that ask.

/// Raises the limit of open files as far as the OS allows without asking anybody.
pub(crate) fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let now = getrlimit(Resource::Nofile);
        // macOS reports no hard limit but refuses more than this (OPEN_MAX).
        let ceiling = if cfg!(target_os = "macos") { 10_240 } else { 1 << 20 };
        let wanted = now.maximum.unwrap_or(ceiling).min(ceiling);
        if now.current.is_some_and(|current| current < wanted) {
            let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum });
            tracing::debug!(from = now.current, to = wanted, ok = raised.is_ok(), "open files");
        }
    }
}
