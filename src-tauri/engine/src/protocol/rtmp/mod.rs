//! RTMP in the product: encoders publish, players watch, both on one port.

mod config;

pub use config::{ChunkSize, Config};
