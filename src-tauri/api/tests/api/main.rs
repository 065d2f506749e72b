//! The router in process over a real engine: every route, every error, and the guard of the HTTP side.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

mod bench;
mod destinations;
mod document;
mod errors;
mod events;
mod guard;
mod listeners;
mod problems;
mod reconnect;
mod recordings;
mod serve;
mod settings;
mod status;
mod streams;
