//! Sockets: addresses to listen on, listeners that survive anything, connections that read and write in batches.

mod address;
pub(crate) mod dial;
pub(crate) mod gauge;
pub(crate) mod http_client;
pub(crate) mod limit;
pub(crate) mod listener;
pub(crate) mod outgoing;
pub mod owner;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod tries;
pub(crate) mod udp;

pub use address::{AddressError, ListenAddress};
pub use listener::open;
pub(crate) use owner::Transport;
pub(crate) use tries::network;

/// Opens the UDP sockets of `address` for a moment, or says in words why they do not open.
pub async fn try_udp(address: ListenAddress) -> Result<(), crate::status::ListenerState> {
    udp::open(address).await.map(drop)
}
