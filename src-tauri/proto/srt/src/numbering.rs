//! Sequence numbers as positions that do not wrap, counted from the first packet of a direction.

use std::ops::Range;

use crate::packet::{LossRange, SeqNumber};

/// Where a direction's numbers begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbering(pub(crate) SeqNumber);

impl Numbering {
    /// The number at a position.
    pub(crate) const fn seq(self, position: i64) -> SeqNumber {
        // Numbers have 31 bits, so nothing is lost by cutting.
        SeqNumber::new((self.0.as_u32() as i64).wrapping_add(position) as u32)
    }

    /// The position of a number that is not far from `near`.
    pub(crate) const fn position(self, seq: SeqNumber, near: i64) -> i64 {
        near + seq.distance_from(self.seq(near)) as i64
    }

    /// A range as it goes on the wire; it must not be empty.
    pub(crate) const fn wire(self, range: &Range<i64>) -> LossRange {
        LossRange { first: self.seq(range.start), last: self.seq(range.end - 1) }
    }

    /// A range from the wire.
    pub(crate) const fn range(self, range: LossRange, near: i64) -> Range<i64> {
        let start = self.position(range.first, near);
        start..start + range.last.distance_from(range.first) as i64 + 1
    }
}
