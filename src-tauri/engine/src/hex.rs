//! Bytes as hexadecimal digits, two each.

/// In small letters.
pub(crate) fn write(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In small or capital letters; `None` where it is anything else.
pub(crate) fn read(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pair = |pair: &[u32]| <[u32; 2]>::try_from(pair).ok().map(|[high, low]| (high << 4 | low) as u8);
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        assert_eq!(write(&[0, 1, 0xAB, 0xFF]), "0001abff");
        assert_eq!(read("0001abFF").unwrap(), [0, 1, 0xAB, 0xFF]);
        assert_eq!((read("abc"), read("zz"), read("")), (None, None, Some(Vec::new())));
    }
}
