//! Descriptors of an elementary stream, as far as they say what it is (ISO/IEC 13818-1, 2.6).

/// One descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Descriptor {
    /// 0x05: who defined the format.
    Registration([u8; 4]),
    /// 0x0A: ISO 639-2 language.
    Language(String),
    /// 0x6A (DVB): AC-3.
    Ac3,
    /// 0x7A (DVB): Enhanced AC-3.
    Eac3,
    /// 0x7F with extension 0x80: Opus, and its channel configuration.
    Opus(u8),
    /// Any other.
    Other(u8),
}

/// The descriptors in a loop, as far as they are whole.
pub(crate) fn descriptors(mut bytes: &[u8]) -> Vec<Descriptor> {
    let mut list = Vec::new();
    while let Some((&[tag, len], rest)) = bytes.split_first_chunk::<2>() {
        let Some((content, rest)) = rest.split_at_checked(usize::from(len)) else { break };
        bytes = rest;
        list.push(match (tag, content) {
            (0x05, [a, b, c, d, ..]) => Descriptor::Registration([*a, *b, *c, *d]),
            (0x0A, [a, b, c, ..]) if [a, b, c].iter().all(|letter| letter.is_ascii_alphabetic()) => {
                Descriptor::Language(
                    [*a, *b, *c].map(|letter| char::from(letter.to_ascii_lowercase())).iter().collect(),
                )
            }
            (0x6A, _) => Descriptor::Ac3,
            (0x7A, _) => Descriptor::Eac3,
            (0x7F, [0x80, channels, ..]) => Descriptor::Opus(*channels),
            _ => Descriptor::Other(tag),
        });
    }
    list
}
