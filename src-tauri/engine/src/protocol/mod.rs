//! The protocols of the product: one folder each, with its settings, its listener and its bridge to the hub.

mod listeners;
pub mod rtmp;
pub mod srt;
