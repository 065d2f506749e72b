//! The server's side of TLS over a socket that is read and written in batches.
//!
//! rustls is driven directly, as the pure sessions are: bytes in, bytes out. So an encrypted connection runs in the same loops
//! as a plain one, and a plain one pays nothing for it.

use std::io::{self, BufRead as _, IoSlice, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;

/// Encrypted bytes that may wait for the socket; beyond it nothing more is encrypted, so that what a slow peer does not take
/// stays where the lag policy reaches it.
const MAX_WAITING: usize = 64 * 1024;
/// Parts that are encrypted in one go, so that small ones share a record.
const SLICES: usize = 64;

/// An encrypted connection.
#[derive(Debug)]
pub(crate) struct Tls(ServerConnection);

impl Tls {
    /// A connection whose first bytes have not been read yet.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut connection = ServerConnection::new(config)?;
        // How much waits is bounded here, by not encrypting more.
        connection.set_buffer_limit(None);
        Ok(Self(connection))
    }

    /// Takes what has arrived from the socket and hands on what it means. That the peer says that nothing follows is no end
    /// yet: what came before it must be acted on, and the socket tells of the end by itself.
    pub(crate) fn take<E: From<rustls::Error>>(
        &mut self,
        mut arrived: &[u8],
        mut plain: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !arrived.is_empty() {
            let full = |_| rustls::Error::General("a record is too large".to_owned());
            if self.0.read_tls(&mut arrived).map_err(full)? == 0 {
                break;
            }
            let state = self.0.process_new_packets()?;
            let mut reader = self.0.reader();
            while let Some(piece) = reader.fill_buf().ok().filter(|piece| !piece.is_empty()) {
                let length = piece.len();
                plain(piece)?;
                reader.consume(length);
            }
            if state.peer_has_closed() {
                break;
            }
        }
        Ok(())
    }

    /// Whether encrypted bytes wait for the socket.
    pub(crate) fn has_waiting(&self) -> bool {
        self.0.wants_write()
    }

    /// Encrypts and writes as much of `parts` as the socket is ready for. Returns how many of their bytes were taken.
    pub(crate) fn write_now(&mut self, socket: &TcpStream, parts: &[Bytes]) -> io::Result<usize> {
        let mut taken = 0;
        let mut ahead = 0;
        self.flush(socket)?;
        let mut rest = parts.iter().map(|part| &part[..]).peekable();
        let mut begun: &[u8] = &[];
        while !self.has_waiting() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            while ahead < MAX_WAITING && count < SLICES {
                if begun.is_empty() {
                    let Some(next) = rest.next() else { break };
                    begun = next;
                }
                let (piece, after) = begun.split_at(begun.len().min(MAX_WAITING - ahead));
                slices[count] = IoSlice::new(piece);
                begun = after;
                ahead += piece.len();
                count += 1;
            }
            if ahead == 0 {
                break;
            }
            taken += self.0.writer().write_vectored(slices.get(..count).unwrap_or_default())?;
            ahead = 0;
            self.flush(socket)?;
        }
        Ok(taken)
    }

    /// Writes as much of what waits as the socket takes now. Returns whether it took anything.
    pub(crate) fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        let mut progress = false;
        while self.0.wants_write() {
            match self.0.write_tls(&mut Socket(socket)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => progress = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(progress)
    }

    /// Tells the peer that nothing follows, once what waits is written.
    pub(crate) fn close(&mut self) {
        self.0.send_close_notify();
    }
}

/// A socket that never waits.
struct Socket<'a>(&'a TcpStream);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// A client and a server that have shaken hands.
    fn pair() -> (ClientConnection, Tls) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = crate::tls::provider();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut server = Tls::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.has_waiting() {
            server.take::<rustls::Error>(&said(&mut client), |_| Ok(())).unwrap();
            let mut answer = Vec::new();
            while server.0.wants_write() {
                server.0.write_tls(&mut answer).unwrap();
            }
            let mut answer = &answer[..];
            while !answer.is_empty() {
                client.read_tls(&mut answer).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        (client, server)
    }

    fn said(client: &mut ClientConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn what_comes_in_one_read_with_the_last_word_is_not_lost() {
        let (mut client, mut server) = pair();
        let text = vec![7; 100_000];
        client.set_buffer_limit(None);
        client.writer().write_all(&text).unwrap();
        client.send_close_notify();
        let mut heard = Vec::new();
        let arrived = said(&mut client);
        server
            .take::<rustls::Error>(&arrived, |plain| {
                heard.extend_from_slice(plain);
                Ok(())
            })
            .unwrap();
        assert!(heard == text);
    }

    #[test]
    fn bytes_arrive_however_they_are_cut_and_damage_is_an_error() {
        let (mut client, mut server) = pair();
        client.writer().write_all(b"in many pieces").unwrap();
        let mut heard = Vec::new();
        for byte in said(&mut client) {
            server
                .take::<rustls::Error>(&[byte], |plain| {
                    heard.extend_from_slice(plain);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(heard, b"in many pieces");
        client.writer().write_all(b"damaged").unwrap();
        let mut damaged = said(&mut client);
        if let Some(last) = damaged.last_mut() {
            *last ^= 1;
        }
        assert!(server.take::<rustls::Error>(&damaged, |_| Ok(())).is_err());
    }
}
