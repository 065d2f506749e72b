//! RTMP without sockets: handshake, chunk stream, messages, commands, and the two sides of a session.
//!
//! Bytes, time and randomness are arguments. [`session`] has the server and the client that drive the rest;
//! [`chunk::encode_message`] makes the bytes all players of a stream share.
#![warn(clippy::indexing_slicing)]

pub mod chunk;
pub mod command;
pub mod handshake;
mod login;
pub mod message;
pub mod session;
mod timestamp;
pub mod url;

pub use timestamp::Unwrapper;
