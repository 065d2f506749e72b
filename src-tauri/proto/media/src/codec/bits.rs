//! Reading single bits out of codec headers, never past their end.

use super::Error;

/// Reads bits, most significant first. Every read past the end is [`Error::Truncated`].
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    record: &'static str,
    data: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Longest run of zero bits that may open an Exp-Golomb number: more would not fit 32 bits.
    const MAX_LEADING_ZEROS: u32 = 31;

    /// Reads `data`; errors name it `record`.
    pub const fn new(record: &'static str, data: &'a [u8]) -> Self {
        Self { record, data, position: 0 }
    }

    /// One bit.
    pub fn flag(&mut self) -> Result<bool, Error> {
        let byte = self.data.get(self.position / 8).ok_or(Error::Truncated { record: self.record })?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }

    /// An unsigned number of `count` bits, at most 32.
    pub fn bits(&mut self, count: u32) -> Result<u32, Error> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// An unsigned number of at most 8 bits.
    pub fn small(&mut self, count: u32) -> Result<u8, Error> {
        // Eight bits always fit.
        Ok(self.bits(count.min(8))? as u8)
    }

    /// Passes over `count` bits.
    pub fn skip(&mut self, count: usize) -> Result<(), Error> {
        let end = self.position.checked_add(count).ok_or(Error::Truncated { record: self.record })?;
        if end > self.data.len().saturating_mul(8) {
            return Err(Error::Truncated { record: self.record });
        }
        self.position = end;
        Ok(())
    }

    /// An unsigned Exp-Golomb number, `ue(v)` (H.264, 9.1).
    pub fn ue(&mut self) -> Result<u32, Error> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > Self::MAX_LEADING_ZEROS {
                return Err(Error::Invalid {
                    record: self.record,
                    field: "an Exp-Golomb prefix of",
                    value: zeros.into(),
                });
            }
        }
        let rest = self.bits(zeros)?;
        // zeros <= 31, so 2^31 - 1 + rest fits 32 bits.
        Ok(((1u32 << zeros) - 1).saturating_add(rest))
    }

    /// A signed Exp-Golomb number, `se(v)` (H.264, 9.1.1).
    pub fn se(&mut self) -> Result<i32, Error> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) };
        // |value| <= 2^31, and the extreme is a number no codec uses.
        Ok(i32::try_from(value).unwrap_or(i32::MIN))
    }

    /// A `ue(v)` that must not exceed `max`.
    pub fn ue_max(&mut self, field: &'static str, max: u32) -> Result<u32, Error> {
        let value = self.ue()?;
        if value > max {
            return Err(Error::Invalid { record: self.record, field, value: value.into() });
        }
        Ok(value)
    }

    /// An unsigned variable length number, `uvlc()` (AV1, 4.10.3).
    pub fn uvlc(&mut self) -> Result<u32, Error> {
        self.ue()
    }

    /// Bits read so far.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Goes on at the next whole byte.
    pub const fn align(&mut self) {
        self.position = self.position.div_ceil(8) * 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_numbers_are_read_as_the_standard_lists_them() {
        for (code, unsigned, signed) in
            [("1", 0, 0), ("010", 1, 1), ("011", 2, -1), ("00100", 3, 2), ("00101", 4, -2), ("0001000", 7, 4)]
        {
            let padded = format!("{code:0<16}");
            let bytes = [&padded[..8], &padded[8..]].map(|byte| u8::from_str_radix(byte, 2).unwrap());
            assert_eq!(BitReader::new("test", &bytes).ue(), Ok(unsigned), "{code}");
            assert_eq!(BitReader::new("test", &bytes).se(), Ok(signed), "{code}");
        }
    }

    #[test]
    fn the_largest_exp_golomb_number_is_read_and_a_longer_one_refused() {
        let bytes = [0x00, 0x00, 0x00, 0x01, 0xFF, 0xFF, 0xFF, 0xFE];
        assert_eq!(BitReader::new("test", &bytes).ue(), Ok(u32::MAX - 1));
        assert!(matches!(BitReader::new("test", &[0; 9]).ue(), Err(Error::Invalid { .. })));
    }

    #[test]
    fn the_end_is_an_error_and_not_a_panic() {
        let mut reader = BitReader::new("test", &[0xA5]);
        assert_eq!(reader.bits(8), Ok(0xA5));
        assert_eq!(reader.bits(1), Err(Error::Truncated { record: "test" }));
        assert_eq!(reader.skip(usize::MAX), Err(Error::Truncated { record: "test" }));
    }
}
