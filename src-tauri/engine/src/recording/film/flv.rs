//! Reading FLV files: where their key frames are, and the frames between two of them.
//!
//! A file of ours has an index of its key frames in its head, so that an hour is open within one read. A file without one, or with
//! one that is not true, is walked through once, from tag header to tag header.

use std::fs::File;

use bytes::Bytes;
use weir_flv::egress;
use weir_flv::file::{Cut, FileHead, FileReader, Gap, TagKind};
use weir_flv::{Ingest, Item};
use weir_media::{Frame, TimeDelta, Timestamp, Track, TrackId, TrackKind, Tracks};
use weir_mp4::segment::{Declaration, Limits, SegmentSample, SegmentTrack, initialization, media};

use super::chapter::Chapter;
use super::head::{FlvHead, PIECE, flv_head, growing_flv_head};
use super::plan::Fragment;
use super::{FilmError, MOST_AT_ONCE, is_media, read_at};
use walk::walk;

mod walk;

/// What is read behind a fragment for the frame that tells how long its last one lasts.
const BEHIND: u64 = 512 << 10;

/// Longest that a last frame may last, in milliseconds: a duration that says more is not believed.
const LAST: u32 = 1_000;

/// A file's header and the size before its first tag: what a reader wants to see first (FLV 10.1, E.2).
const HEADER: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

/// What is known of an FLV file.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The tracks, anew where one changes.
    sections: Vec<Tracks>,
    /// The first frame of each track.
    firsts: Vec<Frame>,
    /// Where fragments begin.
    cuts: Vec<Cut>,
    /// Where the last one ends.
    end: Cut,
    /// Time of the first frame.
    zero: Timestamp,
    /// When the first picture, or sound, is shown.
    shown: Timestamp,
    /// How long the first picture waits for its decoder, and so does every key frame.
    waits: TimeDelta,
    /// Where something is missing.
    gaps: Vec<Gap>,
}

impl Index {
    pub(super) fn open(file: &mut File, size: u64) -> Result<Self, FilmError> {
        let FlvHead { metadata, tracks, firsts, .. } = flv_head(file)?;
        let mut index = Self::begin(firsts)?;
        let (tracks, has_video) = (index.declarable(&tracks), index.has_video());
        let indexed = if has_video { walk::indexed(file, size, &metadata.key_frames)? } else { None };
        let (mut cuts, sections) = match indexed {
            Some(cuts) => (cuts, vec![tracks]),
            None => walk(file, 0..size, has_video, tracks)?,
        };
        let mut end = walk::end(file, size).unwrap_or_default();
        // Even a last tag without the size behind it is a whole one.
        end.position = size;
        // The last frame lasts a moment too, and the last sound waits for no decoder: both a closed file knows, which counts from
        // what is shown first.
        let closed = metadata.duration.map_or(0, |seconds| (seconds * 1e3).round() as i64);
        let closed = closed.saturating_add(index.shown.as_millis() - index.waits.as_millis());
        let last = i64::from(end.millis);
        if closed >= last - index.waits.as_millis() {
            end.millis = u32::try_from(closed.min(last + i64::from(LAST))).unwrap_or(end.millis);
        }
        walk::refine(file, &mut cuts, &end, has_video)?;
        index.sections = sections;
        index.cuts = merged(cuts, end.position);
        index.include_the_beginning();
        index.end = end;
        index.gaps = metadata.gaps;
        Ok(index)
    }

    /// A file that is still written, as far as it is for certain; `before` is what was known when there was less of it.
    pub(super) fn open_growing(file: &mut File, size: u64, before: Option<&Self>) -> Result<Self, FilmError> {
        let (mut index, mut begun) = match before.filter(|before| !before.cuts.is_empty()) {
            Some(before) => (before.clone(), vec![before.end]),
            None => {
                let FlvHead { metadata, tracks, firsts, is_settled, .. } = growing_flv_head(file)?;
                let mut index = Self::begin(firsts)?;
                index.sections = vec![index.declarable(&tracks)];
                if !is_settled {
                    return Ok(index);
                }
                let indexed = if index.has_video() { walk::indexed(file, size, &metadata.key_frames)? } else { None };
                let mut begun = indexed.unwrap_or_default();
                let end = begun.last().copied().unwrap_or_default();
                walk::refine(file, &mut begun, &end, index.has_video())?;
                (index, begun)
            }
        };
        // The head is written again while the file grows: one that is half written has fewer of them than before.
        let head = FileHead::parse(&read_at(file, 0, size.min(PIECE as u64))?);
        if head.gaps.len() > index.gaps.len() {
            index.gaps = head.gaps;
        }
        // The walk goes on where the last picture is that needs none before it.
        let from = index.cuts.iter().chain(&begun).rfind(|cut| cut.is_key).copied().unwrap_or_default();
        index.sections.truncate(from.section + 1);
        let (found, sections) = walk(file, from.position..size, index.has_video(), index.tracks_of(from.section))?;
        index.sections.extend(sections.into_iter().skip(1));
        let last = begun.last().map_or(0, |last| last.position);
        let found = found.into_iter().filter(|cut| cut.position > last);
        begun.extend(found.map(|cut| Cut { section: from.section + cut.section, ..cut }));
        let end = begun.last().map_or(0, |last| last.position);
        let mut cuts = merged(begun, end);
        let certain = certain(file, size, &cuts, &index.sections)?;
        cuts.truncate(certain);
        // What follows the last of them is not whole yet.
        if let Some(end) = cuts.pop() {
            index.cuts.extend(cuts);
            index.include_the_beginning();
            index.end = end;
        }
        Ok(index)
    }

    /// What the first frames tell of times.
    fn begin(firsts: Vec<Frame>) -> Result<Self, FilmError> {
        let zero = firsts.iter().map(|frame| frame.dts).min();
        let zero = zero.ok_or_else(|| FilmError::Unplayable("nothing in the file is whole".to_owned()))?;
        let shown = firsts.iter().map(|frame| frame.pts).min().unwrap_or(zero);
        let picture = firsts.iter().find(|frame| frame.track == TrackId::VIDEO);
        let waits = picture.map_or(TimeDelta::ZERO, |first| first.pts - first.dts);
        let (sections, cuts, end, gaps) = (Vec::new(), Vec::new(), Cut::default(), Vec::new());
        Ok(Self { sections, firsts, cuts, end, zero, shown, waits, gaps })
    }

    /// The tracks without those that were announced but have not come, where only a first frame tells what they are.
    fn declarable(&self, tracks: &Tracks) -> Tracks {
        let has_come = |track: &Track| self.firsts.iter().any(|first| first.track == track.id);
        let can_come = |track: &Track| !weir_mp4::supports(track.codec) || self.declaration(1, track).is_ok();
        Tracks::new(tracks.iter().filter(|track| has_come(track) || can_come(track)).cloned())
    }

    fn has_video(&self) -> bool {
        self.firsts.iter().any(|frame| frame.track.kind == TrackKind::Video)
    }

    /// Sound that stands before the first picture belongs to it.
    fn include_the_beginning(&mut self) {
        if let Some(first) = self.cuts.first_mut() {
            first.position = HEADER.len() as u64;
        }
    }

    pub(super) fn tracks(&self) -> Vec<Track> {
        let first = self.sections.first().into_iter().flat_map(Tracks::iter);
        first.filter(|track| is_media(track)).map(|track| Track::clone(track)).collect()
    }

    pub(super) const fn sections(&self) -> usize {
        self.sections.len()
    }

    pub(super) fn tracks_of(&self, section: usize) -> Tracks {
        self.sections.get(section).cloned().unwrap_or_default()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.second(&self.end)
    }

    /// When a key frame is shown, or the last frame has been.
    fn second(&self, cut: &Cut) -> f64 {
        (Timestamp::from_millis(cut.millis.into()) + self.waits - self.shown).as_secs_f64().max(0.0)
    }

    /// Where something is missing: the picture stands still from there on.
    pub(super) fn chapters(&self) -> Vec<Chapter> {
        let at = |gap: &Gap| self.second(&Cut { millis: gap.at_millis, ..Cut::default() });
        self.gaps.iter().map(|gap| Chapter::of_flv((at(gap) * 1e3).round() as u64, gap)).collect()
    }

    pub(super) fn fragments(&self) -> Vec<Fragment> {
        let ends = self.cuts.iter().skip(1).chain([&self.end]);
        let fragment = |(cut, end): (&Cut, &Cut)| Fragment {
            start: self.second(cut),
            end: self.second(end).max(self.second(cut)),
            bytes: end.position.saturating_sub(cut.position),
            is_key: cut.is_key,
            initialization: cut.section,
        };
        self.cuts.iter().zip(ends).map(fragment).collect()
    }

    pub(super) fn initialization(&self, kinds: &[TrackId], section: usize) -> Result<Bytes, FilmError> {
        let tracks = self.sections.get(section).ok_or(FilmError::NoSuchPart)?;
        let declared = (1..).zip(kinds).filter_map(|(number, id)| Some((number, tracks.find(*id)?)));
        let declarations = declared.map(|(number, track)| self.declaration(number, track)).collect::<Result<_, _>>()?;
        Ok(initialization(declarations))
    }

    fn declaration(&self, number: u32, track: &Track) -> Result<Declaration, FilmError> {
        let first = self.firsts.iter().find(|frame| frame.track == track.id).map(|frame| frame.data.as_ref());
        Declaration::new(number, track, first).map_err(|error| FilmError::Unplayable(error.to_string()))
    }

    pub(super) fn fragment(
        &self,
        file: &mut File,
        kinds: &[TrackId],
        number: usize,
        sequence: u32,
    ) -> Result<Bytes, FilmError> {
        let cut = self.cuts.get(number).ok_or(FilmError::NoSuchPart)?;
        let end = self.cuts.get(number + 1).unwrap_or(&self.end).position;
        let tracks = self.sections.get(cut.section).ok_or(FilmError::NoSuchPart)?;
        let len = end.saturating_sub(cut.position);
        let behind = file.metadata()?.len().saturating_sub(end).min(BEHIND);
        let bytes = read_at(file, cut.position, len.saturating_add(behind).min(MOST_AT_ONCE))?;
        let frames: Vec<_> = frames(tracks, &bytes).into_iter().map(|(frame, at)| (frame, at < len)).collect();
        let mut segments = Vec::new();
        for (number, id) in (1..).zip(kinds) {
            let Some(track) = tracks.find(*id) else { continue };
            let timescale = self.declaration(number, track)?.timescale();
            let of_track: Vec<_> = frames.iter().filter(|(frame, _)| frame.track == *id).collect();
            segments.push(self.segment(number, timescale, &of_track));
        }
        Ok(media(sequence, segments))
    }

    /// One track's part of a fragment. Each frame comes with whether it belongs into it; those that do not tell how long the
    /// ones before them last.
    fn segment(&self, number: u32, timescale: u32, frames: &[&(Frame, bool)]) -> SegmentTrack {
        let at = |frame: &Frame| (frame.dts - self.zero).as_ticks(timescale).max(0);
        let mut samples: Vec<SegmentSample> = Vec::new();
        for (index, (frame, _)) in
            frames.iter().enumerate().take_while(|(_, (_, belongs))| *belongs).map(|(i, f)| (i, *f))
        {
            let next = frames.get(index + 1).map(|(next, _)| at(next) - at(frame));
            let duration = next.and_then(|ticks| u32::try_from(ticks).ok());
            let shown = (frame.pts - self.shown).as_ticks(timescale);
            samples.push(SegmentSample {
                duration: duration.or(samples.last().map(|sample| sample.duration)).unwrap_or(timescale / 25),
                offset: i32::try_from(shown - at(frame)).unwrap_or(0),
                sync: frame.track.kind == TrackKind::Audio || frame.is_key(),
                data: frame.data.clone(),
            });
        }
        let start = frames.first().map_or(0, |(frame, _)| at(frame));
        SegmentTrack { number, start: u64::try_from(start).unwrap_or(0), samples }
    }
}

/// How many of the cuts are certain, in a file of `size` bytes that is still written: behind each of them stands a frame of every
/// track, which tells how long the last one before it lasts.
fn certain(file: &mut File, size: u64, cuts: &[Cut], sections: &[Tracks]) -> Result<usize, FilmError> {
    // Nobody looks further than this for those frames.
    let known = cuts.partition_point(|cut| cut.position.saturating_add(BEHIND) <= size);
    let Some(first) = cuts.get(known) else { return Ok(known) };
    let tracks = sections.get(first.section).cloned().unwrap_or_default();
    let frames = frames(&tracks, &read_at(file, first.position, size.saturating_sub(first.position))?);
    let last_of = |id: TrackId| frames.iter().rev().find(|(frame, _)| frame.track == id).map(|(_, at)| *at);
    let lasts = tracks.iter().filter(|track| is_media(track)).map(|track| last_of(track.id));
    // A track that has none holds back all of them.
    let Some(until) = lasts.min().flatten() else { return Ok(known) };
    let certain = |cut: &&Cut| cut.position - first.position <= until;
    Ok(known + cuts.iter().skip(known).take_while(certain).count())
}

/// The frames in a part of a file, and where in it their tags begin.
fn frames(tracks: &Tracks, bytes: &[u8]) -> Vec<(Frame, u64)> {
    let (mut reader, mut ingest) = (FileReader::new(), Ingest::new());
    let mut items = Vec::new();
    for message in tracks.iter().filter(|track| is_media(track)).flat_map(|track| egress::headers(track)) {
        let _ = ingest.handle(message.kind, 0, &message.body, &mut items);
    }
    items.clear();
    reader.push(HEADER);
    reader.push(bytes);
    reader.end();
    let mut frames = Vec::new();
    while let Ok(Some(tag)) = reader.next_tag() {
        let TagKind::Message(kind) = tag.kind else { continue };
        let at = tag.offset.saturating_sub(HEADER.len() as u64);
        let _ = ingest.handle(kind, i64::from(tag.millis), &tag.body, &mut items);
        let frame = |item| match item {
            Item::Frame(frame) => Some((frame, at)),
            Item::Tracks(_) => None,
        };
        frames.extend(items.drain(..).filter_map(frame));
    }
    frames
}

/// Key frames taken together until a fragment is long or large enough.
fn merged(cuts: Vec<Cut>, end: u64) -> Vec<Cut> {
    let limits = Limits::default();
    let mut kept: Vec<Cut> = Vec::new();
    let mut all = cuts.into_iter().peekable();
    while let Some(cut) = all.next() {
        let next = all.peek().map_or(end, |next| next.position);
        let joins = kept.last().is_some_and(|last| {
            let length = TimeDelta::from_millis(i64::from(cut.millis) - i64::from(last.millis));
            let bytes = next.saturating_sub(last.position);
            last.section == cut.section && length < limits.length && bytes < limits.bytes
        });
        if !joins {
            kept.push(cut);
        }
    }
    kept
}
