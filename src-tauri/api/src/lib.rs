//! The contract between the engine and everything a person sees: one axum [`Router`](axum::Router), JSON over HTTP, an
//! event stream, an OpenAPI document from which the UI's types are generated.
//!
//! The window calls [`router()`] in process, without a port and without a token. A browser reaches the same router through
//! [`http`], which adds the guard, the UI's files and the headers.

mod apply;
mod error;
mod extract;
mod feed;
pub mod http;
pub mod model;
mod openapi;
mod rates;
mod router;

mod destinations;
mod events;
mod listeners;
mod problems;
mod reconnect;
mod recordings;
mod settings;
mod status;
mod streams;

pub use error::{Code, Error};
pub use openapi::openapi;
pub use router::router;
