//! Reading and writing sockets in batches, without a buffer for each connection.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf as _, Bytes};
use tokio::net::TcpStream;

/// Slices one system call writes: enough for a batch of frames, small enough for the stack.
const SLICES: usize = 64;

/// Writes as much of `parts` as the socket takes now, in as few calls as possible. Returns the bytes it took, which are
/// fewer than all when the socket is full.
pub(crate) fn write_now(stream: &TcpStream, parts: &[Bytes]) -> io::Result<usize> {
    let mut total = 0;
    for group in parts.chunks(SLICES) {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut wanted = 0;
        for (slice, part) in slices.iter_mut().zip(group) {
            *slice = IoSlice::new(part);
            wanted += part.len();
        }
        let slices = slices.get(..group.len()).unwrap_or(&slices);
        let written = match stream.try_write_vectored(slices) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        total += written;
        if written < wanted {
            break;
        }
    }
    Ok(total)
}

/// What a socket has not taken yet. Holds shared bytes, so a slow player costs references, not copies.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    pub(crate) fn push_front(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_front(part);
        }
    }

    /// Appends what is left of `parts` once their first `written` bytes are gone.
    pub(crate) fn push_rest(&mut self, parts: impl IntoIterator<Item = Bytes>, mut written: usize) {
        for mut part in parts {
            let gone = written.min(part.len());
            part.advance(gone);
            written -= gone;
            self.push(part);
        }
    }

    /// Writes as much as the socket takes now. Returns the bytes it took.
    pub(crate) fn flush(&mut self, stream: &TcpStream) -> io::Result<usize> {
        if self.parts.is_empty() {
            return Ok(0);
        }
        let written = write_now(stream, self.parts.make_contiguous())?;
        self.bytes -= written;
        let mut left = written;
        while let Some(front) = self.parts.front_mut() {
            if left < front.len() {
                front.advance(left);
                break;
            }
            left -= front.len();
            self.parts.pop_front();
        }
        if self.parts.is_empty() {
            // A connection that has nothing to say holds no memory.
            self.parts = VecDeque::new();
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn everything_arrives_in_order_however_little_the_socket_takes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sender, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        let (sender, (mut receiver, _)) = (sender.unwrap(), accepted.unwrap());
        let parts: Vec<Bytes> =
            (0..3000_u32).map(|n| Bytes::from(vec![n as u8; 1 + (n as usize * 37) % 9000])).collect();
        let expected: Vec<u8> = parts.iter().flatten().copied().collect();
        let total = expected.len();
        let sending = async move {
            let mut outbox = Outbox::default();
            let written = write_now(&sender, &parts).unwrap();
            outbox.push_rest(parts, written);
            while !outbox.is_empty() {
                sender.writable().await.unwrap();
                outbox.flush(&sender).unwrap();
            }
            assert_eq!(outbox.bytes(), 0);
        };
        let receiving = async move {
            let mut received = vec![0; total];
            receiver.read_exact(&mut received).await.unwrap();
            received
        };
        let ((), received) = tokio::join!(sending, receiving);
        assert!(received == expected);
    }
}
