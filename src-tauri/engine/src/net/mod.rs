//! Sockets: addresses to listen on, listeners that survive anything, connections that read and write in batches.

mod address;
pub(crate) mod dial;
pub(crate) mod limit;
pub(crate) mod listener;
pub mod owner;
pub(crate) mod socket;

pub use address::{AddressError, ListenAddress};
pub use listener::open;
