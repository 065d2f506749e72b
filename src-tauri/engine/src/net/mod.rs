//! Sockets: addresses to listen on, listeners that survive anything, connections that read and write in batches.

mod address;
pub mod listener;
pub mod owner;

pub use address::{AddressError, ListenAddress};
