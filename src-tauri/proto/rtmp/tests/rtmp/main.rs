//! The crate from outside: real bytes, hand-written bytes, and whole conversations in virtual time.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::disallowed_methods, reason = "an Instant to count from can be had in no other way")]

mod chunk_reader;
mod chunk_time;
mod client;
mod clients_in_the_field;
mod common;
mod liveness;
mod predecessor;
mod refusals;
mod simulation;
mod vectors;
