//! Files of anybody: whatever stands in them, looking at them and playing them ends with an answer.

use std::path::{Path, PathBuf};

use weir_flv::file::{FileReader, TagKind};
use weir_flv::{Ingest, Item};
use weir_media::TrackKind;
use weir_mp4::{Muxer, Options};

use super::super::probe;
use super::{Choice, Film, read_head};

/// How often each file is spoilt anew.
const TIMES: u64 = 150;

const VECTORS: [&str; 3] = ["ffmpeg-9-h264-bframes-aac.flv", "ffmpeg-9-hevc-opus.flv", "ffmpeg-5.1-aac-only.flv"];

fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/flv").join(name)).unwrap()
}

/// The same stream in MP4, closed or left open as by a kill.
fn mp4(flv: &[u8], closed: bool) -> Vec<u8> {
    let (mut reader, mut ingest, mut items) = (FileReader::new(), Ingest::new(), Vec::new());
    reader.push(flv);
    while let Ok(Some(tag)) = reader.next_tag() {
        let TagKind::Message(kind) = tag.kind else { continue };
        ingest.handle(kind, tag.millis.into(), &tag.body, &mut items).unwrap();
    }
    let mut muxer = Muxer::new(ingest.tracks(), Options::default()).unwrap();
    let mut file = Vec::new();
    for item in items {
        if let Item::Frame(frame) = item
            && frame.track.kind != TrackKind::Data
        {
            muxer.write(&frame).unwrap();
            file.extend(muxer.take_output().concat());
        }
    }
    let closing = muxer.finish().unwrap();
    file.extend(muxer.take_output().concat());
    if closed {
        file.extend_from_slice(&closing.append);
        let patch = closing.patch.unwrap();
        let at = usize::try_from(patch.position).unwrap();
        file[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    file
}

/// SplitMix64: the same spoilt files everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) >> 33).unwrap() % sides.max(1)
    }

    fn spoil(&mut self, file: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(file.len());
            // Sizes and tables mostly stand at one of the ends.
            let at = [at, at % 600, file.len() - 1 - at % 1500.min(file.len())][self.below(3)];
            let len = self.below(24).min(file.len() - at);
            match self.below(6) {
                0 => file.truncate(at.max(1)),
                1 => file[at..at + len].fill(0xFF),
                2 => file[at..at + len].fill(0),
                3 => drop(file.drain(at..at + len)),
                4 => file.splice(at..at, std::iter::repeat_n(0x55, len)).for_each(drop),
                _ => file[at..at + len].iter_mut().for_each(|byte| *byte = self.below(256) as u8),
            }
            if file.is_empty() {
                return;
            }
        }
    }
}

/// Everything that is ever done with a file; whether anything of it can be played.
fn look_at(path: &PathBuf, is_growing: bool) -> bool {
    let size = std::fs::metadata(path).unwrap().len();
    let mut file = std::fs::File::open(path).unwrap();
    let _ = probe::probe(&mut file, size);
    let _ = probe::is_repaired(&mut file, size);
    let _ = read_head(path);
    let film = if is_growing { Film::open_growing(path, None) } else { Film::open(path) };
    let Ok(film) = film else { return false };
    assert!(film.seconds() >= 0.0);
    let choice = Choice::default();
    let Ok(plan) = film.plan(choice) else { return false };
    let initialized = (0..plan.initializations.len()).all(|number| film.initialization(choice, number).is_ok());
    let played = (0..plan.fragments.len().min(50)).filter(|number| film.fragment(choice, *number).is_ok()).count();
    initialized && played > 0
}

#[test]
fn spoilt_files_are_an_answer_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spoilt");
    for name in VECTORS {
        let flv = vector(name);
        for (what, whole) in [("FLV", flv.clone()), ("MP4", mp4(&flv, true)), ("open MP4", mp4(&flv, false))] {
            std::fs::write(&path, &whole).unwrap();
            assert!(look_at(&path, false), "{name} as {what} plays");
            let mut playable = 0;
            for seed in 0..TIMES {
                let mut file = whole.clone();
                Dice(seed).spoil(&mut file);
                std::fs::write(&path, &file).unwrap();
                playable += u64::from(look_at(&path, seed % 2 == 1));
            }
            assert!((1..TIMES).contains(&playable), "{name} as {what}: {playable} of {TIMES} spoilt files play");
        }
    }
}
