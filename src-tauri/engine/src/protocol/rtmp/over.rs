//! Why a connection is over, and what people are told of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use weir_hub::EndReason;
use weir_rtmp::session;

use crate::problem::Report;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    /// The peer closed it.
    #[error("the peer left")]
    PeerLeft,
    /// The network failed.
    #[error("the network failed: {0}")]
    Network(io::Error),
    /// The peer broke the protocol.
    #[error(transparent)]
    Session(session::Error),
    /// The handshake was not done in time.
    #[error("the handshake took longer than {} s", .0.as_secs_f64())]
    HandshakeTimeout(Duration),
    /// Nothing arrived for too long.
    #[error("nothing arrived for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// The peer took nothing for too long.
    #[error("the peer took nothing for {} s", .0.as_secs_f64())]
    Stuck(Duration),
    /// The peer asks but does not read.
    #[error("the peer does not read what it asks for")]
    DoesNotRead,
    /// What it asked for was refused; the report has been made.
    #[error("refused: {0}")]
    Refused(String),
    /// What the encoder sends cannot be read.
    #[error("what the encoder sends cannot be read: {0}")]
    Unreadable(weir_flv::Error),
    /// The hub ended it.
    #[error("{0}")]
    Ended(EndReason),
}

impl Over {
    /// A failed system call: most ways for a peer to vanish are none of our faults.
    pub(super) fn of_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Self::PeerLeft
            }
            _ => Self::Network(error),
        }
    }

    /// Whether the peer is still there to hear why.
    pub(super) const fn has_last_words(&self) -> bool {
        matches!(self, Self::Session(_) | Self::Refused(_) | Self::Unreadable(_) | Self::Ended(_))
    }
}
