//! SRT (draft-sharabayko-srt) in live mode, pure: bytes and time go in, datagrams and events come out.
#![warn(clippy::indexing_slicing)]

mod bucket;
pub mod caller;
pub mod connection;
pub mod crypto;
mod entropy;
pub mod handshake;
pub mod listener;
mod numbering;
pub mod packet;
mod ranges;
mod receiver;
mod rtt;
mod sender;

pub use caller::Caller;
pub use connection::Connection;
pub use entropy::Entropy;
pub use listener::Listener;
