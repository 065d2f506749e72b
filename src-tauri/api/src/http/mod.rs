//! The router over HTTP: what a browser needs and the window does not.
//!
//! A web page anywhere can make a browser on this computer send requests to it, so being on loopback protects nothing by
//! itself. [`guarded`] lets only requests through that carry the token, name this computer and come from our own page;
//! [`serve()`] reads them under limits.

mod front;
mod guard;
mod headers;
mod metrics;
mod page;
mod serve;
mod token;
mod ui;
mod viewer;

pub use front::{Front, Place, Service};
pub use guard::{Guard, Names, Own, guarded};
pub use metrics::numbers;
pub use serve::serve;
pub use token::Token;
pub(crate) use viewer::Viewer;
