//! The server's side of the handshake.

use bytes::Bytes;

use super::digest::{self, Layout};
use super::{Error, HEADER_LEN, PACKET_LEN, Packet, Random, VERSION};

/// Version field of S1 in a digest handshake. From 3 up FFmpeg's player checks digest and signature, so a plain S1 says
/// 0.
const DIGEST_VERSION: [u8; 4] = [3, 5, 1, 1];

/// What kind of handshake the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// S2 echoes C1.
    Plain,
    /// C1 holds a digest, so S1 and S2 hold digests too.
    Digest(Layout),
}

/// A handshake as the server sees it. Bytes in, S0S1S2 out, nothing kept once it is over.
#[derive(Debug)]
pub struct Server(State);

#[derive(Debug)]
enum State {
    C0C1 { random: Box<Random>, version: Option<u8>, c1: Vec<u8> },
    C2 { left: usize, scheme: Scheme },
    Done(Scheme),
}

impl Server {
    /// Waits for C0; `random` fills S1.
    pub fn new(random: Box<Random>) -> Self {
        Self(State::C0C1 { random, version: None, c1: Vec::new() })
    }

    /// Takes from `input` what belongs to the handshake; returns S0S1S2 when C1 got whole.
    pub fn handle_bytes(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, Error> {
        let mut reply = None;
        if let State::C0C1 { random, version, c1 } = &mut self.0 {
            if version.is_none() {
                let Some(first) = take(input, 1).first().copied() else { return Ok(None) };
                check_version(first)?;
                *version = Some(first);
            }
            let bytes = take(input, PACKET_LEN.saturating_sub(c1.len()));
            c1.reserve_exact(bytes.len());
            c1.extend_from_slice(bytes);
            let Ok(c1) = Packet::try_from(c1.as_slice()) else { return Ok(None) };
            let (scheme, bytes) = answer(&c1, random);
            self.0 = State::C2 { left: PACKET_LEN, scheme };
            reply = Some(bytes);
        }
        if let State::C2 { left, scheme } = &mut self.0 {
            // What C2 says is not checked: clients in the field echo wrongly, and nothing depends on it.
            *left = left.saturating_sub(take(input, *left).len());
            if *left == 0 {
                self.0 = State::Done(*scheme);
            }
        }
        Ok(reply)
    }

    /// The kind of handshake, once C2 is whole.
    pub const fn finished(&self) -> Option<Scheme> {
        match self.0 {
            State::Done(scheme) => Some(scheme),
            State::C0C1 { .. } | State::C2 { .. } => None,
        }
    }

    /// Heap bytes held.
    pub fn heap_len(&self) -> usize {
        match &self.0 {
            State::C0C1 { c1, .. } => size_of::<Random>().saturating_add(c1.capacity()),
            State::C2 { .. } | State::Done(_) => 0,
        }
    }
}

/// Versions up to 31 are answered with 3, RTMPE's 6 included; printable bytes are another protocol (section 5.2.2).
const fn check_version(first: u8) -> Result<(), Error> {
    match first {
        b'G' | b'H' | b'P' | b'O' | b'D' | b'C' => Err(Error::Http),
        0x16 => Err(Error::Tls),
        0..=31 => Ok(()),
        other => Err(Error::NotRtmp(other)),
    }
}

fn answer(c1: &Packet, random: &Random) -> (Scheme, Bytes) {
    let mut s1: Packet = [0; PACKET_LEN];
    s1.iter_mut().skip(HEADER_LEN).zip(random).for_each(|(to, byte)| *to = *byte);
    let (scheme, s2) = match digest::find(c1) {
        None => (Scheme::Plain, *c1),
        Some((layout, client_digest)) => {
            s1.iter_mut().skip(4).zip(DIGEST_VERSION).for_each(|(to, byte)| *to = byte);
            let mut s2 = s1;
            s2.reverse();
            digest::imprint_server(&mut s1, layout);
            digest::sign_server(&mut s2, &client_digest);
            (Scheme::Digest(layout), s2)
        }
    };
    (scheme, [&[VERSION], s1.as_slice(), s2.as_slice()].concat().into())
}

/// Takes at most `count` bytes from the front of `input`.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::super::digest::tests::{imprint_player, player_accepts};
    use super::*;

    fn random() -> Box<Random> {
        Box::new(std::array::from_fn(|index| (index % 253) as u8))
    }

    fn c1(version: [u8; 4]) -> Packet {
        let mut c1: Packet = std::array::from_fn(|index| (index * 3 % 239) as u8);
        c1[4..8].copy_from_slice(&version);
        c1
    }

    fn hello(c1: &Packet) -> Vec<u8> {
        [&[VERSION], c1.as_slice()].concat()
    }

    #[test]
    fn s0_s1_s2_follow_c1_at_once() {
        let c1 = c1([0; 4]);
        let mut server = Server::new(random());
        let reply = server.handle_bytes(&mut hello(&c1).as_slice()).unwrap().unwrap();
        assert_eq!(reply.len(), 1 + 2 * PACKET_LEN);
        assert_eq!(reply[0], VERSION);
        assert_eq!(reply[1..9], [0; 8], "a plain S1 must say version 0 or FFmpeg's player demands a digest");
        assert_eq!(reply[1 + PACKET_LEN..], c1, "S2 echoes C1");
        assert_eq!(server.finished(), None);
        let mut c2 = &reply[1..=PACKET_LEN];
        assert_eq!(server.handle_bytes(&mut c2), Ok(None));
        assert_eq!(server.finished(), Some(Scheme::Plain));
        assert_eq!(server.heap_len(), 0);
    }

    #[test]
    fn a_digest_is_answered_with_digests_in_the_same_layout() {
        for layout in [Layout::DigestFirst, Layout::KeyFirst] {
            let mut c1 = c1([9, 0, 124, 2]);
            imprint_player(&mut c1, layout);
            let mut server = Server::new(random());
            let reply = server.handle_bytes(&mut hello(&c1).as_slice()).unwrap().unwrap();
            let s1: Packet = reply[1..=PACKET_LEN].try_into().unwrap();
            let s2: Packet = reply[1 + PACKET_LEN..].try_into().unwrap();
            assert!(s1[4] >= 3);
            assert!(player_accepts(&c1, &s1, &s2), "{layout:?}");
            server.handle_bytes(&mut [0; PACKET_LEN].as_slice()).unwrap();
            assert_eq!(server.finished(), Some(Scheme::Digest(layout)));
        }
    }

    #[test]
    fn every_split_gives_the_same_answer_and_leaves_what_follows() {
        let c1 = c1([0; 4]);
        let whole = [hello(&c1), vec![7; PACKET_LEN], b"next".to_vec()].concat();
        for split in 0..whole.len() {
            let (mut first, second) = whole.split_at(split);
            let mut server = Server::new(random());
            let early = server.handle_bytes(&mut first).unwrap();
            let mut second = [first, second].concat();
            let mut second = std::mem::take(&mut second);
            let mut rest = second.as_slice();
            let late = server.handle_bytes(&mut rest).unwrap();
            assert!(early.is_some() ^ late.is_some(), "{split}");
            assert_eq!(server.finished(), Some(Scheme::Plain), "{split}");
            assert_eq!(rest, b"next", "{split}");
            second.clear();
        }
    }

    #[test]
    fn other_protocols_are_told_apart() {
        for (first, error) in [
            (b'G', Error::Http),
            (b'P', Error::Http),
            (b'H', Error::Http),
            (0x16, Error::Tls),
            (0x80, Error::NotRtmp(0x80)),
            (b'~', Error::NotRtmp(b'~')),
        ] {
            assert_eq!(Server::new(random()).handle_bytes(&mut [first].as_slice()), Err(error));
        }
    }

    #[test]
    fn old_and_encrypted_versions_are_answered_with_three() {
        for version in [0, 1, 6, 31] {
            let mut bytes = hello(&c1([0; 4]));
            bytes[0] = version;
            let reply = Server::new(random()).handle_bytes(&mut bytes.as_slice()).unwrap().unwrap();
            assert_eq!(reply[0], VERSION);
        }
    }
}
