//! NAL units, the packets of H.264, H.265 and H.266, and the two ways to string them together.

use bytes::{BufMut, Bytes, BytesMut};

use super::Error;

/// Bytes of the length before each NAL unit (ISO/IEC 14496-15, `lengthSizeMinusOne`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthSize {
    /// One byte.
    One,
    /// Two bytes.
    Two,
    /// Three bytes: the standard forbids it, a few encoders do it.
    Three,
    /// Four bytes: the canonical form.
    Four,
}

impl LengthSize {
    /// From the two bits of a configuration record.
    pub const fn from_minus_one(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::One,
            1 => Self::Two,
            2 => Self::Three,
            _ => Self::Four,
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}

/// The NAL units of a length-prefixed access unit. Units of length zero are passed over.
#[derive(Debug, Clone)]
pub struct LengthPrefixed<'a> {
    rest: &'a [u8],
    size: LengthSize,
}

impl<'a> LengthPrefixed<'a> {
    /// Walks `data`, whose lengths have `size` bytes.
    pub const fn new(data: &'a [u8], size: LengthSize) -> Self {
        Self { rest: data, size }
    }
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let Some((prefix, rest)) = self.rest.split_at_checked(self.size.bytes()) else {
                self.rest = &[];
                return Some(Err(Error::Truncated { record: "NAL unit length" }));
            };
            let length = prefix.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
            let Some((unit, rest)) = rest.split_at_checked(length) else {
                self.rest = &[];
                return Some(Err(Error::Truncated { record: "NAL unit" }));
            };
            self.rest = rest;
            if !unit.is_empty() {
                return Some(Ok(unit));
            }
        }
        None
    }
}

/// The NAL units of a byte stream with start codes (H.264, Annex B). Bytes before the first start code are no unit.
#[derive(Debug, Clone)]
pub struct AnnexB<'a> {
    rest: &'a [u8],
}

impl<'a> AnnexB<'a> {
    /// Walks `data`.
    pub fn new(data: &'a [u8]) -> Self {
        let rest = start_code(data).and_then(|(_, after)| data.get(after..)).unwrap_or_default();
        Self { rest }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (end, next) = start_code(self.rest).unwrap_or((self.rest.len(), self.rest.len()));
            let unit = self.rest.get(..end).unwrap_or_default();
            self.rest = self.rest.get(next..).unwrap_or_default();
            // Zeros after a unit belong to the start code that follows (trailing_zero_8bits).
            let used = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if used > 0 {
                return unit.get(..used);
            }
        }
        None
    }
}

/// Where the next `00 00 01` starts and ends.
fn start_code(data: &[u8]) -> Option<(usize, usize)> {
    data.windows(3).position(|window| window == [0, 0, 1]).map(|at| (at, at + 3))
}

/// Whether `data` begins with a start code, as it does when an encoder puts Annex B where lengths belong.
pub fn begins_with_start_code(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// Strings `units` together in canonical form, each behind a 4 byte length.
pub fn join<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut out = BytesMut::new();
    for unit in units {
        let Ok(length) = u32::try_from(unit.len()) else { continue };
        out.put_u32(length);
        out.put_slice(unit);
    }
    out.freeze()
}

/// An access unit in canonical form, whatever form it has: the same bytes where it is canonical already, else a copy.
///
/// Lengths that do not add up while the data begins with a start code mean Annex B, which broken encoders send. The test is
/// in this order because `00 00 01` also begins a good length.
pub fn canonical(data: &Bytes, size: LengthSize) -> Result<Bytes, Error> {
    let walked: Result<(), Error> = LengthPrefixed::new(data, size).try_for_each(|unit| unit.map(drop));
    match walked {
        Ok(()) if size == LengthSize::Four => Ok(data.clone()),
        Ok(()) => Ok(join(LengthPrefixed::new(data, size).filter_map(Result::ok))),
        Err(_) if begins_with_start_code(data) => Ok(join(AnnexB::new(data))),
        Err(error) => Err(error),
    }
}

/// A NAL unit's payload with the emulation prevention bytes taken out (H.264, 7.4.1), at most `limit` bytes of it.
pub(crate) fn unescape(unit: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len().min(limit));
    let mut zeros = 0;
    for &byte in unit.iter().take(limit) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_size_becomes_four_bytes() {
        let four = Bytes::from_static(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41]);
        for (name, size, encoded) in [
            ("one", LengthSize::One, &[2, 0x65, 1, 1, 0x41][..]),
            ("two", LengthSize::Two, &[0, 2, 0x65, 1, 0, 1, 0x41]),
            ("three", LengthSize::Three, &[0, 0, 2, 0x65, 1, 0, 0, 1, 0x41]),
            ("four", LengthSize::Four, &four),
        ] {
            assert_eq!(canonical(&Bytes::copy_from_slice(encoded), size), Ok(four.clone()), "{name}");
        }
    }

    #[test]
    fn canonical_data_is_shared_and_not_copied() {
        let data = Bytes::from(vec![0, 0, 0, 2, 0x65, 1]);
        assert_eq!(canonical(&data, LengthSize::Four).unwrap().as_ptr(), data.as_ptr());
    }

    #[test]
    fn annex_b_in_the_place_of_lengths_is_converted() {
        let data = Bytes::from_static(&[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 1, 2, 0, 0, 0, 1, 0x41]);
        let joined = [0, 0, 0, 2, 0x67, 9, 0, 0, 0, 3, 0x65, 1, 2, 0, 0, 0, 1, 0x41];
        assert_eq!(canonical(&data, LengthSize::Four).unwrap(), joined[..]);
    }

    #[test]
    fn a_good_length_that_looks_like_a_start_code_stays() {
        let mut data = vec![0, 0, 1, 4];
        data.resize(4 + 0x104, 0x41);
        let data = Bytes::from(data);
        assert_eq!(canonical(&data, LengthSize::Four), Ok(data));
    }

    #[test]
    fn lengths_past_the_end_are_refused() {
        let data = Bytes::from_static(&[0, 0, 0, 9, 0x65]);
        assert_eq!(canonical(&data, LengthSize::Four), Err(Error::Truncated { record: "NAL unit" }));
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 64), [1, 0, 0, 1, 0, 0, 0, 0]);
    }
}
