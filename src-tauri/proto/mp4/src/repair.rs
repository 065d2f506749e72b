//! Closing a file that was never closed: the tables are rebuilt from the fragments that are whole.

use crate::movie::Movie;
use crate::reader::{child, parse_fragment, parse_movie};
use crate::user_data::Gap;
use crate::{BoxHeader, Closing, Error, Patch, TopLevel, init};

/// Rebuilds the closing `moov` of one of Weir's own files from its header and fragments.
///
/// Walk the file's top-level boxes with [`BoxHeader`]; give the `moov` to [`Rebuild::new`] and each `moof` with its place to
/// [`Rebuild::add_fragment`]. Stop at the first fragment that is not whole, cut the file there, and apply
/// [`Rebuild::finish`].
#[derive(Debug)]
pub struct Rebuild {
    movie: Movie,
    fragments: u32,
    end: u64,
}

/// Whether a file that begins with these bytes was closed properly: its media is covered by one plain `mdat`.
pub fn is_closed(first_bytes: &[u8]) -> bool {
    let place = usize::try_from(init::PLACE).unwrap_or(usize::MAX);
    let header = first_bytes.get(place..).and_then(BoxHeader::parse);
    header.is_some_and(|header| TopLevel::from(header.kind) == TopLevel::Media)
}

/// Bytes from the start of a file that [`is_closed`] wants to see.
pub const HEAD_LEN: usize = (init::PLACE + init::PLACE_LEN) as usize;

impl Rebuild {
    /// Begins with the whole `moov` box, header included, that ends at `end` in the file.
    pub fn new(moov: &[u8], end: u64) -> Result<Self, Error> {
        let content = child(moov, b"moov").ok_or(Error::NoHeader)?;
        Ok(Self { movie: parse_movie(content)?, fragments: 0, end })
    }

    /// Adds the fragment whose whole `moof` box, header included, stands at `position` in a file of `file_len` bytes.
    /// Returns where the fragment ends, or `None`, adding nothing, when its media is not all there.
    pub fn add_fragment(&mut self, moof: &[u8], position: u64, file_len: u64) -> Result<Option<u64>, Error> {
        let content = child(moof, b"moof").ok_or(Error::NoHeader)?;
        let runs = parse_fragment(content)?;
        let ends = runs.iter().map(|run| position.saturating_add(run.data_end()));
        let end = ends.max().unwrap_or_else(|| position.saturating_add(moof.len() as u64));
        if end > file_len {
            return Ok(None);
        }
        for run in runs {
            let track = self.movie.tracks.iter_mut().find(|track| track.id == run.track_id);
            if let Some(track) = track {
                track.begins_at(run.start, run.samples.first());
                track.samples.reach(run.start);
                track.samples.add_chunk(position.saturating_add(run.data_at), run.samples);
            }
        }
        self.movie.gaps.extend(Gap::parse_all(content));
        self.fragments += 1;
        self.end = end;
        Ok(Some(end))
    }

    /// Whole fragments found.
    pub const fn fragments(&self) -> u32 {
        self.fragments
    }

    pub(crate) fn into_movie(self) -> Movie {
        self.movie
    }

    /// Where the file must be cut before it is closed.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Media time of the longest track, in seconds.
    pub fn seconds(&self) -> f64 {
        let seconds = self.movie.tracks.iter().map(|t| t.samples.duration() as f64 / f64::from(t.timescale));
        seconds.fold(0.0, f64::max)
    }

    /// What closes the file once it is cut at [`Rebuild::end`].
    pub fn finish(&self) -> Closing {
        let patch = Patch { position: init::PLACE, bytes: init::mdat_header(self.end) };
        Closing { append: init::closing(&self.movie), patch: Some(patch) }
    }
}
