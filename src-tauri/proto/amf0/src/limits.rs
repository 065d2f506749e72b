//! What decoding one message may cost.

use crate::Error;

/// Bounds on what one message may decode to. They protect memory and stack: a value of one byte on the wire takes tens
/// of bytes decoded, and a reference of three bytes repeats a whole object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of objects and arrays; protects the stack.
    pub depth: usize,
    /// Values in all, nested and repeated by reference included; protects memory and time.
    pub elements: usize,
    /// Bytes of strings, keys and byte arrays in all, those repeated by reference included; protects memory.
    pub bytes: usize,
}

impl Limits {
    /// For script data: a key-frame index of a long recording fits.
    pub const DATA: Self = Self { depth: 32, elements: 262_144, bytes: 16 * 1024 * 1024 };

    /// For commands, which strangers send: 64 KiB on the wire decode to no more than about 128 KiB.
    pub const COMMAND: Self = Self { depth: 16, elements: 1_024, bytes: 64 * 1024 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DATA
    }
}

/// What is left of the [`Limits`] while one message is decoded.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    depth: usize,
    elements: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, depth: 0, elements: limits.elements, bytes: limits.bytes }
    }

    pub(crate) fn element(&mut self) -> Result<(), Error> {
        self.elements = self.elements.checked_sub(1).ok_or(Error::TooManyElements(self.limits.elements))?;
        Ok(())
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<(), Error> {
        self.bytes = self.bytes.checked_sub(count).ok_or(Error::TooLarge(self.limits.bytes))?;
        Ok(())
    }

    pub(crate) const fn enter(&mut self) -> Result<(), Error> {
        if self.depth >= self.limits.depth {
            return Err(Error::TooDeep(self.limits.depth));
        }
        self.depth += 1;
        Ok(())
    }

    pub(crate) const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}
