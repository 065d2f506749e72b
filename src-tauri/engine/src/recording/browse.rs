//! What people do with recordings: look through them, play them, rename them, throw them away.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::film::{Film, FilmError, KeyPicture, read_head};
use super::index::{self, Entry};
use super::query::{Found, Query};
use super::shelf::{self, DeleteError, Removal, RenameError};
use super::{Recordings, space};
use crate::event::Event;

/// How long a list waits for files that nobody has looked at; what is left is looked at afterwards.
const LOOK_FOR: Duration = Duration::from_millis(60);

/// Files that stay open for playing: a player asks for one fragment after the other.
const KEPT_FILMS: usize = 4;

/// A file as it was when it was opened for playing.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
    film: Arc<Film>,
}

impl Recordings {
    /// The recordings in the folder, newest first, each looked at. Blocks.
    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let active = self.book().active();
        Ok(self.0.library.list(&self.folder(), &active, None)?.entries)
    }

    /// Finds recordings. Where many are new the answer does not wait for all of them to be looked at: that is done afterwards,
    /// and told as [`Event::RecordingsChanged`]. Blocks.
    pub fn find(&self, query: &Query) -> io::Result<Found> {
        let active = self.book().active();
        let listed = self.0.library.list(&self.folder(), &active, Some(Instant::now() + LOOK_FOR))?;
        if listed.is_partial {
            self.look_at_the_rest();
        }
        let (folder, failed) = (self.folder(), self.book().failed());
        let found = query.find(listed.entries, |entry| failed.contains(&folder.join(&entry.name)));
        Ok(Found { is_partial: listed.is_partial, ..found })
    }

    fn look_at_the_rest(&self) {
        let Ok(turn) = Arc::clone(&self.0.looking).try_acquire_owned() else { return };
        let recordings = self.clone();
        self.0.tasks.spawn("a look at new recordings", async move {
            let looked = tokio::task::spawn_blocking(move || {
                let _ = recordings.list();
                drop(turn);
                recordings.0.library.store();
                recordings.0.context.events.tell(Event::RecordingsChanged);
            });
            let _ = looked.await;
            crate::supervise::End::done("all are looked at")
        });
    }

    /// What is known of one recording. Blocks.
    pub fn entry(&self, name: &str) -> io::Result<Option<Entry>> {
        let active = self.book().active();
        self.0.library.entry(&self.folder(), name, &active)
    }

    /// Where the recording of this name is, if it is in the folder. Blocks.
    pub fn locate(&self, name: &str) -> Option<PathBuf> {
        index::locate(&self.folder(), name).ok().flatten()
    }

    /// The first picture of a recording, `None` when it has none. Blocks.
    pub fn picture(&self, name: &str) -> Result<Option<KeyPicture>, FilmError> {
        let path = self.locate(name).ok_or_else(|| FilmError::NotFound(name.to_owned()))?;
        Ok(KeyPicture::of(read_head(&path)?))
    }

    /// A recording, open for playing. Blocks.
    pub fn film(&self, name: &str) -> Result<Arc<Film>, FilmError> {
        let path = self.locate(name).ok_or_else(|| FilmError::NotFound(name.to_owned()))?;
        let metadata = std::fs::metadata(&path)?;
        let (size, modified) = (metadata.len(), metadata.modified()?);
        let mut films = self.0.films.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |it: &&Opened| it.path == path && it.size == size && it.modified == modified;
        if let Some(opened) = films.iter().find(same) {
            return Ok(Arc::clone(&opened.film));
        }
        let before = films.iter().find(|opened| opened.path == path).map(|opened| Arc::clone(&opened.film));
        drop(films);
        let active = self.book().active();
        let is_growing = active.contains_key(&path);
        let film = if is_growing { Film::open_growing(&path, before.as_deref())? } else { Film::open(&path)? };
        let film = Arc::new(film);
        films = self.0.films.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = |opened: &&Opened| opened.path == path && opened.film.is_growing() && opened.size > size;
        if let Some(newer) = films.iter().find(newer).filter(|_| is_growing) {
            return Ok(Arc::clone(&newer.film));
        }
        films.retain(|opened| opened.path != path);
        if films.len() >= KEPT_FILMS {
            // What is still written is played on from where it is, so it stays open as long as it is written.
            let is_spare = |opened: &Opened| !opened.film.is_growing() || !active.contains_key(&opened.path);
            let spare = films.iter().position(is_spare);
            spare.into_iter().for_each(|at| drop(films.remove(at)));
        }
        films.push(Opened { path, size, modified, film: Arc::clone(&film) });
        Ok(film)
    }

    /// Gives a recording another name in its folder; returns its new identity. Blocks.
    pub fn rename(&self, name: &str, new_name: &str) -> Result<String, RenameError> {
        if self.is_in_use(name) {
            return Err(RenameError::InProgress(name.to_owned()));
        }
        let renamed = shelf::rename(&self.folder(), name, new_name)?;
        self.0.context.events.tell(Event::RecordingsChanged);
        Ok(renamed)
    }

    /// Deletes a recording of the folder by its name. Blocks.
    pub fn delete(&self, name: &str, removal: Removal) -> Result<(), DeleteError> {
        if self.is_in_use(name) {
            return Err(DeleteError::InProgress(name.to_owned()));
        }
        shelf::delete(&self.folder(), name, removal)?;
        self.0.context.events.tell(Event::RecordingsChanged);
        Ok(())
    }

    /// Whether it is being written, or a job works on it.
    pub(super) fn is_in_use(&self, name: &str) -> bool {
        let active = self.book().active();
        self.jobs_list().uses(name) || self.locate(name).is_some_and(|path| active.contains_key(&path))
    }

    /// Free space, and how long it lasts. Blocks.
    pub fn room(&self) -> Room {
        let free_bytes = space::free(&self.folder());
        let reserve_bytes = self.config().reserve_bytes;
        Room { free_bytes, reserve_bytes, time_left: self.time_left(free_bytes) }
    }
}

/// Space on the disk of the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Free bytes; `None` when the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that recordings leave free.
    pub reserve_bytes: u64,
    /// How long there is room for what is being recorded now; `None` when nothing is.
    pub time_left: Option<Duration>,
}
