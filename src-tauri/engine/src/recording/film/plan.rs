//! How a file is cut for a choice of its tracks.

use weir_media::codec::codec_string;
use weir_media::{Track, TrackId, TrackKind};
use weir_mp4::segment::{Limits, Piece, Span};

use super::{Content, FilmError, is_media};

/// Which tracks are played: browsers take one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The video track of this number; `None` for none.
    pub video: Option<u8>,
    /// The audio track of this number; `None` for none.
    pub audio: Option<u8>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { video: Some(0), audio: Some(0) }
    }
}

/// How a file is played: initialization segments, and fragments that follow one another.
#[derive(Debug)]
pub struct Plan {
    /// One, or several where a track changes in the middle.
    pub initializations: Vec<Initialization>,
    /// In the order of time.
    pub fragments: Vec<Fragment>,
    /// What of an MP4 file goes into each.
    pub(super) pieces: Vec<Piece>,
    /// The chosen tracks as places in an MP4 file's list.
    pub(super) places: Vec<usize>,
    /// The chosen tracks by identity.
    pub(super) kinds: Vec<TrackId>,
}

/// One initialization segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialization {
    /// What a browser is asked whether it can play it, e.g. `video/mp4; codecs="avc1.64001F,mp4a.40.2"`.
    pub mime_type: String,
}

/// One media segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fragment {
    /// When it is shown, in seconds.
    pub start: f64,
    /// The next one begins then.
    pub end: f64,
    /// Bytes, nearly.
    pub bytes: u64,
    /// Playing can begin here.
    pub is_key: bool,
    /// Number of the initialization segment that goes before it.
    pub initialization: usize,
}

impl Plan {
    /// `so_far` is the plan that was made when there was less of a file that is still written (`is_growing`).
    pub(super) fn new(
        content: &Content,
        choice: Choice,
        is_growing: bool,
        so_far: Option<&Self>,
    ) -> Result<Self, FilmError> {
        let plan = match content {
            Content::Flv(index) => {
                let kinds = chosen(index.tracks().iter(), choice);
                let sections = (0..index.sections()).map(|section| {
                    let tracks = index.tracks_of(section);
                    mime_type(&kinds.iter().filter_map(|id| tracks.find(*id).map(AsRef::as_ref)).collect::<Vec<_>>())
                });
                Self {
                    initializations: sections.collect(),
                    fragments: index.fragments(),
                    pieces: Vec::new(),
                    places: Vec::new(),
                    kinds,
                }
            }
            Content::Mp4(index) => {
                let tracks = || index.tracks().iter().map(|track| &track.track);
                let kinds = chosen(tracks(), choice);
                let places: Vec<_> = kinds.iter().filter_map(|id| tracks().position(|track| track.id == *id)).collect();
                let pieces = if is_growing {
                    let so_far = so_far.map(|plan| plan.pieces.as_slice()).unwrap_or_default();
                    index.plan_so_far(&places, so_far, Limits::default())
                } else {
                    index.plan(&places, Limits::default())
                };
                let list: Vec<_> = places.iter().filter_map(|at| tracks().nth(*at)).collect();
                Self {
                    initializations: vec![mime_type(&list)],
                    fragments: pieces.iter().map(|piece| Fragment::from(piece.span)).collect(),
                    pieces,
                    places,
                    kinds,
                }
            }
        };
        if plan.kinds.is_empty() {
            return Err(FilmError::Unplayable("the file has none of the chosen tracks".to_owned()));
        }
        Ok(plan)
    }
}

impl From<Span> for Fragment {
    fn from(span: Span) -> Self {
        Self {
            start: span.start.as_secs_f64(),
            end: span.end.as_secs_f64(),
            bytes: span.bytes,
            is_key: span.is_key,
            initialization: 0,
        }
    }
}

/// The tracks of the choice that are there and can be put into fragments.
fn chosen<'a>(tracks: impl Iterator<Item = &'a Track> + Clone, choice: Choice) -> Vec<TrackId> {
    let wanted = [choice.video.map(TrackId::video), choice.audio.map(TrackId::audio)];
    let there = |id: &TrackId| {
        tracks.clone().any(|track| track.id == *id && is_media(track) && weir_mp4::supports(track.codec))
    };
    wanted.into_iter().flatten().filter(there).collect()
}

fn mime_type(tracks: &[&Track]) -> Initialization {
    let top = if tracks.iter().any(|track| track.id.kind == TrackKind::Video) { "video" } else { "audio" };
    let codecs: Vec<_> = tracks.iter().filter_map(|track| codec_string(track)).collect();
    Initialization { mime_type: format!("{top}/mp4; codecs=\"{}\"", codecs.join(",")) }
}
