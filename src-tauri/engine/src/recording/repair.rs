//! Closing a file that was never closed: what a kill, a power cut or a full disk left behind gets its duration and its index,
//! and loses the piece at its end that is not whole. Nothing before that is moved or rewritten.
//!
//! Only files that Weir wrote are touched. A file that somebody writes to is left alone: whoever writes one holds a lock on it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::Path;
#[cfg(not(windows))]
use std::time::Duration;

use weir_flv::file::{FileReader, Rebuild as FlvRebuild, Write};
use weir_mp4::repair::{HEAD_LEN, is_closed};

use super::job::Control;
use super::probe::{self, Probe};
use super::{film, probe_mp4};

/// Bytes of an FLV file read at once.
const PIECE: usize = 1 << 20;

/// How often a lock is tried: a program that is just being started shares every file of ours, locks included, for a moment.
#[cfg(not(windows))]
const LOCK_TRIES: u32 = 8;

/// Between two tries.
#[cfg(not(windows))]
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing: it is whole.
    Whole,
    /// It is whole now.
    Repaired {
        /// Its length in seconds.
        seconds: f64,
        /// Bytes at the end that belonged to no whole frame or fragment, and are gone.
        cut_bytes: u64,
    },
    /// Nothing in it can be saved; it was left as it is.
    Damaged,
    /// It is not one of Weir's own files; it was left as it is.
    Foreign,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "it is whole",
            Self::Repaired { .. } => "it is whole again",
            Self::Damaged => "nothing in it can be saved",
            Self::Foreign => "it was not written by Weir",
        })
    }
}

/// Why a file could not be repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Somebody writes to it.
    #[error("the file is being written or is open in another program")]
    InUse,
    /// It was called off; the file is as it was.
    #[error("the repair was called off")]
    Cancelled,
    /// The disk refused.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// Repairs the file at `path` if it needs to be. Reads an FLV file as a whole, an MP4 file's headers only. Blocks.
pub fn repair(path: &Path) -> Result<Outcome, RepairError> {
    repair_with(path, &Control::default())
}

/// The same, telling how far it is; it can be called off until the file is touched.
pub(super) fn repair_with(path: &Path, control: &Control) -> Result<Outcome, RepairError> {
    let mut file = open_alone(path)?;
    let size = file.metadata()?.len();
    match probe::probe(&mut file, size) {
        Probe::Closed(_) => return Ok(Outcome::Whole),
        Probe::Damaged => return Ok(if may_be_ours(&mut file)? { Outcome::Damaged } else { Outcome::Foreign }),
        Probe::Cut(_) => {}
    }
    let mut start = [0; 3];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut start)?;
    if &start == b"FLV" { repair_flv(&mut file, size, control) } else { repair_mp4(&mut file, size) }
}

/// What is said of bytes that a repair cut off; nothing of none.
pub fn cut_off(bytes: u64) -> Option<String> {
    match bytes {
        0 => None,
        1 => Some("1 byte at the end belonged to nothing".to_owned()),
        bytes => Some(format!("{bytes} bytes at the end belonged to nothing")),
    }
}

/// Whether a file with nothing whole in it may be one of ours: they begin in two ways only, as far as they go. Whose an empty
/// file is, or one of zeros as a power cut leaves it, nobody knows.
fn may_be_ours(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::take(&mut *file, HEAD_LEN as u64).read_to_end(&mut head)?;
    let begins = |with: &[u8]| head.iter().zip(with).all(|(is, ours)| is == ours);
    let is_mp4 = begins(b"\0\0\0\x20ftyp") && (head.len() < HEAD_LEN || probe_mp4::is_ours(file));
    Ok(begins(b"FLV\x01") || is_mp4 || head.iter().all(|byte| *byte == 0))
}

/// Opens a file that nobody else writes to.
fn open_alone(path: &Path) -> Result<File, RepairError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        const ERROR_SHARING_VIOLATION: i32 = 32;
        let opened = options.share_mode(0).open(path);
        return opened.map_err(|error| match error.raw_os_error() {
            Some(ERROR_SHARING_VIOLATION) => RepairError::InUse,
            _ => RepairError::Disk(error),
        });
    }
    #[cfg(not(windows))]
    {
        let file = options.open(path)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                // A file system without locks has nobody else's either.
                Ok(()) | Err(std::fs::TryLockError::Error(_)) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            }
        }
        Err(RepairError::InUse)
    }
}

/// Whether nobody writes to the file or repairs it now.
pub(super) fn is_free(path: &Path) -> bool {
    open_alone(path).is_ok()
}

/// Says that a file is being written, for as long as it is open.
pub(super) fn claim(file: &File) {
    // Windows refuses by itself what another handle would disturb, and a lock there would keep readers out.
    #[cfg(not(windows))]
    let _ = file.try_lock();
    #[cfg(windows)]
    let _ = file;
}

fn repair_flv(file: &mut File, size: u64, control: &Control) -> Result<Outcome, RepairError> {
    let (mut reader, mut rebuild) = (FileReader::new(), FlvRebuild::new());
    let (mut piece, mut done) = (vec![0; PIECE], 0);
    file.seek(SeekFrom::Start(0))?;
    loop {
        if control.stop.is_cancelled() {
            return Err(RepairError::Cancelled);
        }
        let read = file.read(&mut piece)?;
        done += read as u64;
        control.done(done, size);
        if read == 0 {
            reader.end();
        }
        reader.push(piece.get(..read).unwrap_or_default());
        loop {
            match reader.next_tag() {
                Ok(Some(tag)) => rebuild.add(&tag),
                Ok(None) => break,
                Err(_) => return Ok(Outcome::Damaged),
            }
        }
        if read == 0 {
            break;
        }
    }
    let end = reader.valid_len();
    if rebuild.frames() == 0 {
        return Ok(Outcome::Damaged);
    }
    let Some(Write::Patch { offset, bytes }) = rebuild.finish(end) else { return Ok(Outcome::Foreign) };
    if end < offset + bytes.len() as u64 {
        return Ok(Outcome::Damaged);
    }
    file.set_len(end)?;
    file.sync_data()?;
    write_at(file, offset, &bytes)?;
    file.sync_data()?;
    Ok(Outcome::Repaired { seconds: f64::from(rebuild.duration_millis()) / 1e3, cut_bytes: size.saturating_sub(end) })
}

fn repair_mp4(file: &mut File, size: u64) -> Result<Outcome, RepairError> {
    let Some(rebuild) = film::all_fragments(file, size)? else { return Ok(Outcome::Damaged) };
    let end = rebuild.end();
    let closing = rebuild.finish();
    // A file that was closed once and lost its end says in front that it has an index: that is undone first, so that a kill
    // in the middle of this leaves fragments that play.
    let mut head = vec![0; HEAD_LEN];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut head)?;
    if is_closed(&head) {
        write_at(file, HEAD_LEN as u64 - 16, b"\0\0\0\x10free\0\0\0\0\0\0\0\0")?;
        file.sync_data()?;
    }
    file.set_len(end)?;
    let mut append = closing.append.to_vec();
    append.extend_from_slice(probe::REPAIRED_MP4);
    let added = write_at(file, end, &append).and_then(|()| file.sync_data());
    if let Err(error) = added {
        // No room for the index: the fragments play as they are.
        file.set_len(end)?;
        return Err(error.into());
    }
    if let Some(patch) = closing.patch {
        write_at(file, patch.position, &patch.bytes)?;
        file.sync_data()?;
    }
    Ok(Outcome::Repaired { seconds: rebuild.seconds(), cut_bytes: size.saturating_sub(end) })
}

fn write_at(file: &mut File, position: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(position))?;
    file.write_all(bytes)
}
