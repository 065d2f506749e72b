//! How much of what a TCP connection was given its peer has acknowledged: the difference between "sent" and "arrived".
//!
//! Linux tells. On other systems there is no safe way to ask, and nothing is told: there a full send buffer, which is bounded,
//! shows that the peer takes nothing.

#[cfg(target_os = "linux")]
mod linux;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

/// One look at a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes that the system took and the peer has not acknowledged.
    pub(crate) unacknowledged: u64,
    /// Smoothed round-trip time.
    pub(crate) rtt: Option<Duration>,
}

/// Looks at one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauge {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux can be asked"))]
    ends: Option<(SocketAddr, SocketAddr)>,
    /// Bytes that whoever encrypts may hold back while the system takes no more.
    held: u64,
}

/// What rustls holds back at most, by default.
const TLS_HOLDS: u64 = 64 * 1024;

impl Gauge {
    /// For this connection.
    pub(crate) fn of(stream: &TcpStream) -> Self {
        Self { ends: stream.local_addr().ok().zip(stream.peer_addr().ok()), held: 0 }
    }

    /// For a connection that is encrypted before the system gets what is written.
    pub(crate) const fn behind_tls(self) -> Self {
        Self { held: TLS_HOLDS, ..self }
    }

    /// How much of `written` bytes, which nobody has been asked to pass on at once, may not be with the system yet.
    pub(crate) fn held_of(&self, written: u64) -> u64 {
        self.held.min(written)
    }

    /// Looks; `None` where the system does not tell.
    pub(crate) fn measure(&self) -> Option<Measured> {
        #[cfg(target_os = "linux")]
        return self.ends.and_then(|(local, peer)| linux::measure(local, peer));
        #[cfg(not(target_os = "linux"))]
        None
    }
}
