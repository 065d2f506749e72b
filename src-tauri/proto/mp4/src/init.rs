//! What stands before the fragments: `ftyp`, the place that becomes the `mdat` header, and `moov`.

use bytes::Bytes;

use crate::boxes::Boxes;
use crate::movie::Movie;

/// Bytes of `ftyp`; what follows is the place that becomes the `mdat` header.
pub(crate) const PLACE: u64 = 32;
/// Bytes of an `mdat` header with a 64-bit size.
pub(crate) const PLACE_LEN: u64 = 16;

/// Everything up to the first fragment.
pub(crate) fn write(movie: &Movie) -> Bytes {
    let mut boxes = Boxes::default();
    boxes.put(b"ftyp", |boxes| {
        boxes.bytes(b"isom");
        boxes.u32(0x200);
        boxes.bytes(b"isomiso6mp42mp41");
    });
    boxes.put(b"free", |boxes| boxes.zeros(8));
    movie.write_fragmented(&mut boxes);
    boxes.finish().freeze()
}

/// The `mdat` header that covers everything from its place up to `end`.
pub(crate) fn mdat_header(end: u64) -> Bytes {
    let mut header = Vec::with_capacity(16);
    header.extend_from_slice(&1_u32.to_be_bytes());
    header.extend_from_slice(b"mdat");
    header.extend_from_slice(&end.saturating_sub(PLACE).to_be_bytes());
    header.into()
}

/// The complete `moov` that closes the file.
pub(crate) fn closing(movie: &Movie) -> Bytes {
    let mut boxes = Boxes::default();
    movie.write_complete(&mut boxes);
    boxes.finish().freeze()
}
