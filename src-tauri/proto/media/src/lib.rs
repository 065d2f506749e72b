//! The words every protocol and container shares.
//!
//! An ingest turns its wire into [`Track`]s and [`Frame`]s, an output turns those into its wire; nothing here knows
//! a protocol. Time is [`Timestamp`], identity is [`StreamPath`], anything confidential is a [`Secret`].
#![warn(clippy::indexing_slicing)]

pub mod codec;
mod color;
mod fourcc;
mod frame;
mod path;
mod secret;
mod time;
mod track;

pub use codec::Codec;
pub use color::{Color, ColorInfo, LightLevel, Mastering};
pub use fourcc::FourCc;
pub use frame::{Frame, FrameKind};
pub use path::{PathError, StreamPath};
pub use secret::Secret;
pub use time::{TimeDelta, Timestamp};
pub use track::{AudioInfo, Track, TrackId, TrackKind, Tracks, VideoInfo};
