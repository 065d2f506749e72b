//! The client's side: we publish to another server.

mod config;
mod event;
mod refusal;
mod session;

pub use super::deadline::Timeouts;
pub use config::Config;
pub use event::Event;
pub use refusal::{Refusal, RefusalKind, Stage};
pub use session::ClientSession;

/// What a client session wants done.
pub type Output = super::Output<Event>;
