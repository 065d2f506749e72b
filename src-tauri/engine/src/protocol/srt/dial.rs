//! Calls an SRT listener: what pushes a stream to another server.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use weir_srt::caller::{Call, CallError, Output};
use weir_srt::{Caller, Entropy};

use super::link::Link;
use crate::net::udp::{Buffers, Socket};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The listener refused, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The system gives no socket, or does not reach the address.
    #[error("the network cannot be used: {0}")]
    Socket(#[from] io::Error),
}

/// Calls the listener at `peer`, from a socket of its own. Dropping the future gives up.
pub(crate) async fn dial(peer: SocketAddr, call: Call) -> Result<Link, DialError> {
    let any = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = Arc::new(Socket::bind(SocketAddr::new(any, 0))?);
    // Until the runtime has heard of the socket it takes nothing, and the first question would be lost.
    socket.writable().await?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(format!("no randomness: {error}")))?;
    let mut caller = Caller::new(Instant::now(), peer, call, Entropy::new(seed));
    let mut buffers = Buffers::default();
    let mut wake_at = Instant::now();
    loop {
        while let Some(output) = caller.poll_output() {
            match output {
                Output::Send(datagram) => drop(socket.send(peer, None, &[datagram])?),
                Output::WakeAt(at) => wake_at = at,
                Output::Connected(connection) => return Ok(Link::alone(*connection, socket, buffers, peer)),
                Output::Failed(error) => return Err(error.into()),
            }
        }
        tokio::select! {
            readable = socket.readable() => {
                readable?;
                let now = Instant::now();
                socket.receive(&mut buffers, |arrived| {
                    if arrived.from == peer {
                        arrived.datagrams().for_each(|datagram| caller.handle_datagram(now, datagram));
                    }
                })?;
            }
            () = tokio::time::sleep_until(wake_at.into()) => caller.handle_timeout(Instant::now()),
        }
    }
}
