//! Sockets: addresses to listen on, listeners that survive anything, connections that read and write in batches.

mod address;
#[allow(dead_code)]
mod dial;
pub mod listener;
pub mod owner;

pub use address::{AddressError, ListenAddress};
