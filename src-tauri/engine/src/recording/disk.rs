//! A file that is appended to and patched, in large writes, and whose end is always a whole piece.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Bytes gathered before they go to the operating system: one call for many frames.
const BUFFER: usize = 256 * 1024;

/// What a recording is written to: a file, or what a test puts in its place.
pub(super) trait Medium: Write + Seek {
    /// Forces what was written to the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts off everything from `len` on.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Gathers and writes. A failed write leaves a file that ends where the last [`Disk::flush`] ended, once
/// [`Disk::cut_off`] is called.
#[derive(Debug)]
pub(super) struct Disk<M> {
    medium: M,
    waiting: Vec<u8>,
    /// Bytes that the operating system has for certain.
    written: u64,
    /// Whether the medium stands elsewhere than at its end.
    moved: bool,
}

impl<M: Medium> Disk<M> {
    pub(super) const fn new(medium: M) -> Self {
        Self { medium, waiting: Vec::new(), written: 0, moved: false }
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Writes over what stands at `offset`.
    pub(super) fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.flush()?;
        self.moved = true;
        self.medium.seek(SeekFrom::Start(offset))?;
        self.medium.write_all(bytes)
    }

    /// Whether enough has been gathered to be worth a write.
    pub(super) const fn is_full(&self) -> bool {
        self.waiting.len() >= BUFFER
    }

    /// Hands everything to the operating system. Call it between whole pieces only.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if self.moved {
            self.medium.seek(SeekFrom::Start(self.written))?;
            self.moved = false;
        }
        self.medium.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        // A single huge key frame must not keep its memory for the rest of the recording.
        self.waiting.shrink_to(2 * BUFFER);
        Ok(())
    }

    /// Forces everything to the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.medium.sync()
    }

    /// Gives up what was not written whole.
    pub(super) fn cut_off(&mut self) -> io::Result<()> {
        self.waiting.clear();
        self.moved = true;
        self.medium.truncate(self.written)
    }

    /// Bytes in the file and on their way to it.
    pub(super) const fn len(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A disk of so many bytes that writes what still fits, as real ones do.
    #[derive(Debug)]
    struct Small {
        content: Cursor<Vec<u8>>,
        room: usize,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let end = self.content.position() as usize + bytes.len();
            let fits = bytes.len().saturating_sub(end.saturating_sub(self.room));
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.write(&bytes[..fits])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Small {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.content.seek(to)
        }
    }

    impl Medium for Small {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn truncate(&mut self, len: u64) -> io::Result<()> {
            self.content.get_mut().truncate(len as usize);
            Ok(())
        }
    }

    #[test]
    fn patches_stay_in_place_and_appending_goes_on_at_the_end() {
        let mut disk = Disk::new(Small { content: Cursor::default(), room: 100 });
        disk.append(b"hello ");
        disk.patch(0, b"J").unwrap();
        disk.append(b"world");
        disk.sync().unwrap();
        assert_eq!((disk.medium.content.get_ref().as_slice(), disk.len()), (&b"Jello world"[..], 11));
    }

    #[test]
    fn what_did_not_fit_whole_is_cut_off_and_the_head_can_still_be_patched() {
        let mut disk = Disk::new(Small { content: Cursor::default(), room: 10 });
        disk.append(b"whole1");
        disk.flush().unwrap();
        disk.append(b"whole2");
        assert_eq!(disk.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.cut_off().unwrap();
        disk.patch(0, b"W").unwrap();
        assert_eq!(disk.medium.content.get_ref(), b"Whole1");
    }
}
