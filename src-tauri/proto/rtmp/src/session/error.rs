//! Why a session ends without being asked to.

use std::time::Duration;

use crate::{chunk, command, handshake};

/// Why a session cannot go on. Bytes already queued may still be sent; then the connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The peer's first bytes are no RTMP handshake.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// The peer broke a rule of the chunk stream.
    #[error("within the first {received} bytes of the connection: {source}")]
    Chunk {
        /// Bytes received when it was seen.
        received: u64,
        /// The rule.
        source: chunk::Error,
    },
    /// The peer's first command cannot be read.
    #[error("within the first {received} bytes of the connection: {source}")]
    Command {
        /// Bytes received when it was seen.
        received: u64,
        /// What is wrong.
        source: command::Error,
    },
    /// The handshake is not over in time.
    #[error("the handshake was not finished within {0:?}")]
    HandshakeTimeout(Duration),
    /// The handshake is over and what must follow did not come in time.
    #[error("the peer said nothing useful within {0:?} after the handshake")]
    SetupTimeout(Duration),
    /// No byte came, not even an answer to a ping.
    #[error("the peer has been silent and did not answer a ping within {0:?}")]
    Silent(Duration),
    /// The client talks on and on without connecting to an application.
    #[error("the client sent more than {0} bytes without saying what it wants")]
    TooMuchBeforeConnect(u64),
    /// More media than is kept came before publishing was accepted.
    #[error("the client sent more than {0} bytes of media before publishing was accepted")]
    TooMuchEarlyMedia(usize),
    /// The session ended before.
    #[error("the session is over")]
    Closed,
}
