//! Whole files: written, read back, cut off anywhere, repaired.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up its case has failed")]

use bytes::Bytes;
use proptest::prelude::*;
use weir_media::{
    AudioInfo, Codec, Color, ColorInfo, Frame, FrameKind, LightLevel, Mastering, Timestamp, Track, TrackId, Tracks,
    VideoInfo,
};
use weir_mp4::repair::{HEAD_LEN, Rebuild, is_closed};
use weir_mp4::segment::{Limits, MovieIndex};
use weir_mp4::{BoxHeader, Closing, Error, Muxer, Options, TopLevel};

fn tracks() -> Tracks {
    let mut video = Track::new(TrackId::VIDEO, Codec::H264);
    video.config = Some(Bytes::from_static(&[1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]));
    video.video = Some(VideoInfo { width: Some(1280), height: Some(720), ..VideoInfo::default() });
    let mut audio = Track::new(TrackId::AUDIO, Codec::Aac);
    audio.config = Some(Bytes::from_static(&[0x11, 0x90]));
    audio.audio = Some(AudioInfo { sample_rate: Some(48_000), channels: Some(2), profile: None });
    Tracks::default().with(video).with(audio)
}

fn video(dts: i64, pts: i64, key: bool) -> Frame {
    let kind = if key { FrameKind::Key } else { FrameKind::Delta };
    let data = Bytes::from(format!("video {dts:>10} {}", "x".repeat((dts % 97) as usize)));
    Frame { track: TrackId::VIDEO, dts: Timestamp::from_millis(dts), pts: Timestamp::from_millis(pts), kind, data }
}

fn audio(dts: i64) -> Frame {
    let time = Timestamp::from_millis(dts);
    let data = Bytes::from(format!("audio {dts:>10}"));
    Frame { track: TrackId::AUDIO, dts: time, pts: time, kind: FrameKind::Key, data }
}

/// A file as it grows: what was appended, and the closing that would follow.
struct File {
    bytes: Vec<u8>,
    closing: Closing,
}

impl File {
    fn closed(&self) -> Vec<u8> {
        close(self.bytes.clone(), &self.closing)
    }
}

fn close(mut bytes: Vec<u8>, closing: &Closing) -> Vec<u8> {
    bytes.extend_from_slice(&closing.append);
    if let Some(patch) = &closing.patch {
        let at = patch.position as usize;
        bytes[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    bytes
}

fn write(frames: &[Frame]) -> File {
    let mut muxer = Muxer::new(&tracks(), Options::default()).unwrap();
    let mut bytes = Vec::new();
    for frame in frames {
        muxer.write(frame).unwrap();
        bytes.extend(muxer.take_output().concat());
    }
    let closing = muxer.finish().unwrap();
    bytes.extend(muxer.take_output().concat());
    assert_eq!(bytes.len() as u64, muxer.position());
    File { bytes, closing }
}

/// `seconds` of 25 fps video with one reordered frame in two, and 48 kHz AAC.
fn show(seconds: i64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut sound = 0;
    for number in 0..seconds * 25 {
        let dts = number * 40;
        while sound * 1024 / 48 <= dts {
            frames.push(audio(sound * 1024 / 48));
            sound += 1;
        }
        let late = if number % 2 == 0 { 80 } else { 40 };
        frames.push(video(dts, dts + late, number % 50 == 0));
    }
    frames
}

/// The file's top-level boxes with their places, as far as they are whole.
fn top_level(bytes: &[u8]) -> Vec<(TopLevel, usize, usize)> {
    let mut list = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at..).and_then(BoxHeader::parse) {
        let size = header.size.map_or(bytes.len() - at, |size| size as usize);
        if at + size > bytes.len() {
            break;
        }
        list.push((TopLevel::from(header.kind), at, size));
        at += size;
    }
    list
}

/// What the engine does to a file that was cut off, in memory.
fn repair(bytes: &[u8]) -> Option<(Vec<u8>, Rebuild)> {
    let mut rebuild: Option<Rebuild> = None;
    for (kind, at, size) in top_level(bytes) {
        let whole = &bytes[at..at + size];
        match (kind, &mut rebuild) {
            (TopLevel::Movie, None) => rebuild = Some(Rebuild::new(whole, (at + size) as u64).unwrap()),
            (TopLevel::Fragment, Some(rebuild)) => {
                rebuild.add_fragment(whole, at as u64, bytes.len() as u64).unwrap();
            }
            _ => {}
        }
    }
    let rebuild = rebuild?;
    let cut = bytes[..rebuild.end() as usize].to_vec();
    Some((close(cut, &rebuild.finish()), rebuild))
}

#[test]
fn a_growing_file_is_fragments_of_a_second() {
    let file = write(&show(10));
    let boxes = top_level(&file.bytes);
    let fragments = boxes.iter().filter(|(kind, ..)| *kind == TopLevel::Fragment).count();
    assert!((10..=12).contains(&fragments), "{fragments}");
    assert!(!is_closed(&file.bytes[..HEAD_LEN]));
}

#[test]
fn a_closed_file_is_one_mdat_and_a_moov() {
    let file = write(&show(10)).closed();
    let kinds: Vec<_> = top_level(&file).iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [TopLevel::Other, TopLevel::Media, TopLevel::Movie]);
    assert!(is_closed(&file[..HEAD_LEN]));
    let last = top_level(&file)[2];
    assert_eq!(last.1 + last.2, file.len());
}

#[test]
fn repair_writes_the_very_file_that_closing_would_have_written() {
    let file = write(&show(5));
    let (repaired, rebuild) = repair(&file.bytes).unwrap();
    assert_eq!(repaired, file.closed());
    assert!((rebuild.seconds() - 5.0).abs() < 0.05, "{}", rebuild.seconds());
}

#[test]
fn cut_anywhere_in_its_last_fragment_a_file_loses_only_that_fragment() {
    let file = write(&show(3));
    let boxes = top_level(&file.bytes);
    let (_, last, _) = *boxes.iter().rfind(|(kind, ..)| *kind == TopLevel::Fragment).unwrap();
    let whole = boxes.iter().filter(|(kind, ..)| *kind == TopLevel::Fragment).count() as u32;
    for cut in last..file.bytes.len() {
        let (repaired, rebuild) = repair(&file.bytes[..cut]).unwrap();
        assert_eq!(rebuild.fragments(), whole - 1, "cut at {cut}");
        assert_eq!(rebuild.end(), last as u64);
        assert!(is_closed(&repaired[..HEAD_LEN]));
    }
}

#[test]
fn colours_and_brightness_are_declared_beside_the_codec() {
    let written = |info: Option<ColorInfo>, coded: Option<Color>| {
        let mut track = Track::clone(tracks().find(TrackId::VIDEO).unwrap());
        track.color_info = info;
        track.video.as_mut().unwrap().color = coded;
        let mut muxer = Muxer::new(&Tracks::default().with(track), Options::default()).unwrap();
        muxer.write(&video(0, 0, true)).unwrap();
        let closing = muxer.finish().unwrap();
        let file = muxer.take_output().concat();
        let found = |kind: &[u8], bytes: &[u8]| {
            let at = bytes.windows(4).position(|name| name == kind)?;
            let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
            Some(bytes[at + 4..at - 4 + size].to_vec())
        };
        [b"colr", b"mdcv", b"clli"].map(|kind| {
            let growing = found(kind, &file);
            assert_eq!(growing, found(kind, &closing.append), "the header and the index say the same");
            growing
        })
    };
    let pq = Color { primaries: 9, transfer: 16, matrix: 9, full_range: false };
    let mastering = Mastering {
        red: [1, 2],
        green: [3, 4],
        blue: [5, 6],
        white: [7, 8],
        max_luminance: 10_000_000,
        min_luminance: 50,
    };
    let light = Some(LightLevel { max: 1000, average: 400 });
    let [color, display, level] = written(Some(ColorInfo { color: Some(pq), mastering: Some(mastering), light }), None);
    assert_eq!(color.unwrap(), b"nclx\0\x09\0\x10\0\x09\0");
    let places = b"\0\x03\0\x04\0\x05\0\x06\0\x01\0\x02\0\x07\0\x08";
    assert_eq!(display.unwrap(), [&places[..], b"\0\x98\x96\x80\0\0\0\x32"].concat(), "green, blue, red, white");
    assert_eq!(level.unwrap(), b"\x03\xE8\x01\x90");
    let full = Color { primaries: 1, transfer: 13, matrix: 5, full_range: true };
    assert_eq!(written(None, Some(full)), [Some(b"nclx\0\x01\0\x0D\0\x05\x80".to_vec()), None, None]);
    assert_eq!(written(None, None), [None, None, None]);
}

#[test]
fn a_file_without_a_frame_stays_empty() {
    let file = write(&[]);
    assert!(file.bytes.is_empty() && file.closed().is_empty());
}

#[test]
fn a_track_that_is_announced_and_never_comes_does_no_harm() {
    let frames: Vec<_> = show(3).into_iter().filter(|frame| frame.track == TrackId::VIDEO).collect();
    let file = write(&frames);
    assert_eq!(repair(&file.bytes).unwrap().0, file.closed());
}

#[test]
fn tracks_may_change_until_the_header_is_written() {
    let both = tracks();
    let only_video = Tracks::new(both.iter().take(1).cloned());
    let mut muxer = Muxer::new(&only_video, Options::default()).unwrap();
    muxer.write(&video(0, 0, true)).unwrap();
    muxer.set_tracks(&both).unwrap();
    muxer.write(&audio(10)).unwrap();
    muxer.write(&video(1500, 1500, false)).unwrap();
    assert!(!muxer.take_output().is_empty());
    muxer.set_tracks(&both).unwrap();
    let mut changed = Track::new(TrackId::VIDEO, Codec::H264);
    changed.config = Some(Bytes::from_static(&[1, 2, 3]));
    assert_eq!(muxer.set_tracks(&both.with(changed)), Err(Error::TracksChanged));
}

#[test]
fn tracks_that_are_refused_leave_everything_as_it_was() {
    let mut changed = Track::new(TrackId::AUDIO, Codec::Aac);
    changed.config = Some(Bytes::from_static(&[0x12, 0x08]));
    let only_data = Tracks::default().with(Track::new(TrackId::DATA, Codec::Script));
    let sent = show(3);
    let whole = write(&sent);
    let mut muxer = Muxer::new(&tracks(), Options::default()).unwrap();
    let mut bytes = Vec::new();
    for frame in &sent {
        muxer.write(frame).unwrap();
        // Before the header is written and after it.
        assert_eq!(muxer.set_tracks(&tracks().with(changed.clone())), Err(Error::TracksChanged));
        let _ = muxer.set_tracks(&only_data);
        muxer.set_tracks(&Tracks::new(tracks().iter().take(1).cloned())).unwrap();
        bytes.extend(muxer.take_output().concat());
    }
    muxer.finish().unwrap();
    bytes.extend(muxer.take_output().concat());
    assert!(bytes == whole.bytes);
}

/// The first frame of AC-3 at 48 kHz with two channels: it alone tells what it is.
fn ac3(dts: i64) -> Frame {
    let data = Bytes::from_static(b"\x0B\x77\0\0\x14\x40\x40\0 and so on");
    Frame { data, ..audio(dts) }
}

fn with_ac3() -> Tracks {
    tracks().with(Track::new(TrackId::AUDIO, Codec::Ac3))
}

#[test]
fn a_track_that_only_its_frames_describe_is_refused_when_the_header_is_written() {
    let mut muxer = Muxer::new(&with_ac3(), Options::default()).unwrap();
    (0..40).for_each(|number| muxer.write(&video(number * 40, number * 40, number % 25 == 0)).unwrap());
    assert_eq!(muxer.write(&ac3(1_600)), Err(Error::TracksChanged));
    assert_eq!(muxer.set_tracks(&with_ac3()), Ok(()), "announced again it has not come");
    muxer.write(&video(1_600, 1_600, false)).unwrap();
}

#[test]
fn a_first_frame_that_is_told_in_advance_describes_its_track() {
    let mut muxer = Muxer::new(&with_ac3(), Options::default()).unwrap();
    muxer.expect(&ac3(1_600));
    let mut bytes = Vec::new();
    for number in 0..80 {
        muxer.write(&video(number * 40, number * 40, number % 25 == 0)).unwrap();
        if number >= 40 {
            muxer.write(&ac3(number * 40)).unwrap();
        }
        bytes.extend(muxer.take_output().concat());
    }
    let closing = muxer.finish().unwrap();
    bytes.extend(muxer.take_output().concat());
    let closed = close(bytes.clone(), &closing);
    assert!(repair(&bytes).unwrap().0 == closed, "a repair finds the same times");
    let at = closed.windows(4).rposition(|name| name == b"moov").unwrap() - 4;
    let index = MovieIndex::parse(&closed[at..]).unwrap();
    let told: Vec<_> = index.tracks().iter().map(|track| track.track.codec).collect();
    assert_eq!((told, index.samples()), (vec![Codec::H264, Codec::Ac3], 80 + 40));
    // It is heard when it was sent.
    let sound = index.plan(&[1], Limits::default());
    assert_eq!(sound[0].span.start.as_millis(), 1_600);
}

#[test]
fn a_file_says_when_it_is_nearly_full_and_then_takes_no_more() {
    let mut muxer = Muxer::new(&tracks(), Options { frames: 40, ..Options::default() }).unwrap();
    for number in 0..50 {
        assert_eq!(muxer.is_nearly_full(), number >= 40);
        muxer.write(&video(number * 40, number * 40, number % 25 == 0)).unwrap();
    }
    assert_eq!(muxer.write(&video(2_000, 2_000, true)), Err(Error::Full));
    muxer.finish().unwrap();
}

#[test]
fn codecs_that_mp4_cannot_hold_are_named() {
    let speex = Tracks::default().with(Track::new(TrackId::AUDIO, Codec::FlvAudio(11)));
    let error = Muxer::new(&speex, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "no track can be written to MP4 (FLV audio format 11)");
    let with_video = Muxer::new(&tracks().with(Track::new(TrackId::audio(1), Codec::FlvAudio(11))), Options::default());
    assert_eq!(with_video.unwrap().left_out(), [Codec::FlvAudio(11)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_the_reader_panic(at in 0_usize..4000, noise in prop::collection::vec(any::<u8>(), 1..64)) {
        let mut bytes = write(&show(2)).bytes;
        let at = at % bytes.len();
        let end = (at + noise.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        for (kind, at, size) in top_level(&bytes) {
            let whole = &bytes[at..at + size];
            if kind == TopLevel::Movie && let Ok(mut rebuild) = Rebuild::new(whole, 0) {
                for (kind, at, size) in top_level(&bytes) {
                    if kind == TopLevel::Fragment {
                        let _ = rebuild.add_fragment(&bytes[at..at + size], at as u64, bytes.len() as u64);
                    }
                }
                rebuild.finish();
            }
        }
    }

    #[test]
    fn any_order_of_times_makes_a_readable_file(times in prop::collection::vec((0_i64..100_000, -500_i64..500), 1..200)) {
        let mut last = 0;
        let frames: Vec<_> = times.into_iter().map(|(step, offset)| {
            last += step;
            video(last, last + offset, step % 3 == 0)
        }).collect();
        let file = write(&frames);
        let (repaired, _) = repair(&file.bytes).unwrap();
        prop_assert_eq!(repaired, file.closed());
    }
}
