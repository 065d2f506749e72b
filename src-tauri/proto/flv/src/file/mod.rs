//! FLV files (FLV 10.1, annex E).

mod gap;
mod head;
mod keyframes;
mod reader;
mod rebuild;
mod script;
mod walk;
mod writer;

pub use gap::{Gap, GapCause};
pub use head::{FileHead, Label};
pub use reader::{FileReader, FileTag, ReadError, TagKind};
pub use rebuild::Rebuild;
pub use walk::{Cut, Look, Walk, key_frame_at};
pub use writer::{FileOptions, FileWriter, Write};

use weir_media::Frame;

/// Bytes of a tag header: type, 24 bit size, 24 + 8 bit time, stream number (FLV 10.1, E.4.1).
pub(crate) const TAG_HEADER: usize = 11;

/// Bytes of the size after each tag (`PreviousTagSize`).
pub(crate) const TAG_TRAILER: usize = 4;

/// Bytes of the file header (FLV 10.1, E.2).
pub(crate) const FILE_HEADER: usize = 9;

/// Longest that a picture is believed to wait between being decoded and being shown, in milliseconds. Protects the length of a
/// file from one frame with a wrong time.
const MAX_WAIT: i64 = 10_000;

/// How long a frame waits between being decoded and being shown, in milliseconds.
pub(crate) fn waits(frame: &Frame) -> u32 {
    u32::try_from((frame.pts - frame.dts).as_millis().clamp(0, MAX_WAIT)).unwrap_or(0)
}

/// A tag header. The time's upper eight bits stand behind its lower 24.
pub(crate) const fn tag_header(kind: u8, size: u32, millis: u32) -> [u8; TAG_HEADER] {
    let [_, s2, s1, s0] = size.to_be_bytes();
    let [t3, t2, t1, t0] = millis.to_be_bytes();
    [kind, s2, s1, s0, t2, t1, t0, t3, 0, 0, 0]
}

/// The file header with its flags, and the size of the tag before the first, which is 0.
pub(crate) const fn file_header(audio: bool, video: bool) -> [u8; FILE_HEADER + TAG_TRAILER] {
    let flags = (audio as u8) << 2 | video as u8;
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, FILE_HEADER as u8, 0, 0, 0, 0]
}
