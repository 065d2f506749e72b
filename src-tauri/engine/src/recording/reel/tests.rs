//! Tracks that change while they are recorded: which frame is in which file, and that none is lost.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use weir_flv::file::{FileReader, TagKind};
use weir_flv::{Ingest, Item as Tag};
use weir_media::{Codec, FrameKind, Timestamp};

use super::super::config::Container::{self, Auto, Flv, Mp4};
use super::super::{Label, path};
use super::*;

const AVCC: &[u8] = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
const OTHER_AVCC: &[u8] = b"\x01\x42\xc0\x1e\xff\xe1\0\x04\x67\x42\xc0\x1e\x01\0\x02\x68\xce";

/// The files that were made, and those that were open beside the one that is written, as they were told.
#[derive(Debug, Default)]
struct Made {
    files: Vec<PathBuf>,
    beside: Vec<Vec<PathBuf>>,
}

struct InFolder {
    folder: PathBuf,
    made: Arc<Mutex<Made>>,
}

impl Files for InFolder {
    fn create(&mut self, number: u64, format: Format) -> io::Result<(File, PathBuf)> {
        let created = path::create_new(&self.folder, &number.to_string(), format.extension())?;
        self.made.lock().unwrap().files.push(created.1.clone());
        Ok(created)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn label(&self) -> Label {
        Label::default()
    }

    fn are_open(&mut self, _: &Path, beside: Vec<(PathBuf, f64)>) {
        self.made.lock().unwrap().beside.push(beside.into_iter().map(|(path, _)| path).collect());
    }
}

/// A recording in a folder of its own.
struct Case {
    folder: tempfile::TempDir,
    made: Arc<Mutex<Made>>,
    reel: Reel,
}

impl Case {
    fn start(cutting: Cutting, tracks: &Tracks) -> Self {
        let (folder, made) = (tempfile::tempdir().unwrap(), Arc::<Mutex<Made>>::default());
        let files = InFolder { folder: folder.path().to_owned(), made: Arc::clone(&made) };
        let (_, reel) = Reel::open(cutting, Box::new(files), tracks.clone()).unwrap();
        Self { folder, made, reel }
    }

    fn tracks(&mut self, tracks: &Tracks) {
        self.reel.write(Item::Tracks(tracks.clone())).unwrap();
    }

    fn frames(&mut self, frames: &[Frame]) {
        frames.iter().for_each(|frame| self.reel.write(Item::Frame(frame.clone())).unwrap());
    }

    /// Closes it: what is in each file, in the order in which they were made, and what is missing.
    fn close(mut self) -> (Vec<Vec<Held>>, Progress) {
        self.reel.close().unwrap();
        let made = self.made.lock().unwrap().files.clone();
        let there = std::fs::read_dir(self.folder.path()).unwrap().count();
        let files: Vec<_> = made.iter().filter(|path| path.exists()).map(|path| held(path)).collect();
        assert_eq!(files.len(), there);
        (files, self.reel.progress())
    }
}

/// A frame as a file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    track: TrackId,
    is_key: bool,
    data: Bytes,
}

fn essence(frames: &[Frame]) -> Vec<Held> {
    let held = |frame: &Frame| Held {
        track: frame.track,
        is_key: frame.track.kind == TrackKind::Audio || frame.is_key(),
        data: frame.data.clone(),
    };
    frames.iter().map(held).collect()
}

fn held(path: &Path) -> Vec<Held> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().unwrap() == "flv" {
        let (mut reader, mut ingest, mut items) = (FileReader::new(), Ingest::new(), Vec::new());
        reader.push(&bytes);
        while let Some(tag) = reader.next_tag().unwrap() {
            let TagKind::Message(kind) = tag.kind else { continue };
            ingest.handle(kind, tag.millis.into(), &tag.body, &mut items).unwrap();
        }
        let frames = items.into_iter().filter_map(|item| if let Tag::Frame(frame) = item { Some(frame) } else { None });
        return essence(&frames.filter(|frame| frame.track.kind != TrackKind::Data).collect::<Vec<_>>());
    }
    let film = re_mp4::Mp4::read_bytes(&bytes).unwrap();
    let (mut held, mut sounds) = (Vec::new(), 0);
    for track in film.tracks().values() {
        let id = match track.kind {
            Some(re_mp4::TrackKind::Video) => TrackId::VIDEO,
            _ => {
                sounds += 1;
                TrackId::audio(sounds - 1)
            }
        };
        held.extend(track.samples.iter().map(|sample| {
            let (from, to) = (sample.offset as usize, (sample.offset + sample.size) as usize);
            Held { track: id, is_key: sample.is_sync, data: Bytes::copy_from_slice(&bytes[from..to]) }
        }));
    }
    held
}

fn video(config: &'static [u8]) -> Track {
    Track { config: Some(Bytes::from_static(config)), ..Track::new(TrackId::VIDEO, Codec::H264) }
}

fn aac(config: &'static [u8]) -> Track {
    Track { config: Some(Bytes::from_static(config)), ..Track::new(TrackId::AUDIO, Codec::Aac) }
}

fn set(tracks: impl IntoIterator<Item = Track>) -> Tracks {
    Tracks::new(tracks.into_iter().map(Arc::new))
}

/// 25 pictures a second, a key frame each second, and sound each 32 ms, of the tracks named; from one time to another.
fn frames(tracks: &[TrackId], from: i64, to: i64) -> Vec<Frame> {
    let mut all = Vec::new();
    for track in tracks {
        let step = if track.kind == TrackKind::Video { 40 } else { 32 };
        for at in (0..to).step_by(step).filter(|at| *at >= from) {
            let is_key = track.kind == TrackKind::Audio || at % 1_000 == 0;
            let text = format!("{track:?} {at}");
            let mut data = match track.kind {
                // One unit of a picture, length first.
                TrackKind::Video => (text.len() as u32 + 1).to_be_bytes().to_vec(),
                // A frame of AC-3 says of itself what it is: 48 kHz, two channels. To the others it is only bytes.
                _ => b"\x0B\x77\0\0\x14\x40\x40\0".to_vec(),
            };
            if track.kind == TrackKind::Video {
                data.push(if is_key { 0x65 } else { 0x41 });
            }
            data.extend_from_slice(text.as_bytes());
            let (time, kind) = (Timestamp::from_millis(at), if is_key { FrameKind::Key } else { FrameKind::Delta });
            all.push(Frame { track: *track, dts: time, pts: time, kind, data: data.into() });
        }
    }
    all.sort_by_key(|frame| (frame.dts, frame.track));
    all
}

const BOTH: &[TrackId] = &[TrackId::VIDEO, TrackId::AUDIO];

fn of(held: &[Held], track: TrackId) -> Vec<Held> {
    held.iter().filter(|held| held.track == track).cloned().collect()
}

/// Everything that was sent is in one of the files, and each begins with a key frame.
fn nothing_is_lost(files: &[Vec<Held>], sent: &[Frame], what: &str) {
    let sent = essence(sent);
    for track in [TrackId::VIDEO, TrackId::AUDIO, TrackId::audio(1)] {
        let all: Vec<_> = files.iter().flat_map(|file| of(file, track)).collect();
        assert_eq!(all, of(&sent, track), "{what} {track:?}");
    }
    for (number, file) in files.iter().enumerate() {
        let first = of(file, TrackId::VIDEO).into_iter().next();
        assert!(
            first.is_none_or(|first| first.is_key),
            "{what}: file {number} begins with a picture that nobody can show"
        );
    }
}

#[test]
fn sound_that_changes_between_key_frames_costs_no_picture_and_no_sound() {
    for container in [Flv, Mp4] {
        // The first time before the head of an MP4 file is written, the second time after it.
        for change in [480, 2_480] {
            let what = format!("{container:?} at {change}");
            let mut case = Case::start(Cutting::none(container), &set([video(AVCC), aac(b"\x11\x90")]));
            let (before, after) = (frames(BOTH, 0, change), frames(BOTH, change, 6_000));
            case.frames(&before);
            case.tracks(&set([video(AVCC), aac(b"\x12\x08")]));
            case.frames(&after);
            let (files, progress) = case.close();
            assert_eq!((files.len(), progress.left_out, progress.early), (2, 0, 0), "{what}");
            nothing_is_lost(&files, &[before, after].concat(), &what);
            // Pictures go on in the first file up to the key frame, and the other sound is in the second.
            let key = change / 1_000 * 1_000 + 1_000;
            assert_eq!(of(&files[0], TrackId::VIDEO).len() as i64, key / 40, "{what}");
            assert_eq!(of(&files[0], TrackId::AUDIO).len() as i64, (change + 31) / 32, "{what}");
        }
    }
}

#[test]
fn another_codec_between_key_frames_costs_nothing_either_though_the_file_is_of_another_kind() {
    let mut case = Case::start(Cutting::none(Auto), &set([video(AVCC), aac(b"\x11\x90")]));
    let head = b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0";
    let opus = Track { config: Some(Bytes::from_static(head)), ..Track::new(TrackId::AUDIO, Codec::Opus) };
    let (before, after) = (frames(BOTH, 0, 1_300), frames(BOTH, 1_300, 4_000));
    case.frames(&before);
    case.tracks(&set([video(AVCC), opus]));
    case.frames(&after);
    let made = Arc::clone(&case.made);
    let (files, _) = case.close();
    nothing_is_lost(&files, &[before, after].concat(), "Opus");
    let made = made.lock().unwrap();
    let endings: Vec<_> = made.files.iter().map(|path| path.extension().unwrap().to_str().unwrap()).collect();
    assert_eq!(endings, ["flv", "mp4"]);
    // While both are open the list knows of both; at the end none is left.
    assert!(made.beside.iter().any(|beside| beside == &[made.files[1].clone()]), "{made:?}");
    assert!(made.beside.iter().any(|beside| beside == &[made.files[0].clone()]), "{made:?}");
    assert!(made.beside.last().unwrap().is_empty(), "{made:?}");
}

/// AC-3 has no configuration but in its frames.
#[test]
fn sound_that_was_announced_and_comes_late_is_in_the_next_file_from_its_first_frame() {
    for codec in [Codec::Ac3, Codec::Eac3] {
        for container in [Auto, Mp4] {
            let what = format!("{codec:?} {container:?}");
            let announced = set([video(AVCC), Track::new(TrackId::AUDIO, codec)]);
            let mut case = Case::start(Cutting::none(container), &announced);
            let mut sent = frames(&[TrackId::VIDEO], 0, 6_000);
            sent.extend(frames(&[TrackId::AUDIO], 2_300, 6_000));
            sent.sort_by_key(|frame| (frame.dts, frame.track));
            for frame in &mut sent {
                if codec == Codec::Eac3 && frame.track == TrackId::AUDIO {
                    frame.data = [b"\x0B\x77\0\x20\x34\x80\0\0", &frame.data[8..]].concat().into();
                }
            }
            // Said again before it comes, while it is on its way and afterwards, it is no change.
            for some in sent.chunks(40) {
                case.frames(some);
                case.tracks(&announced);
            }
            let (files, progress) = case.close();
            assert_eq!((files.len(), progress.left_out, progress.early), (2, 0, 0), "{what}");
            nothing_is_lost(&files, &sent, &what);
            assert_eq!(of(&files[0], TrackId::VIDEO).len(), 75, "{what}");
            assert!(of(&files[0], TrackId::AUDIO).is_empty(), "{what}");
        }
    }
}

#[test]
fn a_track_that_is_added_begins_at_once_though_the_pictures_go_on_in_their_file() {
    let mut case = Case::start(Cutting::none(Mp4), &set([video(AVCC), aac(b"\x11\x90")]));
    let second = Track { id: TrackId::audio(1), ..aac(b"\x12\x08") };
    let before = frames(BOTH, 0, 1_500);
    let after = frames(&[TrackId::VIDEO, TrackId::AUDIO, TrackId::audio(1)], 1_500, 4_000);
    case.frames(&before);
    case.tracks(&set([video(AVCC), aac(b"\x11\x90"), second]));
    case.frames(&after);
    let (files, _) = case.close();
    assert_eq!(files.len(), 2);
    nothing_is_lost(&files, &[before, after].concat(), "a second sound");
    assert_eq!(of(&files[0], TrackId::VIDEO).len(), 50);
    assert!(of(&files[0], TrackId::audio(1)).is_empty());
}

#[test]
fn pictures_that_change_begin_the_next_file_with_their_key_frame_and_what_nobody_can_show_is_counted() {
    for container in [Flv, Mp4] {
        let mut case = Case::start(Cutting::none(container), &set([video(AVCC), aac(b"\x11\x90")]));
        let (before, after) = (frames(BOTH, 0, 2_000), frames(BOTH, 2_000, 4_000));
        case.frames(&before);
        // The pictures of another kind have no key frame before them for nearly a second.
        let mut late = frames(BOTH, 4_080, 6_000);
        case.frames(&after);
        case.frames(&frames(BOTH, 4_000, 4_080));
        case.tracks(&set([video(OTHER_AVCC), aac(b"\x11\x90")]));
        case.frames(&late);
        let (files, progress) = case.close();
        // Up to the key frame at five seconds.
        assert_eq!((files.len(), progress.early), (2, 23), "{container:?}");
        late.retain(|frame| frame.track != TrackId::VIDEO || frame.dts >= Timestamp::from_millis(5_000));
        let sent = [before, after, frames(BOTH, 4_000, 4_080), late].concat();
        nothing_is_lost(&files, &sent, &format!("{container:?}"));
    }
}

#[test]
fn what_is_announced_in_several_parts_and_is_as_before_in_the_end_is_one_file() {
    for container in [Flv, Mp4] {
        let all = set([video(AVCC), aac(b"\x11\x90")]);
        let mut case = Case::start(Cutting::none(container), &all);
        let mut sent = Vec::new();
        for second in 0..4 {
            // An encoder that comes back: sound of another kind, then the right one, then the pictures.
            case.tracks(&set([aac(b"\x12\x08")]));
            case.tracks(&set([Track::new(TrackId::AUDIO, Codec::Aac)]));
            case.tracks(&set([aac(b"\x11\x90")]));
            case.tracks(&all);
            let now = frames(BOTH, second * 1_000, second * 1_000 + 1_000);
            case.frames(&now);
            sent.extend(now);
        }
        let (files, progress) = case.close();
        assert_eq!((files.len(), progress.left_out + progress.early), (1, 0), "{container:?}");
        nothing_is_lost(&files, &sent, &format!("{container:?}"));
    }
}

#[test]
fn tracks_that_change_before_the_first_frame_leave_no_empty_file() {
    let mut case = Case::start(Cutting::none(Auto), &set([video(AVCC), aac(b"\x11\x90")]));
    let vp9 = Track::new(TrackId::VIDEO, Codec::Vp9);
    case.tracks(&set([vp9, aac(b"\x11\x90")]));
    let sent = frames(BOTH, 0, 2_000);
    case.frames(&sent);
    let (files, _) = case.close();
    assert_eq!(files.len(), 1);
    nothing_is_lost(&files, &sent, "VP9");
}

/// Readers, ours too, refuse an index of too many frames.
#[test]
fn an_mp4_file_ends_before_it_has_more_frames_than_readers_take() {
    let cutting = Cutting { mp4_frames: 200, ..Cutting::none(Mp4) };
    let mut case = Case::start(cutting, &set([video(AVCC), aac(b"\x11\x90")]));
    let sent = frames(BOTH, 0, 20_000);
    case.frames(&sent);
    let (files, _) = case.close();
    nothing_is_lost(&files, &sent, "many frames");
    // A second has 56.
    assert!(files.iter().all(|file| file.len() <= 200 + 57), "{:?}", files.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(files.len(), 5);
}

/// A stream without key frames to cut at: what the format takes no more goes into another file all the same.
#[test]
fn without_a_key_frame_a_full_file_ends_all_the_same() {
    let cutting = Cutting { mp4_frames: 200, ..Cutting::none(Mp4) };
    let mut case = Case::start(cutting, &set([video(AVCC)]));
    let mut sent = frames(&[TrackId::VIDEO], 0, 20_000);
    sent.iter_mut().skip(1).for_each(|frame| frame.kind = FrameKind::Delta);
    case.frames(&sent);
    let (files, _) = case.close();
    assert_eq!(files.iter().map(Vec::len).collect::<Vec<_>>(), [250, 250]);
}

#[test]
fn sound_from_before_the_first_picture_is_left_out_and_counted() {
    let mut case = Case::start(Cutting::none(Container::Flv), &set([video(AVCC), aac(b"\x11\x90")]));
    case.frames(&frames(&[TrackId::VIDEO], 1_000, 1_040));
    case.frames(&frames(BOTH, 900, 1_000).into_iter().filter(|it| it.track == TrackId::AUDIO).collect::<Vec<_>>());
    let sent = frames(BOTH, 1_040, 3_000);
    case.frames(&sent);
    let (files, progress) = case.close();
    assert_eq!((files.len(), progress.early, progress.left_out), (1, 3, 0));
    assert_eq!(files[0].len(), sent.len() + 1);
}
