//! MP4 (ISO/IEC 14496-12), written as fragments that survive anything and closed as a plain seekable file.
//!
//! While it grows, a file is `ftyp free moov (moof mdat)*`: whatever is cut off at the end, every whole fragment before it
//! plays. On close a complete `moov` with all sample tables is appended and the `free` box is turned into the header of one
//! `mdat` that covers everything between: from then on the file is a plain MP4 that every player and editor seeks in, and
//! not one byte of media was moved. [`Muxer`] does this for a live stream, [`repair::Rebuild`] for a file that was never
//! closed. [`segment`] reads a file back, as what browsers play; [`live::Live`] makes fragments for a player that watches now and
//! keeps nothing.
#![warn(clippy::indexing_slicing)]

mod boxes;
mod error;
mod fragment;
mod init;
pub mod live;
mod movie;
mod muxer;
mod reader;
pub mod repair;
mod sample_entry;
mod samples;
pub mod segment;
mod user_data;

pub use error::Error;
pub use muxer::{Closing, Muxer, Options, Patch};
pub use reader::{BoxHeader, BoxType, TopLevel};
pub use sample_entry::supports;
pub use user_data::{Chapter, Gap, Label};
