//! The two sides of an RTMP connection, as pure state machines.
//!
//! Both have one shape: bytes and time go in through `handle_bytes` and `handle_timeout`, the application acts through
//! verbs, and whatever results is fetched with `poll_output` until it returns `None`.

pub mod client;
mod deadline;
mod error;
mod link;
mod outbox;
pub mod server;

pub use client::ClientSession;
pub use error::Error;
pub use outbox::Output;
pub use server::ServerSession;
