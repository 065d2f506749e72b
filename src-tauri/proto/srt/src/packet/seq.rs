//! Packet sequence numbers: 31 bits, on a circle.

use std::fmt;

/// A packet's number. Compare with [`SeqNumber::distance_from`], never by value: numbers wrap.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqNumber(u32);

impl SeqNumber {
    /// How many there are.
    const COUNT: u32 = 1 << 31;

    /// From the low 31 bits of `value`.
    pub const fn new(value: u32) -> Self {
        Self(value & (Self::COUNT - 1))
    }

    /// As it stands on the wire.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The number `steps` further on, or back.
    pub const fn plus(self, steps: i32) -> Self {
        Self::new(self.0.wrapping_add_signed(steps))
    }

    /// The next number.
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// Steps from `other` to this one by the shorter way; negative when this one is older.
    pub const fn distance_from(self, other: Self) -> i32 {
        let forward = self.0.wrapping_sub(other.0) & (Self::COUNT - 1);
        if forward < Self::COUNT / 2 { forward as i32 } else { forward.wrapping_sub(Self::COUNT) as i32 }
    }

    /// Whether this one comes after `other`.
    pub const fn is_after(self, other: Self) -> bool {
        self.distance_from(other) > 0
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round_and_are_compared_by_the_shorter_way() {
        let last = SeqNumber::new(u32::MAX);
        assert_eq!(last.next(), SeqNumber::new(0));
        assert_eq!(SeqNumber::new(0).plus(-1), last);
        assert_eq!(SeqNumber::new(5).distance_from(last), 6);
        assert_eq!(last.distance_from(SeqNumber::new(5)), -6);
        assert!(SeqNumber::new(0).is_after(last) && !last.is_after(SeqNumber::new(0)));
    }
}
