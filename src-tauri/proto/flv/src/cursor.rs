//! Taking a tag apart from its front, never past its end.

use bytes::Bytes;
use weir_media::FourCc;

use crate::Error;

/// What is left of a tag.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    tag: &'static str,
    rest: Bytes,
}

impl Cursor {
    pub(crate) const fn new(tag: &'static str, rest: Bytes) -> Self {
        Self { tag, rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn take(&mut self, field: &'static str, count: usize) -> Result<Bytes, Error> {
        if count > self.rest.len() {
            return Err(Error::Truncated { tag: self.tag, field });
        }
        Ok(self.rest.split_to(count))
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Error> {
        let Some(value) = self.rest.first_chunk().copied() else {
            return Err(Error::Truncated { tag: self.tag, field });
        };
        // `first_chunk` has just shown that N bytes are there.
        self.rest = self.rest.slice(N..);
        Ok(value)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Error> {
        self.array::<1>(field).map(|[value]| value)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Error> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self, field: &'static str) -> Result<u32, Error> {
        self.array(field).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// A signed 24 bit number (`SI24`).
    pub(crate) fn i24(&mut self, field: &'static str) -> Result<i32, Error> {
        self.array(field).map(|[a, b, c]| i32::from_be_bytes([a, b, c, 0]) >> 8)
    }

    pub(crate) fn fourcc(&mut self) -> Result<FourCc, Error> {
        self.array("four-character code").map(FourCc)
    }

    pub(crate) fn into_rest(self) -> Bytes {
        self.rest
    }
}
