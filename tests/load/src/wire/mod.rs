//! A small RTMP and a small SRT of the generator's own, written from the specification and from what OBS and FFmpeg send.
//!
//! It shares no code with the product on purpose: two ends with the same bug agree with each other.

pub(crate) mod amf;
pub(crate) mod chunk;
pub(crate) mod session;
pub(crate) mod srt;
pub(crate) mod ts;
