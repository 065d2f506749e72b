//! FLV: the tags that RTMP carries and files hold, in their legacy and their Enhanced RTMP form, and the files themselves.
//!
//! - [`VideoTag`] and [`AudioTag`] read and write the body of one tag.
//! - [`Ingest`] turns messages into tracks and frames, [`egress`] turns those back into messages.
//! - [`mod@file`] writes and reads FLV files.
#![warn(clippy::indexing_slicing)]

mod audio;
mod cursor;
pub mod egress;
mod error;
mod ex;
pub mod file;
mod ingest;
mod message;
mod video;

pub use audio::{AudioBody, AudioPacket, AudioPayload, AudioTag};
pub use error::Error;
pub use ex::Layout;
pub use ingest::{Counts, Ingest, Item};
pub use message::{Message, MessageKind};
pub use video::{FrameType, VideoBody, VideoPacket, VideoPayload, VideoTag};

/// Most tracks in one multitrack tag: keeps a tag of empty tracks from becoming a list hundreds of times its size.
pub const MAX_TRACKS_PER_TAG: usize = 64;

/// Most tracks of a stream, of all kinds: each costs every reader its headers.
pub const MAX_TRACKS: usize = 64;

/// Longest configuration record in bytes: it is kept as long as the stream lives and sent to every reader that joins.
pub const MAX_CONFIG: usize = 64 * 1024;
