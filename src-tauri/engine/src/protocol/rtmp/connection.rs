//! One RTMP connection.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::listen::Shared;
use crate::supervise::End;

/// The protocol's name in every status and event.
pub(crate) const PROTOCOL: &str = "rtmp";

/// Serves a connection until it ends.
pub(crate) async fn run(shared: Arc<Shared>, stream: TcpStream, _peer: SocketAddr, stopping: CancellationToken) -> End {
    let deadline = shared.settings().rtmp.handshake_seconds.duration();
    let _ = tokio::time::timeout(deadline, stopping.cancelled()).await;
    drop(stream);
    End::Stopped
}
