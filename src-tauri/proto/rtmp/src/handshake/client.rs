//! The client's side of the handshake: plain, as librtmp and OBS do it.

use bytes::Bytes;

use super::server::take;
use super::{Error, PACKET_LEN, Packet, Random, VERSION};

/// A handshake as the client sees it.
#[derive(Debug)]
pub struct Client(State);

#[derive(Debug)]
enum State {
    S0S1 { version: Option<u8>, s1: Vec<u8> },
    S2 { left: usize },
    Done,
}

impl Client {
    /// Starts a handshake; the bytes are C0 and C1, to be sent at once.
    pub fn new(random: &Random) -> (Self, Bytes) {
        let hello = [&[VERSION], [0; 8].as_slice(), random.as_slice()].concat();
        (Self(State::S0S1 { version: None, s1: Vec::new() }), hello.into())
    }

    /// Takes from `input` what belongs to the handshake; returns C2 when S1 got whole.
    pub fn handle_bytes(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, Error> {
        let mut reply = None;
        if let State::S0S1 { version, s1 } = &mut self.0 {
            if version.is_none() {
                let Some(first) = take(input, 1).first().copied() else { return Ok(None) };
                check_version(first)?;
                *version = Some(first);
            }
            s1.extend_from_slice(take(input, PACKET_LEN.saturating_sub(s1.len())));
            let Ok(s1) = Packet::try_from(s1.as_slice()) else { return Ok(None) };
            reply = Some(Bytes::copy_from_slice(&s1));
            self.0 = State::S2 { left: PACKET_LEN };
        }
        if let State::S2 { left } = &mut self.0 {
            *left = left.saturating_sub(take(input, *left).len());
            if *left == 0 {
                self.0 = State::Done;
            }
        }
        Ok(reply)
    }

    /// Whether S2 is whole.
    pub const fn is_finished(&self) -> bool {
        matches!(self.0, State::Done)
    }
}

const fn check_version(first: u8) -> Result<(), Error> {
    match first {
        b'H' => Err(Error::HttpServer),
        // TLS alert and handshake records.
        0x15 | 0x16 => Err(Error::TlsServer),
        0..=31 => Ok(()),
        other => Err(Error::NotRtmpServer(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, Server};
    use super::*;

    #[test]
    fn client_and_server_finish_at_every_split() {
        let random: Random = std::array::from_fn(|index| (index % 241) as u8);
        for step in [1, 7, 1535, 1536, 1537, 4000] {
            let mut server = Server::new(Box::new([5; PACKET_LEN - 8]));
            let (mut client, hello) = Client::new(&random);
            let mut from_server = Vec::new();
            for piece in hello.chunks(step) {
                from_server.extend(server.handle_bytes(&mut &*piece).unwrap().unwrap_or_default());
            }
            let mut from_client = Vec::new();
            for piece in from_server.chunks(step) {
                from_client.extend(client.handle_bytes(&mut &*piece).unwrap().unwrap_or_default());
            }
            assert!(client.is_finished());
            assert_eq!(from_client, from_server[1..=PACKET_LEN], "C2 echoes S1");
            for piece in from_client.chunks(step) {
                server.handle_bytes(&mut &*piece).unwrap();
            }
            assert_eq!(server.finished(), Some(Scheme::Plain));
        }
    }

    #[test]
    fn servers_of_other_protocols_are_told_apart() {
        for (first, error) in [(72, Error::HttpServer), (0x15, Error::TlsServer), (0xff, Error::NotRtmpServer(0xff))] {
            let (mut client, _) = Client::new(&[0; PACKET_LEN - 8]);
            assert_eq!(client.handle_bytes(&mut [first].as_slice()), Err(error));
        }
    }
}
