//! Reading boxes, with every length checked against what is there.

mod fragment;
mod movie;

use std::fmt;

pub(crate) use fragment::parse_fragment;
pub(crate) use movie::parse_movie;

/// A box's four-character type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoxType(pub [u8; 4]);

impl fmt::Display for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxType({self})")
    }
}

/// A box's header (ISO/IEC 14496-12, 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHeader {
    /// The type.
    pub kind: BoxType,
    /// Bytes of the whole box, header included; `None` when it goes to the end of the file.
    pub size: Option<u64>,
    /// Bytes of the header: 8 or 16.
    pub header_len: u64,
}

impl BoxHeader {
    /// Bytes that [`BoxHeader::parse`] wants to see, where the file has them.
    pub const MAX_LEN: usize = 16;

    /// Reads a header from the first bytes of a box. `None` when they are too few or name an impossible size.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let kind = BoxType(*kind);
        let (size, header_len) = match u32::from_be_bytes(*size) {
            0 => (None, 8),
            1 => (Some(u64::from_be_bytes(*rest.first_chunk::<8>()?)), 16),
            size => (Some(u64::from(size)), 8),
        };
        if size.is_some_and(|size| size < header_len) {
            return None;
        }
        Some(Self { kind, size, header_len })
    }
}

/// One top-level box that Weir's own files consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopLevel {
    /// `moov`.
    Movie,
    /// `moof`.
    Fragment,
    /// `mdat`.
    Media,
    /// Anything else.
    Other,
}

impl From<BoxType> for TopLevel {
    fn from(kind: BoxType) -> Self {
        match &kind.0 {
            b"moov" => Self::Movie,
            b"moof" => Self::Fragment,
            b"mdat" => Self::Media,
            _ => Self::Other,
        }
    }
}

/// The boxes inside a box, as far as they are whole.
pub(crate) fn children(mut content: &[u8]) -> impl Iterator<Item = (BoxType, &[u8])> {
    std::iter::from_fn(move || {
        let header = BoxHeader::parse(content)?;
        let size = header.size.map_or(content.len(), |size| usize::try_from(size).unwrap_or(usize::MAX));
        let (this, rest) = content.split_at_checked(size)?;
        content = rest;
        Some((header.kind, this.get(usize::try_from(header.header_len).ok()?..)?))
    })
}

/// The content of the first child of this type.
pub(crate) fn child<'a>(content: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(content).find(|(found, _)| found.0 == *kind).map(|(_, content)| content)
}

/// Big-endian numbers taken from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// Version and flags of a full box.
    pub(crate) fn version_flags(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0xFF_FFFF))
    }

    /// A number that is 64 bits wide from version 1 on.
    pub(crate) fn sized(&mut self, version: u8) -> Option<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}
