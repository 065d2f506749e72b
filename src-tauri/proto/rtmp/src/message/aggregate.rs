//! Aggregate messages (RTMP 1.0, section 7.1.6): several media messages as FLV tags.

use bytes::{Buf, Bytes};

use super::{Error, MediaMessage};

const TAG_HEADER_LEN: usize = 11;
const BACK_POINTER_LEN: usize = 4;

/// The parts of an aggregate message, an iterator that stops after the first error.
///
/// The first part is at the message's own timestamp, the others keep their distance to it. Parts that are no media are
/// left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    stream_id: u32,
    timestamp: u32,
    first: Option<u32>,
    rest: Bytes,
    length: usize,
}

impl Aggregate {
    /// The parts of a message of type 22.
    pub const fn new(stream_id: u32, timestamp: u32, payload: Bytes) -> Self {
        let length = payload.len();
        Self { stream_id, timestamp, first: None, rest: payload, length }
    }

    /// The message stream all parts belong to.
    pub const fn stream_id(&self) -> u32 {
        self.stream_id
    }

    fn part(&mut self) -> Result<Option<MediaMessage>, Error> {
        let offset = self.length.saturating_sub(self.rest.len());
        let broken = Error::BrokenAggregate { offset };
        let header: &[u8; TAG_HEADER_LEN] = self.rest.first_chunk().ok_or(broken)?;
        let [type_id, l0, l1, l2, t0, t1, t2, t3, ..] = *header;
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let time = u32::from_be_bytes([t3, t0, t1, t2]);
        self.rest.advance(TAG_HEADER_LEN);
        if length > self.rest.len() {
            return Err(broken);
        }
        let payload = self.rest.split_to(length);
        // The last back pointer is missing from some servers' aggregates.
        self.rest.advance(BACK_POINTER_LEN.min(self.rest.len()));
        let first = *self.first.get_or_insert(time);
        let timestamp = self.timestamp.wrapping_add(time.wrapping_sub(first));
        Ok(MediaMessage::new(self.stream_id, timestamp, type_id & 0x1F, payload))
    }
}

impl Iterator for Aggregate {
    type Item = Result<MediaMessage, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.part() {
                Ok(Some(part)) => return Some(Ok(part)),
                Ok(None) => {}
                Err(error) => {
                    self.rest.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::MediaKind;
    use super::*;

    fn tag(type_id: u8, time: u32, body: &[u8]) -> Vec<u8> {
        let [t3, t0, t1, t2] = time.to_be_bytes();
        let length = body.len() as u8;
        let back = (TAG_HEADER_LEN as u32 + u32::from(length)).to_be_bytes();
        [&[type_id, 0, 0, length, t0, t1, t2, t3, 0, 0, 0], body, &back].concat()
    }

    #[test]
    fn parts_keep_their_distance_to_the_message() {
        let body = [tag(8, 0x0100_0000, b"a"), tag(9, 0x0100_0028, b"bc"), tag(18, 0x0100_0050, b"")].concat();
        let parts: Vec<_> = Aggregate::new(1, 5_000, body.into()).map(Result::unwrap).collect();
        let seen: Vec<_> = parts.iter().map(|part| (part.kind, part.timestamp, &part.payload[..])).collect();
        assert_eq!(
            seen,
            [(MediaKind::Audio, 5_000, &b"a"[..]), (MediaKind::Video, 5_040, b"bc"), (MediaKind::Data, 5_080, b"")]
        );
    }

    #[test]
    fn a_part_that_does_not_fit_is_an_error_once() {
        let mut body = tag(8, 0, b"a");
        body.extend([9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let mut aggregate = Aggregate::new(1, 0, body.into());
        assert!(aggregate.next().unwrap().is_ok());
        assert_eq!(aggregate.next(), Some(Err(Error::BrokenAggregate { offset: 16 })));
        assert_eq!(aggregate.next(), None);
    }

    #[test]
    fn the_last_back_pointer_may_be_missing() {
        let body = tag(8, 0, b"a");
        let parts: Vec<_> = Aggregate::new(1, 0, body[..body.len() - 4].to_vec().into()).collect();
        assert_eq!(parts.len(), 1);
        assert!(parts[0].is_ok());
    }
}
