//! Where a file is cut into media segments: at key frames, a few seconds apart, none too large to be taken as a whole.

use weir_media::{TimeDelta, Timestamp, TrackKind};

use super::IndexedTrack;
use crate::samples::{Cursor, Placed};

/// How long and how large a segment becomes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A segment ends at the first key frame after this much.
    pub length: TimeDelta,
    /// It ends at the next key frame when it holds this many bytes.
    pub bytes: u64,
    /// And here it ends even without a key frame: nobody seeks there, but it still plays.
    pub most_bytes: u64,
}

impl Default for Limits {
    /// Four seconds or 8 MiB; 40 MiB at most.
    fn default() -> Self {
        Self { length: TimeDelta::from_millis(4_000), bytes: 8 << 20, most_bytes: 40 << 20 }
    }
}

/// One media segment to be: which samples of which track.
#[derive(Debug, Clone)]
pub struct Piece {
    /// When it is shown.
    pub span: Span,
    /// Of each track, from where and how many.
    cursors: Vec<(Cursor, u32)>,
    /// What was added to the file afterwards would belong behind it.
    is_over: bool,
}

/// When a segment is shown, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Its first picture (or sound) is shown then.
    pub start: Timestamp,
    /// The next segment begins then.
    pub end: Timestamp,
    /// Bytes of its samples.
    pub bytes: u64,
    /// It begins with a key frame: playing can begin here.
    pub is_key: bool,
}

impl Piece {
    pub(super) fn cursors(&self) -> &[(Cursor, u32)] {
        &self.cursors
    }
}

/// A track on the way through the file.
struct Walker<'a> {
    track: &'a IndexedTrack,
    /// Before `next`.
    here: Cursor,
    /// Behind `next`.
    cursor: Cursor,
    next: Option<Placed>,
    /// Where the present piece began, and how many samples it has.
    from: Cursor,
    count: u32,
}

impl<'a> Walker<'a> {
    fn new(track: &'a IndexedTrack, start: Cursor) -> Self {
        let mut walker = Self { track, here: start, cursor: start, next: None, from: start, count: 0 };
        walker.next = track.samples().next(&mut walker.cursor);
        walker
    }

    /// Behind a piece that holds `count` samples from `from` on.
    fn behind(track: &'a IndexedTrack, (from, count): (Cursor, u32)) -> Self {
        let mut walker = Self::new(track, from);
        for _ in 0..count {
            walker.take();
        }
        walker
    }

    fn time(&self) -> Option<Timestamp> {
        self.next.as_ref().map(|placed| self.track.shown_at(placed))
    }

    fn is_sync(&self) -> bool {
        self.next.is_some_and(|placed| placed.sample.sync)
    }

    /// Takes the sample that is next. Returns its size and when it has been shown.
    fn take(&mut self) -> (u64, Timestamp) {
        let Some(placed) = self.next else { return (0, Timestamp::ZERO) };
        let lasts = TimeDelta::rescale(placed.sample.duration.into(), self.track.movie.timescale);
        let until = self.track.shown_at(&placed) + lasts;
        self.count += 1;
        self.here = self.cursor;
        self.next = self.track.samples().next(&mut self.cursor);
        (placed.sample.size.into(), until)
    }

    fn begin(&mut self) {
        self.from = self.here;
        self.count = 0;
    }
}

/// Cuts all there is, or what comes behind the pieces `so_far`.
pub(super) fn plan(tracks: &[&IndexedTrack], so_far: &[Piece], limits: Limits) -> Vec<Piece> {
    let mut walkers: Vec<_> = match so_far.last() {
        Some(last) => tracks.iter().zip(last.cursors()).map(|(track, place)| Walker::behind(track, *place)).collect(),
        None => tracks.iter().map(|track| Walker::new(track, Cursor::default())).collect(),
    };
    let pictures = tracks.iter().position(|track| track.track.id.kind == TrackKind::Video);
    let mut pieces = so_far.to_vec();
    // Pictures decide where to cut; where they are over, sound does.
    while let Some(lead) = lead(&walkers, pictures) {
        walkers.iter_mut().for_each(Walker::begin);
        let (span, is_whole) = fill(&mut walkers, lead, limits);
        if let Some(before) = pieces.last_mut() {
            before.span.end = span.start.max(before.span.start);
        }
        let leads = pictures.is_none_or(|pictures| pictures == lead);
        let goes_on = walkers.iter().all(|walker| walker.next.is_some() || walker.track.samples().len() == 0);
        let cursors = walkers.iter().map(|walker| (walker.from, walker.count)).collect();
        pieces.push(Piece { span, cursors, is_over: is_whole && leads && goes_on });
    }
    pieces
}

/// How much later than pictures sound may come. One that is longer away is not waited for.
const LATEST: TimeDelta = TimeDelta::from_millis(10_000);

/// The same of a file that is still written: only pieces into which nothing more will come.
pub(super) fn plan_so_far(tracks: &[&IndexedTrack], so_far: &[Piece], limits: Limits) -> Vec<Piece> {
    let mut pieces = plan(tracks, so_far, limits);
    let newest = pieces.last().map_or(Timestamp::ZERO, |piece| piece.span.end);
    let lead = tracks.iter().position(|track| track.track.id.kind == TrackKind::Video).unwrap_or(0);
    let is_certain = |pair: &[Piece]| match pair {
        [piece, _] if piece.is_over => true,
        // Pictures that stay away are waited for: the last of them is not in the file yet, since nobody knows how long it is
        // shown.
        [piece, next] => {
            let goes_on = next.cursors.get(lead).is_some_and(|(_, count)| *count > 0);
            goes_on && newest - piece.span.end > LATEST
        }
        _ => false,
    };
    let new = pieces.get(so_far.len()..).unwrap_or_default();
    let certain = new.windows(2).take_while(|pair| is_certain(pair)).count();
    pieces.truncate(so_far.len() + certain);
    pieces
}

fn lead(walkers: &[Walker<'_>], pictures: Option<usize>) -> Option<usize> {
    let goes_on = |at: &usize| walkers.get(*at).is_some_and(|walker| walker.next.is_some());
    pictures.filter(goes_on).or_else(|| (0..walkers.len()).find(goes_on))
}

/// Takes samples of all tracks until the segment is long or large enough; says whether it is, or whether there is no more.
fn fill(walkers: &mut [Walker<'_>], lead: usize, limits: Limits) -> (Span, bool) {
    let mut span = Span { start: Timestamp::ZERO, end: Timestamp::ZERO, bytes: 0, is_key: false };
    let Some(leading) = walkers.get_mut(lead) else { return (span, false) };
    span.start = leading.time().unwrap_or_default().max(Timestamp::ZERO);
    span.is_key = leading.is_sync();
    loop {
        let Some(leading) = walkers.get_mut(lead) else { return (span, false) };
        let (size, until) = leading.take();
        span.bytes += size;
        span.end = span.end.max(until);
        let (next, is_sync) = (leading.time(), leading.is_sync());
        for (at, walker) in walkers.iter_mut().enumerate() {
            // At the end of the leading track the others get what they still have in its last moment; the rest follows by
            // itself.
            while at != lead && walker.time().is_some_and(|time| time < next.unwrap_or(span.end)) {
                span.bytes += walker.take().0;
            }
        }
        let Some(next) = next else { return (span, false) };
        let enough = next - span.start >= limits.length || span.bytes >= limits.bytes;
        if enough && is_sync || span.bytes >= limits.most_bytes {
            return (span, true);
        }
    }
}
