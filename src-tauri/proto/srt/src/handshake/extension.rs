//! What follows the fixed part of a conclusion ("Handshake Extension Message" and the rest).

use super::{Error, Flags, Latency, StreamId, Version};
use crate::crypto::KeyState;

const HS_REQUEST: u16 = 1;
const HS_RESPONSE: u16 = 2;
const KEY_REQUEST: u16 = 3;
const KEY_RESPONSE: u16 = 4;
const STREAM_ID: u16 = 5;
const CONGESTION: u16 = 6;
const FILTER: u16 = 7;
const GROUP: u16 = 8;

/// Most bytes of a text extension. The reference implementation sends at most 512.
const MAX_TEXT: usize = 512;

/// Versions, abilities and latencies of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ability {
    pub(crate) version: Version,
    pub(crate) flags: Flags,
    pub(crate) latency: Latency,
}

/// What a listener says to keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAnswer {
    /// It has taken them: their message, repeated.
    Echo(Vec<u8>),
    /// It cannot use them.
    State(KeyState),
}

/// All extensions of a handshake. Unknown ones are left out: some encoders send their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Extensions {
    pub(crate) request: Option<Ability>,
    pub(crate) response: Option<Ability>,
    pub(crate) key_request: Option<Vec<u8>>,
    pub(crate) key_response: Option<KeyAnswer>,
    pub(crate) stream_id: Option<StreamId>,
    pub(crate) congestion: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) group: bool,
}

impl Extensions {
    /// The extension field's bit for the first message.
    pub(crate) const FIELD_HS: u16 = 1;
    /// The extension field's bit for keys.
    pub(crate) const FIELD_KEY: u16 = 2;
    /// The extension field's bit for the rest.
    pub(crate) const FIELD_CONFIG: u16 = 4;

    /// Reads all blocks.
    pub(crate) fn parse(mut rest: &[u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let [type1, type0, words1, words0] = *head;
            let kind = u16::from_be_bytes([type1, type0]);
            let len = usize::from(u16::from_be_bytes([words1, words0])) * 4;
            let (body, tail) = tail.split_at_checked(len).ok_or(Error::BrokenExtension(kind))?;
            rest = tail;
            match kind {
                HS_REQUEST => found.request = Some(parse_ability(kind, body)?),
                HS_RESPONSE => found.response = Some(parse_ability(kind, body)?),
                KEY_REQUEST => found.key_request = Some(body.to_vec()),
                KEY_RESPONSE => {
                    let state = (len == 4).then(|| KeyState::parse(body)).flatten();
                    found.key_response = Some(state.map_or_else(|| KeyAnswer::Echo(body.to_vec()), KeyAnswer::State));
                }
                STREAM_ID => found.stream_id = Some(StreamId::new(parse_text(kind, body)?)),
                CONGESTION => found.congestion = Some(parse_text(kind, body)?),
                FILTER => found.filter = Some(parse_text(kind, body)?),
                GROUP => found.group = true,
                _ => {}
            }
        }
        Ok(found)
    }

    /// The extension field that fits these extensions.
    pub(crate) const fn field(&self) -> u16 {
        let mut field = 0;
        if self.request.is_some() || self.response.is_some() {
            field |= Self::FIELD_HS;
        }
        if self.key_request.is_some() || self.key_response.is_some() {
            field |= Self::FIELD_KEY;
        }
        if self.stream_id.is_some() || self.congestion.is_some() || self.filter.is_some() {
            field |= Self::FIELD_CONFIG;
        }
        field
    }

    /// Appends all blocks in the order of the reference implementation.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (kind, ability) in [(HS_REQUEST, self.request), (HS_RESPONSE, self.response)] {
            if let Some(ability) = ability {
                write_block(out, kind, &ability_bytes(ability));
            }
        }
        if let Some(id) = &self.stream_id {
            write_block(out, STREAM_ID, &swapped(id.as_str()));
        }
        if let Some(message) = &self.key_request {
            write_block(out, KEY_REQUEST, message);
        }
        match &self.key_response {
            Some(KeyAnswer::Echo(message)) => write_block(out, KEY_RESPONSE, message),
            Some(KeyAnswer::State(state)) => write_block(out, KEY_RESPONSE, &state.to_bytes()),
            None => {}
        }
        for (kind, text) in [(CONGESTION, &self.congestion), (FILTER, &self.filter)] {
            if let Some(text) = text {
                write_block(out, kind, &swapped(text));
            }
        }
    }
}

fn write_block(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    let words = u16::try_from(body.len().div_ceil(4)).unwrap_or(u16::MAX);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(body);
}

fn parse_ability(kind: u16, body: &[u8]) -> Result<Ability, Error> {
    let mut words =
        body.chunks_exact(4).filter_map(|word| word.first_chunk::<4>().map(|word| u32::from_be_bytes(*word)));
    let (version, flags) = words.next().zip(words.next()).ok_or(Error::BrokenExtension(kind))?;
    // Old peers leave the latencies out.
    let latency = words.next().unwrap_or(0);
    Ok(Ability { version: Version(version), flags: Flags(flags), latency: Latency::from_word(latency) })
}

fn ability_bytes(ability: Ability) -> Vec<u8> {
    let words = [ability.version.0, ability.flags.0, ability.latency.to_word()];
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// Text stands on the wire with the bytes of each word reversed, filled up with zeros.
fn swapped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 3);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = [0; 4];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        out.extend(word.iter().rev());
    }
    out
}

fn parse_text(kind: u16, body: &[u8]) -> Result<String, Error> {
    if body.len() > MAX_TEXT {
        return Err(Error::BrokenExtension(kind));
    }
    let mut bytes: Vec<u8> = body.chunks_exact(4).flat_map(|word| word.iter().rev().copied()).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| Error::BrokenExtension(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_byte_order_of_libsrt() {
        assert_eq!(swapped("live/x"), [0x65, 0x76, 0x69, 0x6c, 0, 0, 0x78, 0x2f]);
        for text in ["live/x", "publish:live/test", "", "abcd", "ä/ö"] {
            assert_eq!(parse_text(STREAM_ID, &swapped(text)).as_deref(), Ok(text));
        }
    }

    #[test]
    fn unknown_extensions_are_skipped_and_endless_ones_refused() {
        // Blackmagic Web Presenter sends type 48385.
        let mut bytes = vec![];
        write_block(&mut bytes, 48385, &[1, 2, 3, 4, 5, 6, 7, 8]);
        write_block(&mut bytes, STREAM_ID, &swapped("live/x"));
        let found = Extensions::parse(&bytes).unwrap();
        assert_eq!(found.stream_id, Some(StreamId::new("live/x".into())));
        bytes.pop();
        assert_eq!(Extensions::parse(&bytes), Err(Error::BrokenExtension(STREAM_ID)));
    }
}
