//! SRT (draft-sharabayko-srt) in live mode, pure: bytes and time go in, datagrams and events come out.
#![warn(clippy::indexing_slicing)]

pub mod crypto;
pub mod packet;
