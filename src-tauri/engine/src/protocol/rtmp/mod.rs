//! RTMP in the product: encoders publish, players watch, both on one port.

mod config;
mod connection;
mod listen;
#[allow(dead_code)]
mod pacing;
#[allow(dead_code)]
mod wire;

pub use config::{ChunkSize, ChunkSizeError, Config};
pub use listen::Server;
