//! What the beginning of a file tells: its tracks, its label, its first picture.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use weir_flv::file::{FileHead, FileReader, TagKind};
use weir_flv::{Ingest, Item};
use weir_media::codec::codec_string;
use weir_media::{Frame, Timestamp, Track, TrackId, TrackKind, Tracks};
use weir_mp4::segment::{Declaration, SegmentSample, SegmentTrack, initialization, media};

use super::{FilmError, is_media, mp4, read_at, starts_with};

/// How far into an FLV file its first picture is looked for: a key frame of the largest pictures is smaller.
const FAR_ENOUGH: u64 = 8 << 20;

/// Bytes read at once.
pub(super) const PIECE: usize = 128 << 10;

/// Largest first picture that is shown of a file.
const MAX_PICTURE: u64 = 16 << 20;

/// What the beginning of a file tells.
#[derive(Debug, Default)]
pub(in super::super) struct Head {
    /// Pictures first, then sound.
    pub(in super::super) tracks: Vec<Track>,
    /// The stream that it was made of.
    pub(in super::super) stream: Option<String>,
    /// When it began, milliseconds since 1970.
    pub(in super::super) started_ms: Option<u64>,
    /// The first key frame of the first video track.
    pub(in super::super) picture: Option<Frame>,
}

/// The first picture of a recording, for a web view to draw.
#[derive(Debug, Clone)]
pub struct KeyPicture {
    /// The track it is of: codec, configuration and size.
    pub track: Track,
    /// What WebCodecs is asked for.
    pub codec: String,
    /// The key frame, as the track's codec has it in MP4.
    pub data: Bytes,
}

impl KeyPicture {
    pub(in super::super) fn of(head: Head) -> Option<Self> {
        let track = head.tracks.into_iter().find(|track| track.id == TrackId::VIDEO)?;
        Some(Self { codec: codec_string(&track)?, data: head.picture?.data, track })
    }

    /// The same as a film of one picture, for a `<video>` element.
    pub fn film(&self) -> Result<Bytes, FilmError> {
        let unplayable = |error: weir_mp4::Error| FilmError::Unplayable(error.to_string());
        let declaration = Declaration::new(1, &self.track, Some(&self.data)).map_err(unplayable)?;
        let sample =
            SegmentSample { duration: declaration.timescale(), offset: 0, sync: true, data: self.data.clone() };
        let head = initialization(vec![declaration]);
        let body = media(1, vec![SegmentTrack { number: 1, start: 0, samples: vec![sample] }]);
        Ok([head, body].concat().into())
    }
}

/// Reads the beginning of a file; of an MP4 file of another program its index.
pub(in super::super) fn read_head(path: &Path) -> Result<Head, FilmError> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if starts_with(&mut file, b"FLV")? {
        return Ok(flv_head(&mut file)?.head);
    }
    let mut index = mp4::open_head(&mut file, size)?;
    let place = index.tracks().iter().position(|track| track.track.id == TrackId::VIDEO);
    let sample = place.and_then(|at| index.first_sample(at)).filter(|(_, len)| u64::from(*len) <= MAX_PICTURE);
    let data = sample.and_then(|(position, len)| read_at(&mut file, position, len.into()).ok());
    if let (Some(at), Some(data)) = (place, &data) {
        index.learn(at, data);
    }
    let mut tracks: Vec<_> = index.tracks().iter().map(|track| track.track.clone()).collect();
    tracks.sort_by_key(|track| track.id);
    let (track, time) = (TrackId::VIDEO, Timestamp::ZERO);
    let picture = data.map(|data| Frame { track, dts: time, pts: time, kind: weir_media::FrameKind::Key, data });
    let label = index.label().clone();
    Ok(Head { tracks, stream: label.title, started_ms: label.created.map(|seconds| seconds * 1000), picture })
}

/// The first frame of each track of an FLV file, as far as its beginning tells.
pub(in super::super) fn first_frames(path: &Path) -> io::Result<Vec<Frame>> {
    Ok(flv_head(&mut File::open(path)?)?.firsts)
}

/// Whether a file says that Weir wrote it: the stream it was made of and when, and in MP4 also the place that becomes the header
/// of the media, which no other program leaves there.
pub(in super::super) fn is_ours(path: &Path) -> bool {
    let is_labelled = || {
        let head = read_head(path)?;
        let is_stream = head.stream.is_some_and(|stream| weir_media::StreamPath::parse(&stream).is_ok());
        Ok::<_, FilmError>(is_stream && head.started_ms.is_some())
    };
    let is_made = || {
        let mut file = File::open(path)?;
        Ok::<_, io::Error>(starts_with(&mut file, b"FLV")? || super::super::probe_mp4::is_ours(&mut file))
    };
    is_made().unwrap_or(false) && is_labelled().unwrap_or(false)
}

/// The head of an FLV file, and the first frame of each track.
pub(super) struct FlvHead {
    pub(super) head: Head,
    pub(super) metadata: FileHead,
    pub(super) tracks: Tracks,
    pub(super) firsts: Vec<Frame>,
    /// More of the file would not tell another one.
    pub(super) is_settled: bool,
}

/// How long after the first frame of a file that is still written another track may begin and be played with the others.
const LATE: u32 = 5_000;

pub(super) fn flv_head(file: &mut File) -> io::Result<FlvHead> {
    head_of(file, u32::MAX)
}

/// The same of a file that is still written. What was said of it once holds as it grows, so it does not wait for ever for a
/// track that was announced.
pub(super) fn growing_flv_head(file: &mut File) -> io::Result<FlvHead> {
    head_of(file, LATE)
}

fn head_of(file: &mut File, late: u32) -> io::Result<FlvHead> {
    file.seek(SeekFrom::Start(0))?;
    let (mut reader, mut ingest) = (FileReader::new(), Ingest::new());
    let (mut items, mut firsts, mut metadata) = (Vec::new(), Vec::<Frame>::new(), FileHead::default());
    let mut piece = vec![0; PIECE];
    let (mut read, mut is_first, mut is_settled, mut tracks) = (0, true, false, Tracks::default());
    'file: while read < FAR_ENOUGH {
        let count = file.read(&mut piece)?;
        let bytes = piece.get(..count).unwrap_or_default();
        if is_first {
            // A head of ours is shorter than a piece.
            metadata = FileHead::parse(bytes);
            is_first = false;
        }
        if count == 0 {
            reader.end();
        }
        reader.push(bytes);
        read += count as u64;
        while let Ok(Some(tag)) = reader.next_tag() {
            let TagKind::Message(kind) = tag.kind else { continue };
            // What cannot be understood is left out.
            let _ = ingest.handle(kind, i64::from(tag.millis), &tag.body, &mut items);
            for item in items.drain(..) {
                let frame = match item {
                    Item::Frame(frame) => frame,
                    // A track stays as it is at its first frame: what changes later is another section.
                    Item::Tracks(now) => {
                        let began = tracks.iter().filter(|track| firsts.iter().any(|first| first.track == track.id));
                        tracks = Tracks::new(now.iter().chain(began).cloned());
                        continue;
                    }
                };
                let known = firsts.iter().any(|first| first.track == frame.track);
                let begins = frame.track.kind != TrackKind::Video || frame.is_key();
                if frame.track.kind != TrackKind::Data && !known && begins {
                    firsts.push(frame);
                }
            }
            let media = || tracks.iter().filter(|track| is_media(track));
            let has_both = media().any(|track| track.id.kind == TrackKind::Video)
                && media().any(|track| track.id.kind == TrackKind::Audio);
            // Sound without pictures, or the reverse: the other may still come.
            let far = read > PIECE as u64 * 4 && !firsts.is_empty();
            let complete = media().all(|track| firsts.iter().any(|first| first.track == track.id));
            if (has_both || far) && complete || tag.millis >= late && !firsts.is_empty() {
                is_settled = true;
                break 'file;
            }
        }
        if count == 0 {
            break;
        }
    }
    is_settled |= read >= FAR_ENOUGH;
    let mut described: Vec<Track> = tracks.iter().filter(|track| is_media(track)).map(|it| Track::clone(it)).collect();
    if let Some(video) = described.iter_mut().find_map(|track| track.video.as_mut()) {
        // What was measured over the whole file.
        video.frame_rate = metadata.frame_rate.or(video.frame_rate);
    }
    let head = Head {
        tracks: described,
        stream: metadata.label.stream.clone(),
        started_ms: metadata.label.created.as_deref().and_then(millis),
        picture: firsts.iter().find(|frame| frame.track == TrackId::VIDEO).cloned(),
    };
    Ok(FlvHead { head, metadata, tracks, firsts, is_settled })
}

fn millis(date: &str) -> Option<u64> {
    u64::try_from(date.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}
