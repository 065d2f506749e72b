//! FLV files (FLV 10.1, annex E).

mod keyframes;
mod reader;
mod rebuild;
mod script;
mod writer;

pub use reader::{FileReader, FileTag, ReadError, TagKind};
pub use rebuild::Rebuild;
pub use writer::{FileOptions, FileWriter, Write};

/// Bytes of a tag header: type, 24 bit size, 24 + 8 bit time, stream number (FLV 10.1, E.4.1).
pub(crate) const TAG_HEADER: usize = 11;

/// Bytes of the size after each tag (`PreviousTagSize`).
pub(crate) const TAG_TRAILER: usize = 4;

/// Bytes of the file header (FLV 10.1, E.2).
pub(crate) const FILE_HEADER: usize = 9;

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
