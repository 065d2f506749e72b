//! RTMP in the product: encoders publish, players watch, both on one port.

mod config;
mod connection;
mod crowd;
mod listen;
mod over;
mod pacing;
mod play;
mod publish;
mod reconnect;
mod serve;
mod view;
mod wire;

pub use config::{ChunkSize, ChunkSizeError, Config, SecureConfig};
pub use listen::Server;
pub use reconnect::{ReconnectUrl, Whom};
