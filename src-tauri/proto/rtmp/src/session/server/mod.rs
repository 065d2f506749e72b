//! The server's side: clients publish to us and play from us.
//!
//! Nothing is admitted by itself. A client's wish comes out as [`Event::PublishRequested`] or [`Event::PlayRequested`];
//! the application looks at path, query and peer, and then says [`ServerSession::accept_publish`] or
//! [`ServerSession::reject_publish`], now or later. Every refusal reaches the client before the connection closes.

mod calls;
mod config;
mod event;
mod net_stream;
mod session;
mod verbs;

pub use super::deadline::Timeouts;
pub use config::{Config, Limits};
pub use event::{EndReason, Event, PlayControl, PlayRequest, PublishRequest, RequestId};
pub use session::{Counters, ServerSession};
pub use verbs::{Gone, Rejection};

/// What a server session wants done.
pub type Output = super::Output<Event>;
