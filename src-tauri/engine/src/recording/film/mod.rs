//! A recording read back: what it holds, its first picture, and any moment of it as a media segment for a browser. FLV and MP4
//! alike, closed or not, and never re-encoded.

mod chapter;
mod flv;
#[cfg(test)]
mod growing_tests;
mod head;
mod mp4;
mod plan;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use weir_media::{Track, TrackKind};

pub use chapter::{Chapter, Gap, GapCause};
pub use head::KeyPicture;
pub(super) use head::{Head, first_frames, is_ours, read_head};
pub(super) use mp4::all_fragments;
pub use plan::{Choice, Fragment, Initialization, Plan};

/// Largest part of a file that one fragment may need to be read: the window takes answers of 64 MB at most.
const MOST_AT_ONCE: u64 = 60 << 20;

/// Plans that are kept of one file: the usual choice of tracks, and another or two.
const KEPT_PLANS: usize = 4;

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// There is no such file.
    #[error("there is no recording {0:?}")]
    NotFound(String),
    /// Nothing in it plays, for this reason.
    #[error("{0}")]
    Unplayable(String),
    /// There is no fragment or track of this number.
    #[error("there is no such part of the recording")]
    NoSuchPart,
    /// The disk refused.
    #[error("the recording cannot be read: {0}")]
    Disk(#[from] io::Error),
}

/// One file, open for playing. Whatever is asked of it reads the disk: call it where blocking is allowed.
#[derive(Debug)]
pub struct Film {
    path: PathBuf,
    content: Content,
    is_growing: bool,
    plans: Mutex<Vec<(Choice, Arc<Plan>)>>,
    /// The plans that were made when there was less of it.
    before: Vec<(Choice, Arc<Plan>)>,
}

#[derive(Debug)]
enum Content {
    Flv(flv::Index),
    Mp4(weir_mp4::segment::MovieIndex),
}

impl Film {
    /// Opens a file that nobody writes to.
    pub(super) fn open(path: &Path) -> Result<Self, FilmError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let content = if starts_with(&mut file, b"FLV")? {
            Content::Flv(flv::Index::open(&mut file, size)?)
        } else {
            Content::Mp4(mp4::open(&mut file, size)?)
        };
        let (path, plans) = (path.to_owned(), Mutex::default());
        Ok(Self { path, content, is_growing: false, plans, before: Vec::new() })
    }

    /// Opens a file that is still written, as far as it is for certain. `before` is how it was opened when there was less of it:
    /// every fragment that it had stays as it was.
    pub(super) fn open_growing(path: &Path, before: Option<&Self>) -> Result<Self, FilmError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let before = before.filter(|film| film.is_growing);
        let content = if starts_with(&mut file, b"FLV")? {
            let before =
                before.and_then(|film| if let Content::Flv(index) = &film.content { Some(index) } else { None });
            Content::Flv(flv::Index::open_growing(&mut file, size, before)?)
        } else {
            Content::Mp4(mp4::open(&mut file, size)?)
        };
        let before = before.map(Self::all_plans).unwrap_or_default();
        Ok(Self { path: path.to_owned(), content, is_growing: true, plans: Mutex::default(), before })
    }

    /// The newest plan of each choice.
    fn all_plans(&self) -> Vec<(Choice, Arc<Plan>)> {
        let mut all = self.plans.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let old = self.before.iter().filter(|(choice, _)| !all.iter().any(|(known, _)| known == choice)).cloned();
        let old: Vec<_> = old.take(KEPT_PLANS.saturating_sub(all.len())).collect();
        all.extend(old);
        all
    }

    /// Whether it is still written: later there is more of it.
    pub const fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// Its tracks, pictures first.
    pub fn tracks(&self) -> Vec<Track> {
        match &self.content {
            Content::Flv(index) => index.tracks(),
            Content::Mp4(index) => index.tracks().iter().map(|track| track.track.clone()).collect(),
        }
    }

    /// Places to jump to, in the order of time: where something is missing, and in an MP4 file what its maker marked.
    pub fn chapters(&self) -> Vec<Chapter> {
        match &self.content {
            Content::Flv(index) => index.chapters(),
            Content::Mp4(index) => index.chapters().iter().map(Chapter::from).collect(),
        }
    }

    /// How long it plays, in seconds.
    pub fn seconds(&self) -> f64 {
        match &self.content {
            Content::Flv(index) => index.seconds(),
            Content::Mp4(index) => index.seconds(),
        }
    }

    /// The fragments in which it can be played, for a choice of tracks.
    pub fn plan(&self, choice: Choice) -> Result<Arc<Plan>, FilmError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == choice) {
            return Ok(Arc::clone(plan));
        }
        let so_far = self.before.iter().find(|(known, _)| *known == choice).map(|(_, plan)| plan.as_ref());
        let plan = Arc::new(Plan::new(&self.content, choice, self.is_growing, so_far)?);
        if plans.len() >= KEPT_PLANS {
            plans.remove(0);
        }
        plans.push((choice, Arc::clone(&plan)));
        Ok(plan)
    }

    /// The initialization segment of this number.
    pub fn initialization(&self, choice: Choice, number: usize) -> Result<Bytes, FilmError> {
        let plan = self.plan(choice)?;
        match &self.content {
            Content::Flv(index) => index.initialization(&plan.kinds, number),
            Content::Mp4(index) if number == 0 => Ok(index.initialization(&plan.places)),
            Content::Mp4(_) => Err(FilmError::NoSuchPart),
        }
    }

    /// The media segment of this number.
    pub fn fragment(&self, choice: Choice, number: usize) -> Result<Bytes, FilmError> {
        let plan = self.plan(choice)?;
        let mut file = File::open(&self.path)?;
        let sequence = u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        match &self.content {
            Content::Flv(index) => index.fragment(&mut file, &plan.kinds, number, sequence),
            Content::Mp4(index) => {
                let piece = plan.pieces.get(number).ok_or(FilmError::NoSuchPart)?;
                mp4::fragment(index, &mut file, &plan.places, piece, sequence)
            }
        }
    }
}

fn starts_with(file: &mut File, magic: &[u8; 3]) -> io::Result<bool> {
    let mut start = [0; 3];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start == *magic),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The bytes at a place of the file, all of them.
fn read_at(file: &mut File, position: u64, len: u64) -> io::Result<Bytes> {
    if len > MOST_AT_ONCE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of the file is too large to be read at once"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

fn is_media(track: &Track) -> bool {
    track.id.kind != TrackKind::Data
}
