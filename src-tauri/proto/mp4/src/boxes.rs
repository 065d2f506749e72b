//! Writing boxes: the size is patched when the box is complete.

use bytes::{BufMut, BytesMut};

/// Writes nested boxes into one buffer.
#[derive(Debug, Default)]
pub(crate) struct Boxes {
    out: BytesMut,
}

impl Boxes {
    /// A box of this type with what `content` writes.
    pub(crate) fn put(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let at = self.out.len();
        self.out.put_u32(0);
        self.out.put_slice(kind);
        content(self);
        let size = u32::try_from(self.out.len() - at).unwrap_or(u32::MAX);
        self.patch_u32(at, size);
    }

    /// A full box: version and flags first.
    pub(crate) fn put_full(&mut self, kind: &[u8; 4], version: u8, flags: u32, content: impl FnOnce(&mut Self)) {
        self.put(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | flags & 0xFF_FFFF);
            content(boxes);
        });
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.out.put_u16(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.out.put_u32(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.out.put_i32(value);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.out.put_u64(value);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.out.put_bytes(0, count);
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Overwrites four bytes that have been written.
    pub(crate) fn patch_u32(&mut self, at: usize, value: u32) {
        if let Some(slot) = self.out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
            *slot = value.to_be_bytes();
        }
    }

    pub(crate) fn finish(self) -> BytesMut {
        self.out
    }
}

/// The 3x3 matrix that changes nothing (ISO/IEC 14496-12, 8.2.2).
pub(crate) fn identity_matrix(boxes: &mut Boxes) {
    for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        boxes.u32(value);
    }
}
