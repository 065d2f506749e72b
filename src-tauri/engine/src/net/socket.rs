//! Reading and writing sockets in batches, without a buffer for each connection.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _};

use bytes::{Buf as _, Bytes};
use socket2::SockRef;
use tokio::io::Interest;
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

/// Reads what has arrived, at most a buffer full. A read that does not fill the buffer has emptied the socket: the runtime is told so,
/// and no second call asks the system again. `Ok(0)` is the end of what the peer sends.
pub(crate) fn read_now(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut taken = None;
    let asked = stream.try_io(Interest::READABLE, || {
        let read = (&*SockRef::from(stream)).read(buffer)?;
        taken = Some(read);
        // The end is told again and again; only between must the runtime wait for news.
        if EMPTIES && read > 0 && read < buffer.len() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    taken.map_or_else(|| asked.map(|()| 0), Ok)
}

/// Whether the system tells of bytes that arrive after a read that did not fill its buffer: edge-triggered epoll and kqueue do.
const EMPTIES: bool = cfg!(unix);

/// Sends what the socket takes of `bytes` now, by the shortest way to the system: for whoever writes to hundreds of sockets in
/// a row. The runtime's bookkeeping and the C library's would each be memory that has gone cold. Returns the bytes it took.
pub(crate) fn send_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::net::send(stream, bytes, rustix::net::SendFlags::NOSIGNAL)?);
    #[cfg(not(target_os = "linux"))]
    SockRef::from(stream).send(bytes)
}

/// What a socket has not taken yet. Holds shared bytes, so a slow player costs references, not copies.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    parts: VecDeque<Bytes>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.parts.push_back(part);
        }
    }

    pub(crate) fn push_front(&mut self, part: Bytes) {
        if !part.is_empty() {
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
        self.flush_with(|parts| write_now(stream, parts))
    }

    /// Hands `write` what waits and keeps what it does not take. Returns the bytes it took.
    pub(crate) fn flush_with(&mut self, write: impl FnOnce(&[Bytes]) -> io::Result<usize>) -> io::Result<usize> {
        if self.parts.is_empty() {
            return Ok(0);
        }
        let written = write(self.parts.make_contiguous())?;
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A runtime that was told wrongly would never wake the reader again.
    #[tokio::test]
    async fn reading_now_misses_nothing_and_sees_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sender, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        let (mut sender, (receiver, _)) = (sender.unwrap(), accepted.unwrap());
        let sending = async move {
            for n in 0..2_000_u32 {
                // Some fill the buffer to the last byte.
                sender.write_all(&vec![n as u8; [1, 64, 100, 1000][n as usize % 4]]).await.unwrap();
                if n % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        };
        let receiving = async move {
            let (mut buffer, mut received) = ([0; 64], Vec::new());
            loop {
                receiver.readable().await.unwrap();
                match read_now(&receiver, &mut buffer) {
                    Ok(0) => return received,
                    Ok(read) => received.extend_from_slice(&buffer[..read]),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
        };
        let ((), received) = tokio::join!(sending, tokio::time::timeout(std::time::Duration::from_secs(30), receiving));
        let expected: Vec<u8> =
            (0..2_000_u32).flat_map(|n| vec![n as u8; [1, 64, 100, 1000][n as usize % 4]]).collect();
        assert!(received.unwrap() == expected);
    }

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
