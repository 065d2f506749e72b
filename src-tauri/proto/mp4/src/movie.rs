//! A movie's description: its tracks, how each is shown, and the `moov` box in both of its forms.

use bytes::Bytes;
use weir_media::TrackKind;

use crate::boxes::{Boxes, identity_matrix};
use crate::samples::{Sample, SampleTable};
use crate::user_data::{self, Gap, Label};

/// Ticks a second of the movie's own clock, fine enough for edits that keep sound and picture together.
pub(crate) const MOVIE_TIMESCALE: u32 = 90_000;

/// The order in which the tracks are numbered, from 1.
#[derive(Debug)]
pub(crate) struct MovieTrack {
    pub(crate) id: u32,
    pub(crate) kind: TrackKind,
    /// Ticks a second of the track's clock.
    pub(crate) timescale: u32,
    /// One whole sample entry box.
    pub(crate) sample_entry: Bytes,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) language: [u8; 3],
    pub(crate) edit: Edit,
    pub(crate) samples: SampleTable,
}

/// How the track's own time is shown on the movie's (ISO/IEC 14496-12, 8.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Edit {
    /// Nothing is shown for this long first, in movie ticks.
    pub(crate) delay: u64,
    /// Then the track is shown from this time on, in track ticks.
    pub(crate) media_time: i64,
}

impl Edit {
    const fn is_needed(self) -> bool {
        self.delay > 0 || self.media_time != 0
    }
}

impl MovieTrack {
    /// Samples a second, if it has any.
    pub(crate) fn frame_rate(&self) -> Option<f64> {
        let seconds = self.samples.duration() as f64 / f64::from(self.timescale.max(1));
        (seconds > 0.0).then(|| f64::from(self.samples.len()) / seconds)
    }

    /// Says of the first sample where it stands, in ticks of the track's clock. The tables of a closed file begin with it, so a
    /// track that came after the header was written needs its delay in the edit, which is from its first picture on.
    pub(crate) fn begins_at(&mut self, start: u64, first: Option<&Sample>) {
        if !self.samples.begins_at(start) || start == 0 {
            return;
        }
        let offset = first.map_or(0, |first| u64::try_from(first.offset).unwrap_or(0));
        let timescale = u128::from(self.timescale.max(1));
        let shown = u128::from(start.saturating_add(offset)) * u128::from(MOVIE_TIMESCALE);
        let delay = u64::try_from((shown + timescale / 2) / timescale).unwrap_or(u64::MAX);
        self.edit.delay = self.edit.delay.saturating_add(delay);
        self.edit.media_time = self.edit.media_time.saturating_add_unsigned(offset);
    }

    /// How long the track is shown, in movie ticks, the delay included; 0 while nothing is known.
    fn shown(&self) -> u64 {
        if self.samples.duration() == 0 {
            return 0;
        }
        self.edit.delay + self.media_shown()
    }

    /// From the first sample that is shown to the end of the last, in movie ticks. Rounded up: a reader leaves out what
    /// begins at the end of an edit.
    fn media_shown(&self) -> u64 {
        let begin = u64::try_from(self.edit.media_time).unwrap_or(0);
        let media = u128::from(self.samples.shown_until().saturating_sub(begin));
        let scaled = (media * u128::from(MOVIE_TIMESCALE)).div_ceil(u128::from(self.timescale.max(1)));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    fn write(&self, boxes: &mut Boxes, fragmented: bool) {
        boxes.put(b"trak", |boxes| {
            // Enabled, in the movie, in the preview.
            boxes.put_full(b"tkhd", 1, 7, |boxes| {
                boxes.u64(0);
                boxes.u64(0);
                boxes.u32(self.id);
                boxes.u32(0);
                boxes.u64(self.shown());
                boxes.u64(0);
                boxes.u16(0);
                boxes.u16(u16::from(self.kind == TrackKind::Audio));
                boxes.u16(if self.kind == TrackKind::Audio { 0x0100 } else { 0 });
                boxes.u16(0);
                identity_matrix(boxes);
                boxes.u32(u32::from(self.width) << 16);
                boxes.u32(u32::from(self.height) << 16);
            });
            if self.edit.is_needed() {
                self.write_edit(boxes);
            }
            boxes.put(b"mdia", |boxes| self.write_media(boxes, fragmented));
        });
    }

    fn write_edit(&self, boxes: &mut Boxes) {
        boxes.put(b"edts", |boxes| {
            boxes.put_full(b"elst", 1, 0, |boxes| {
                boxes.u32(1 + u32::from(self.edit.delay > 0));
                if self.edit.delay > 0 {
                    boxes.u64(self.edit.delay);
                    boxes.u64(u64::MAX);
                    boxes.u32(0x0001_0000);
                }
                // A duration of 0 means all there will be, while the file grows.
                boxes.u64(self.media_shown());
                boxes.u64(self.edit.media_time as u64);
                boxes.u32(0x0001_0000);
            });
        });
    }

    fn write_media(&self, boxes: &mut Boxes, fragmented: bool) {
        boxes.put_full(b"mdhd", 1, 0, |boxes| {
            boxes.u64(0);
            boxes.u64(0);
            boxes.u32(self.timescale);
            boxes.u64(self.samples.duration());
            let packed = self.language.iter().fold(0_u16, |packed, letter| packed << 5 | u16::from(letter & 0x1F));
            boxes.u16(packed);
            boxes.u16(0);
        });
        let (handler, name): (&[u8; 4], &[u8]) = match self.kind {
            TrackKind::Audio => (b"soun", b"Sound\0"),
            _ => (b"vide", b"Video\0"),
        };
        boxes.put_full(b"hdlr", 0, 0, |boxes| {
            boxes.u32(0);
            boxes.bytes(handler);
            boxes.zeros(12);
            boxes.bytes(name);
        });
        boxes.put(b"minf", |boxes| {
            match self.kind {
                TrackKind::Audio => boxes.put_full(b"smhd", 0, 0, |boxes| boxes.u32(0)),
                _ => boxes.put_full(b"vmhd", 0, 1, |boxes| boxes.zeros(8)),
            }
            boxes.put(b"dinf", |boxes| {
                boxes.put_full(b"dref", 0, 0, |boxes| {
                    boxes.u32(1);
                    boxes.put_full(b"url ", 0, 1, |_| {});
                });
            });
            boxes.put(b"stbl", |boxes| {
                boxes.put_full(b"stsd", 0, 0, |boxes| {
                    boxes.u32(1);
                    boxes.bytes(&self.sample_entry);
                });
                if fragmented {
                    SampleTable::default().write(boxes);
                } else {
                    self.samples.write(boxes);
                }
            });
        });
    }
}

/// The whole movie.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(crate) tracks: Vec<MovieTrack>,
    pub(crate) label: Label,
    pub(crate) gaps: Vec<Gap>,
}

impl Movie {
    /// The `moov` of a file that grows: tracks without samples, and the promise of fragments.
    pub(crate) fn write_fragmented(&self, boxes: &mut Boxes) {
        self.write(boxes, true);
    }

    /// The `moov` of a closed file, with every sample.
    pub(crate) fn write_complete(&self, boxes: &mut Boxes) {
        self.write(boxes, false);
    }

    fn write(&self, boxes: &mut Boxes, fragmented: bool) {
        boxes.put(b"moov", |boxes| {
            boxes.put_full(b"mvhd", 1, 0, |boxes| {
                boxes.u64(self.label.created_since_1904());
                boxes.u64(self.label.created_since_1904());
                boxes.u32(MOVIE_TIMESCALE);
                boxes.u64(self.tracks.iter().map(MovieTrack::shown).max().unwrap_or(0));
                boxes.u32(0x0001_0000);
                boxes.u16(0x0100);
                boxes.zeros(10);
                identity_matrix(boxes);
                boxes.zeros(24);
                boxes.u32(self.tracks.iter().map(|track| track.id).max().unwrap_or(0) + 1);
            });
            for track in &self.tracks {
                track.write(boxes, fragmented);
            }
            if fragmented {
                boxes.put(b"mvex", |boxes| {
                    for track in &self.tracks {
                        boxes.put_full(b"trex", 0, 0, |boxes| {
                            boxes.u32(track.id);
                            boxes.u32(1);
                            boxes.zeros(12);
                        });
                    }
                });
            }
            user_data::write(boxes, &self.label, &self.gaps);
        });
    }
}
