//! What a carrier and a task say of a connection.

use std::time::Duration;

use tokio::time::Instant;

use super::super::failure::Failure;
use super::super::state::Step;

/// How a destination stands, as its task sees it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::destination) enum Standing {
    Off,
    /// Waits for somebody to start it.
    Idle,
    Waiting,
    Connecting(Step),
    /// The server takes the stream, or, without a stream, would take one.
    Live,
    Retrying {
        at: Instant,
        reason: Failure,
    },
    Stopped(Failure),
}

/// What became of the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::destination) struct Progress {
    /// Bytes that wait in Weir because the system takes no more.
    pub(in crate::destination) queued: u64,
    /// Bytes that the system took and the peer has not acknowledged; `None` where the system does not tell. Then what the
    /// system takes counts as acknowledged: its buffer is bounded, so that it stops taking soon after the peer does.
    pub(in crate::destination) unacknowledged: Option<u64>,
    /// Round-trip time.
    pub(in crate::destination) rtt: Option<Duration>,
}
