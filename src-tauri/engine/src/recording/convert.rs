//! FLV to MP4 without re-encoding: the frames are the same, the container is another.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use weir_flv::file::{FileReader, Gap, GapCause, TagKind};
use weir_flv::{Ingest, Item as Tag};
use weir_media::{Frame, TrackKind, Tracks};

use super::config::Container;
use super::container::Format;
use super::failure::Failure;
use super::files::Files;
use super::job::Control;
use super::reel::{Cutting, Reel};
use super::writer::{Item, Muxer as _};
use super::{Label, film, folder_of, path};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// The ending of a file that is not whole yet: no list shows it, and what a crash leaves of it is removed at the next start.
pub(super) const UNFINISHED: &str = "mp4.weir-part";

/// Why there is no MP4 file.
#[derive(Debug)]
pub(super) enum Unconverted {
    Cancelled,
    Failed(Failure),
}

impl From<Failure> for Unconverted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Converts `source` into one MP4 file beside it, or several where its codecs change in the middle. Blocks.
pub(super) fn to_mp4(source: &Path, label: &Label, control: &Control) -> Result<Vec<PathBuf>, Unconverted> {
    let disk = |error| Failure::of_disk(&error, folder_of(source));
    let mut file = File::open(source).map_err(disk)?;
    let metadata = file.metadata().map_err(disk)?;
    let size = metadata.len();
    let mut output = Output { source, label, tracks: Tracks::default(), reel: None, made: Arc::default() };
    let (mut reader, mut ingest, mut items) = (FileReader::new(), Ingest::new(), Vec::new());
    let (mut piece, mut read) = (vec![0; PIECE], 0);
    loop {
        if control.stop.is_cancelled() {
            output.discard();
            return Err(Unconverted::Cancelled);
        }
        let count = file.read(&mut piece).map_err(disk);
        let written = count.and_then(|count| {
            if count == 0 {
                reader.end();
            }
            reader.push(piece.get(..count).unwrap_or_default());
            while let Some(tag) = reader.next_tag().map_err(|error| Failure::of_file(&error))? {
                let TagKind::Message(kind) = tag.kind else { continue };
                // What cannot be understood cannot be converted; the rest can.
                let _ = ingest.handle(kind, i64::from(tag.millis), &tag.body, &mut items);
                items.drain(..).try_for_each(|item| output.take(item))?;
            }
            Ok(count)
        });
        match written {
            Ok(0) => break,
            Ok(count) => read += count as u64,
            Err(failure) => {
                output.discard();
                return Err(failure.into());
            }
        }
        control.done(read, size);
    }
    Ok(output.finish(metadata.modified().ok())?)
}

/// The files that are made.
struct Output<'a> {
    source: &'a Path,
    label: &'a Label,
    tracks: Tracks,
    /// Once there is something to write.
    reel: Option<Reel>,
    made: Made,
}

/// Files that have no name yet.
type Made = Arc<Mutex<Vec<PathBuf>>>;

/// Makes them beside the file that they are made of.
struct BesideSource {
    source: PathBuf,
    label: Label,
    firsts: Vec<Frame>,
    made: Made,
}

impl Files for BesideSource {
    fn create(&mut self, number: u64, format: Format) -> io::Result<(File, PathBuf)> {
        if format != Format::Mp4 {
            return Err(io::Error::other("later it holds nothing that can be put into an MP4 file"));
        }
        if number > 1 {
            // They are those of the source's beginning.
            self.firsts.clear();
        }
        let created = path::create_new(folder_of(&self.source), &stem_of(&self.source), UNFINISHED)?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(created.1.clone());
        Ok(created)
    }

    fn folder(&self) -> &Path {
        folder_of(&self.source)
    }

    fn label(&self) -> Label {
        self.label.clone()
    }

    fn firsts(&self) -> &[Frame] {
        &self.firsts
    }

    fn are_open(&mut self, _: &Path, _: Vec<(PathBuf, f64)>) {}
}

impl Output<'_> {
    fn take(&mut self, item: Tag) -> Result<(), Failure> {
        match item {
            Tag::Tracks(tracks) => {
                self.tracks = tracks.clone();
                self.write(Item::Tracks(tracks))
            }
            Tag::Frame(frame) if frame.track.kind == TrackKind::Data => gap(&frame).map_or(Ok(()), |it| self.write(it)),
            Tag::Frame(frame) => {
                if self.reel.is_none() {
                    self.begin()?;
                }
                self.write(Item::Frame(frame))
            }
        }
    }

    fn write(&mut self, item: Item) -> Result<(), Failure> {
        self.reel.as_mut().map_or(Ok(()), |reel| reel.write(item))
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if !self.tracks.iter().any(|track| weir_mp4::supports(track.codec)) {
            return Err(Failure::of_file(&"nothing in it can be put into an MP4 file"));
        }
        let files = BesideSource {
            source: self.source.to_owned(),
            label: self.label.clone(),
            firsts: film::first_frames(self.source).unwrap_or_default(),
            made: Arc::clone(&self.made),
        };
        let (_, reel) = Reel::open(Cutting::none(Container::Mp4), Box::new(files), self.tracks.clone())?;
        self.reel = Some(reel);
        Ok(())
    }

    /// Gives the files their names, which no list has seen before.
    fn finish(mut self, modified: Option<std::time::SystemTime>) -> Result<Vec<PathBuf>, Failure> {
        let ended = self.reel.take().map_or(Ok(()), |mut reel| reel.close());
        let folder = folder_of(self.source);
        let stem = stem_of(self.source);
        let named = ended.and_then(|()| {
            let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // One that was given up before its first frame is gone.
            let made: Vec<_> = made.into_iter().filter(|path| path.exists()).collect();
            if made.is_empty() {
                return Err(Failure::of_file(&"nothing in it can be put into an MP4 file"));
            }
            let name = |unfinished: &PathBuf| {
                let (place, path) = path::create_new(folder, &stem, path::MP4)?;
                drop(place);
                fs::rename(unfinished, &path)?;
                if let (Some(time), Ok(file)) = (modified, File::options().write(true).open(&path)) {
                    // It is as old as what it was made of. That only a list is in another order is no failure.
                    let _ = file.set_modified(time);
                }
                Ok(path)
            };
            let named: io::Result<Vec<_>> = made.iter().map(name).collect();
            named.map_err(|error| Failure::of_disk(&error, folder))
        });
        if named.is_err() {
            self.discard();
        }
        named
    }

    fn discard(mut self) {
        self.reel = None;
        for path in self.made.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = fs::remove_file(path);
        }
    }
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The mark of a gap that [`super::flv`] leaves.
fn gap(frame: &Frame) -> Option<Item> {
    let Gap { missing, cause, frames, .. } = Gap::parse(&frame.data)?;
    Some(match cause {
        GapCause::DiskSlow => Item::Skipped { frames, time: missing },
        GapCause::PublisherAway => Item::Gap(missing),
    })
}

/// Removes what a crash left of conversions. Blocks.
pub(super) fn clear_unfinished(folder: &Path) {
    for path in super::index::unfinished(folder) {
        let held = File::open(&path).is_ok_and(|file| file.try_lock().is_err());
        if !held && fs::remove_file(&path).is_ok() {
            tracing::info!(file = %path.display(), "what was left of a conversion is removed");
        }
    }
}
