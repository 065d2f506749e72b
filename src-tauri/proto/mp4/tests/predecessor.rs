//! What the predecessor got wrong in MP4.

use bytes::Bytes;
use weir_media::{Codec, Frame, FrameKind, Timestamp, Track, TrackId, Tracks, VideoInfo};
use weir_mp4::{Muxer, Options};

/// Fault 24 of the predecessor: 32-bit sizes broke files at 4 GiB. The pictures here are large and shared, so that such a
/// file is written without being kept anywhere.
#[test]
fn fault_24_positions_beyond_4_gib_are_kept() {
    const PICTURE: usize = 16 << 20;
    let mut video = Track::new(TrackId::VIDEO, Codec::H264);
    video.config = Some(Bytes::from_static(&[1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]));
    video.video = Some(VideoInfo { width: Some(1280), height: Some(720), ..VideoInfo::default() });
    let mut muxer = Muxer::new(&Tracks::default().with(video), Options::default()).unwrap();
    let data = Bytes::from(vec![0x65; PICTURE]);
    let mut written = 0_u64;
    for number in 0..280 {
        let time = Timestamp::from_millis(number * 500);
        let frame = Frame { track: TrackId::VIDEO, dts: time, pts: time, kind: FrameKind::Key, data: data.clone() };
        muxer.write(&frame).unwrap();
        written += muxer.take_output().iter().map(|part| part.len() as u64).sum::<u64>();
    }
    let closing = muxer.finish().unwrap();
    written += muxer.take_output().iter().map(|part| part.len() as u64).sum::<u64>();
    assert!(written > u64::from(u32::MAX), "{written}");
    let long = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let beyond = u64::from(u32::MAX)..=written + closing.append.len() as u64;
    // ISO/IEC 14496-12, 4.2: a size of 1 means that 64 bits of size follow the name.
    let patch = closing.patch.expect("the size of the whole is known only now").bytes;
    assert!(patch.windows(8).any(|bytes| beyond.contains(&long(bytes))), "{patch:?}");
    // 8.7.5: positions of chunks in 64 bits.
    let append = &closing.append[..];
    let at = append.windows(4).rposition(|name| name == b"co64").expect("positions in 64 bits");
    let size = u32::from_be_bytes(append[at - 4..at].try_into().unwrap()) as usize;
    let last = long(&append[at - 4 + size - 8..at - 4 + size]);
    assert!(beyond.contains(&last), "{last} of {written}");
}
