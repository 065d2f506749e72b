//! Reading HTTP from sockets, under limits.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_engine::limits::{self, Place, Places};

use super::guard::Peer;

/// Connections at a time. A page uses a handful; the rest is a bound on memory and file descriptors for whoever opens
/// connections and says nothing.
const MAX_CONNECTIONS: usize = 256;
/// Of these one address may have so many (of IPv6 one network): a stranger must not keep the page from whoever runs Weir. A proxy
/// is one address, and half is enough for it.
const MAX_OF_ADDRESS: u32 = MAX_CONNECTIONS as u32 / 2;
/// How long a client may take to send the head of a request: one that never finishes must not keep its place.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request in bytes, cookies included.
const MAX_HEAD: usize = 16 << 10;
/// Most headers in a request.
const MAX_HEADERS: usize = 64;
/// How long requests that are being answered may take once the server shuts down.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How long to wait after the system could not accept a connection (out of file descriptors), which passes by itself.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown` is ready, then lets running answers end for a moment.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let shares = Places::new(&limits::Config { connections_per_address: MAX_OF_ADDRESS, ..limits::Config::default() });
    let connections = TaskTracker::new();
    let end = End::default();
    let _cut_at_the_end = end.cut.clone().drop_guard();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        // Who has its share already is closed without a word.
        if let Ok(share) = shares.take(peer) {
            connections.spawn(converse(stream, peer, router.clone(), end.clone(), (place, share)));
        }
    }
    drop(listener);
    end.finish.cancel();
    connections.close();
    // Event streams end with the engine; whoever is still there after the moment is cut off.
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.wait()).await;
}

/// How connections are told that the server ends.
#[derive(Debug, Clone, Default)]
struct End {
    /// Answer what was asked, take nothing more.
    finish: CancellationToken,
    /// Now.
    cut: CancellationToken,
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    end: End,
    places: (OwnedSemaphorePermit, Place),
) {
    let router = router.layer(Extension(Peer(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end.finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = end.cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
    drop(places);
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Events are small and should arrive now.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            tracing::warn!(%error, "cannot accept an HTTP connection");
            tokio::time::sleep(ACCEPT_AGAIN).await;
            None
        }
    }
}

/// The client was gone before we looked; the listener is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
