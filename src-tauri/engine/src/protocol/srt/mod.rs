//! SRT in the product: phones and encoders publish, players watch, all on one UDP port.

mod admit;
mod bridge;
mod config;
pub(crate) mod dial;
mod gate;
mod inbox;
pub(crate) mod link;
pub(crate) mod links;
mod listen;
pub mod passphrases;
pub(crate) mod player;
mod port;
mod refusal;
mod session;
#[cfg(test)]
mod tests;

pub use config::{
    BareStreamId, Config, DefaultPath, Delivery, Encryption, KeyLength, KeyLengthError, LatencyError, LatencyMillis,
    StreamName,
};
pub(crate) use links::Links;
pub use links::{Link, Received, Role};
pub use listen::Server;
pub use weir_mpegts::Faults;
pub use weir_srt::connection::Statistics;

/// The protocol's name in every status and event.
pub(crate) const PROTOCOL: &str = "srt";
