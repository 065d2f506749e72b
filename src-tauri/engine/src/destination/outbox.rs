//! What waits to be written to one connection: bounded, and written many pieces at a time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Beyond this no more frames are taken from the stream: what a slow server does not take stays in the stream's ring,
/// where the lag policy can still choose what to leave out. Large enough for a key frame of 20 Mbit/s.
pub(super) const HIGH_WATER: usize = 512 * 1024;

/// Pieces written by one system call; the most that Linux takes is 1024, and more than this gains nothing.
const MAX_SLICES: usize = 64;

/// Bytes on their way to one connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Outbox {
    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.pieces.push_back(bytes);
        }
    }

    /// Bytes that wait.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether everything has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether more frames may be taken.
    pub(super) const fn has_room(&self) -> bool {
        self.len < HIGH_WATER
    }

    /// Writes as much as the connection takes now; returns how much that was. Cancel-safe: what was not written stays.
    pub(super) async fn write_to(&mut self, peer: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        let written = peer.write_vectored(slices.get(..used).unwrap_or_default()).await?;
        if written == 0 && used > 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok(written)
    }

    fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        while let Some(front) = self.pieces.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn every_byte_arrives_in_order_through_a_narrow_pipe() {
        let (mut near, mut far) = tokio::io::duplex(7);
        let mut outbox = Outbox::default();
        let sent: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for piece in sent.chunks(13) {
            outbox.push(Bytes::copy_from_slice(piece));
        }
        let reader = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            got
        });
        while !outbox.is_empty() {
            outbox.write_to(&mut near).await.unwrap();
        }
        drop(near);
        assert_eq!(reader.await.unwrap(), sent);
        assert_eq!(outbox.len, 0);
    }

    #[test]
    fn a_full_outbox_takes_no_more_frames() {
        let mut outbox = Outbox::default();
        assert!(outbox.has_room());
        outbox.push(Bytes::from(vec![0; HIGH_WATER]));
        assert!(!outbox.has_room());
        outbox.advance(1);
        assert!(outbox.has_room());
    }
}
