//! The router in process over a real engine: every route, every error, and the guard of the HTTP side.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

mod access;
mod addresses;
mod bench;
mod config;
mod destinations;
mod document;
mod errors;
mod events;
mod front;
mod guard;
mod history;
mod hooks;
mod listeners;
mod log;
mod many_recordings;
mod preview;
mod problems;
mod reconnect;
mod recordings;
mod serve;
mod settings;
mod srt;
mod status;
mod streams;
mod viewers;
