//! The RTMP handshake (RTMP 1.0, section 5.2), plain and with the digests Flash-era clients expect.
//!
//! A server sends S0, S1 and S2 together as soon as C1 is whole: FFmpeg and GStreamer read all three before they write
//! C2, while librtmp writes C2 before it reads S2, so C2 is accepted whenever it comes.

mod client;
mod digest;
mod error;
mod server;

pub use client::Client;
pub use digest::Layout;
pub use error::Error;
pub use server::{Scheme, Server};

/// The protocol version both sides say (C0, S0).
pub const VERSION: u8 = 3;

/// Length in bytes of each of C1, S1, C2, S2.
pub const PACKET_LEN: usize = 1536;

/// Length in bytes of all that a client sends of a handshake: C0, C1, C2.
pub(crate) const LENGTH: u64 = 1 + 2 * PACKET_LEN as u64;

/// The random part of C1 and S1. It tells connections apart and protects nothing.
pub type Random = [u8; PACKET_LEN - HEADER_LEN];

/// Time and version (or time echo), the first fields of every packet.
const HEADER_LEN: usize = 8;

type Packet = [u8; PACKET_LEN];
