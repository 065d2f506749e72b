//! The router in process over a real engine: every route, every error, and the guard of the HTTP side.

mod bench;
mod destinations;
mod document;
mod errors;
mod events;
mod guard;
mod listeners;
mod problems;
mod recordings;
mod serve;
mod settings;
mod status;
mod streams;
