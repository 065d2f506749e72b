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
mod room;
mod router;

mod access;
mod addresses;
mod certificate;
mod config;
mod desktop;
mod destinations;
mod events;
mod history;
mod hooks;
mod listeners;
mod log;
mod presets;
mod preview;
mod problems;
mod reconnect;
mod recording_jobs;
mod recording_media;
mod recording_settings;
mod recordings;
mod settings;
mod srt;
mod status;
mod stream_keys;
mod streams;

pub use error::{Code, Error};
pub use openapi::openapi;
pub use router::router;
