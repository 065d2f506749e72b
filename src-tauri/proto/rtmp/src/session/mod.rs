//! The two sides of an RTMP connection, as pure state machines.
//!
//! Both have one shape: bytes and time go in through `handle_bytes` and `handle_timeout`, the application acts through
//! verbs, and whatever results is fetched with `poll_output` until it returns `None`.
//!
//! ```
//! use std::time::Instant;
//! use weir_rtmp::session::{Output, ServerSession, server::{Config, Event}};
//!
//! # fn random() -> Box<weir_rtmp::handshake::Random> { Box::new([0; 1528]) }
//! # fn read_from_socket() -> &'static [u8] { b"\x03" }
//! let mut session = ServerSession::new(Instant::now(), Config::default().into(), random());
//! session.handle_bytes(Instant::now(), read_from_socket())?;
//! while let Some(output) = session.poll_output() {
//!     match output {
//!         Output::Send(bytes) => drop(bytes), // write them to the socket
//!         Output::Event(Event::PublishRequested(request)) => session.accept_publish(request.id)?,
//!         Output::Event(_) => {}
//!         Output::WakeAt(_time) => {} // call `handle_timeout` then
//!         Output::Close => break,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
