//! Owned tasks: every connection, listener, recording and destination runs in one, and each ends with a reason.
//!
//! A panic ends the task it happened in and nothing else; a shutdown asks every task to end and waits for all of them.

use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Its work was done, e.g. the peer went away as peers do.
    Done(Cow<'static, str>),
    /// It was asked to end.
    Stopped,
    /// It could not go on; the sentence says why.
    Failed(String),
}

impl End {
    /// The ordinary end, with the reason in a few words.
    pub fn done(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Done(reason.into())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(reason) => f.write_str(reason),
            Self::Stopped => f.write_str("asked to stop"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Owns a group of tasks. Cheap to clone; clones own the same group.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Supervisor {
    /// An empty group that nothing but [`Supervisor::stop`] stops.
    pub fn new() -> Self {
        Self::default()
    }

    /// A group of its own that also stops when this one does, so that e.g. one listener can end with its connections.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { tasks: TaskTracker::new(), stop: self.stop.child_token() }
    }

    /// Cancelled when the group is asked to stop; every long task waits for it beside its own work.
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs `task` as a member of the group. `name` tells people what it was; it must not hold a secret.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: Future<Output = End> + Send + 'static,
    {
        let name = name.into();
        self.tasks.spawn(async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(End::Failed(reason)) => tracing::warn!(task = %name, %reason, "ended"),
                Ok(end) => tracing::debug!(task = %name, reason = %end, "ended"),
                Err(_) => tracing::error!(task = %name, "ended by a bug in Weir (panic); everything else goes on"),
            }
        });
    }

    /// Members that still run.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Asks every member to end, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Asks every member to end and waits for them; after `patience` gives up and returns how many still run.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() { self.tasks.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_own_task() {
        let group = Supervisor::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        group.spawn("faulty", async { panic!("on purpose") });
        group.spawn("healthy", async move {
            sender.send(()).ok();
            End::done("sent")
        });
        receiver.await.unwrap();
        assert_eq!(group.shutdown(Duration::from_secs(5)).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_reports_who_does_not_listen() {
        let group = Supervisor::new();
        group.spawn("deaf", std::future::pending());
        let polite = group.clone();
        group.spawn("polite", async move {
            polite.stopping().cancelled().await;
            End::Stopped
        });
        assert_eq!(group.shutdown(Duration::from_secs(5)).await, 1);
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_but_not_the_other_way_round() {
        let parent = Supervisor::new();
        let (first, second) = (parent.child(), parent.child());
        first.stop();
        assert!(!parent.stopping().is_cancelled() && !second.stopping().is_cancelled());
        parent.stop();
        assert!(second.stopping().is_cancelled());
    }
}
