//! The stream that is sent: as large, as often and as uneven as OBS's, with a stamp in every frame.
//!
//! A frame is a legacy FLV tag body. After its codec header come [`Stamp`] and then bytes of a fixed pseudo-random
//! pool, from a place that follows from the sequence number, so that a receiver checks every byte without a copy.

use std::time::Duration;

/// AVCDecoderConfigurationRecord of 1280x720, 30 frames/s, written by libx264 164 (`-profile:v main -bf 0`).
static AVCC: [u8; 38] = [
    0x01, 0x4d, 0x40, 0x1f, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x4d, 0x40, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40,
    0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f, 0x03, 0xc6, 0x0c, 0xa8, 0x01, 0x00, 0x04, 0x68, 0xef, 0x0f, 0xc8,
];
/// AudioSpecificConfig: AAC-LC, 48 kHz, stereo.
const AAC_CONFIG: [u8; 2] = [0x11, 0x90];
/// Video tag header (5), NAL unit length (4), NAL unit header (1).
const VIDEO_HEAD: usize = 10;
/// Audio tag header.
const AUDIO_HEAD: usize = 2;
/// Pool bytes a frame may start at.
const POOL_STARTS: usize = 1 << 20;
/// Pool bytes behind the last start: the largest frame.
const FRAME_MAX: usize = 1 << 20;

/// Message type ids.
pub(crate) const AUDIO: u8 = 8;
pub(crate) const VIDEO: u8 = 9;
pub(crate) const DATA: u8 = 18;

/// Rates and sizes of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Audio and video together, bits a second.
    pub(crate) bits_per_second: u64,
    /// Frames between key frames, the key frame included.
    pub(crate) gop: u64,
    pub(crate) frames_per_second: u64,
    /// A key frame is this many times as large as the mean delta frame.
    pub(crate) key_ratio: u64,
    pub(crate) audio_bits_per_second: u64,
}

impl Profile {
    /// 720p30 with a key frame every 2 s and AAC at 128 kbit/s.
    pub(crate) fn of_bitrate(bits_per_second: u64) -> Self {
        Self { bits_per_second, gop: 60, frames_per_second: 30, key_ratio: 9, audio_bits_per_second: 128_000 }
    }

    /// Length of a GOP.
    pub(crate) fn gop_duration(&self) -> Duration {
        Duration::from_secs_f64(self.gop as f64 / self.frames_per_second as f64)
    }

    fn audio_bytes(&self) -> usize {
        (self.audio_bits_per_second / 8 * 1024 / 48_000) as usize
    }

    /// Bytes of a picture when there is no sound.
    pub(crate) fn picture_bytes(&self, index: u64) -> usize {
        Self { audio_bits_per_second: 0, ..*self }.video_bytes(index)
    }

    fn video_bytes(&self, index: u64) -> usize {
        let per_gop =
            self.bits_per_second.saturating_sub(self.audio_bits_per_second) / 8 * self.gop / self.frames_per_second;
        let mean = per_gop / (self.gop - 1 + self.key_ratio);
        if index.is_multiple_of(self.gop) {
            return (mean * self.key_ratio) as usize;
        }
        // Delta frames vary by a quarter around their mean; two neighbours cancel out.
        let swing = mean / 4 * (scramble(index / 2) % 1000) / 1000;
        (if index.is_multiple_of(2) { mean - swing } else { mean + swing }).max(64) as usize
    }
}

/// The parameter sets of [`AVCC`]: the sequence's, and the picture's.
pub(crate) fn parameter_sets() -> (&'static [u8], &'static [u8]) {
    (AVCC.get(8..31).unwrap_or_default(), AVCC.get(34..).unwrap_or_default())
}

/// What a frame carries about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u32,
    /// Counts the frames of a publisher, audio and video together, from 0.
    pub(crate) sequence: u64,
    /// Nanoseconds on the generator's clock when the frame was handed to the socket.
    pub(crate) sent: u64,
    /// Milliseconds.
    pub(crate) dts: u32,
}

const MAGIC: u32 = 0x7E17_10AD;

impl Stamp {
    pub(crate) const LEN: usize = 28;
    /// Bytes of a message that reach to the end of the stamp, whichever codec it is.
    pub(crate) const REACH: usize = VIDEO_HEAD + Self::LEN;

    fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.sent.to_be_bytes());
        bytes[24..].copy_from_slice(&self.dts.to_be_bytes());
        bytes
    }

    /// Reads the stamp behind the codec header of an audio or video message.
    pub(crate) fn decode(kind: u8, head: &[u8]) -> Option<Self> {
        let bytes = head.get(head_len(kind)..)?.get(..Self::LEN)?;
        let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        let long = |at: usize| bytes.get(at..at + 8).and_then(|long| long.try_into().ok()).map(u64::from_be_bytes);
        (word(0)? == MAGIC).then_some(())?;
        Some(Self { publisher: word(4)?, sequence: long(8)?, sent: long(16)?, dts: word(24)? })
    }
}

/// What the first bytes of an audio or video message say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Config,
    Key,
    Other,
}

/// Classifies by the legacy tag header (FLV sections E.4.2.1 and E.4.3.1).
pub(crate) fn classify(kind: u8, head: &[u8]) -> Class {
    match (kind, head) {
        (VIDEO, [0x17, 1, ..]) => Class::Key,
        (VIDEO, [_, 1, ..]) | (AUDIO, [_, 1, ..]) => Class::Other,
        _ => Class::Config,
    }
}

/// Bytes before the stamp.
pub(crate) fn head_len(kind: u8) -> usize {
    if kind == VIDEO { VIDEO_HEAD } else { AUDIO_HEAD }
}

/// The pseudo-random bytes all frames are cut from.
pub(crate) struct Pool(Vec<u8>);

impl Pool {
    pub(crate) fn new() -> Self {
        let words = (POOL_STARTS + FRAME_MAX) as u64 / 8;
        Self((0..words).flat_map(|word| scramble(word).to_le_bytes()).collect())
    }

    /// `length` bytes that stand `offset` bytes into the message with this sequence number.
    pub(crate) fn slice(&self, sequence: u64, offset: usize, length: usize) -> &[u8] {
        let start = (sequence.wrapping_mul(7919) % POOL_STARTS as u64) as usize + offset;
        self.0.get(start..start + length).unwrap_or_default()
    }
}

/// SplitMix64's output function: the same bytes in every run.
fn scramble(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// The messages of one publisher in the order of their decoding times.
pub(crate) struct Schedule {
    profile: Profile,
    publisher: u32,
    video: u64,
    audio: u64,
}

impl Schedule {
    pub(crate) fn new(profile: Profile, publisher: u32) -> Self {
        Self { profile, publisher, video: 0, audio: 0 }
    }

    /// What OBS sends before the first frame: metadata and both configurations, as (type, body).
    pub(crate) fn headers(&self) -> [(u8, Vec<u8>); 3] {
        use crate::wire::amf::{Value, encode};
        let properties = [
            ("width", Value::Number(1280.0)),
            ("height", Value::Number(720.0)),
            ("videocodecid", Value::Number(7.0)),
            ("framerate", Value::Number(self.profile.frames_per_second as f64)),
            ("audiocodecid", Value::Number(10.0)),
            ("audiosamplerate", Value::Number(48_000.0)),
            ("stereo", Value::Boolean(true)),
            ("encoder", Value::String("weir-load")),
        ];
        let metadata = [Value::String("@setDataFrame"), Value::String("onMetaData"), Value::EcmaArray(&properties)];
        [
            (DATA, encode(&metadata)),
            (AUDIO, [&[0xAF, 0][..], &AAC_CONFIG].concat()),
            (VIDEO, [&[0x17, 0, 0, 0, 0][..], &AVCC].concat()),
        ]
    }

    /// When the next frame is due, counted from the start of the stream.
    pub(crate) fn due(&self) -> Duration {
        self.video_time().min(self.audio_time())
    }

    /// Replaces `body` by the next frame and tells its message type and time in milliseconds.
    pub(crate) fn next(&mut self, sent: u64, pool: &Pool, body: &mut Vec<u8>) -> (u8, u32) {
        let dts = self.due().as_millis() as u32;
        let stamp = Stamp { publisher: self.publisher, sequence: self.video + self.audio, sent, dts };
        body.clear();
        let (kind, length) = if self.video_time() <= self.audio_time() {
            let key = self.video.is_multiple_of(self.profile.gop);
            let length = self.profile.video_bytes(self.video).max(Stamp::REACH);
            body.extend_from_slice(&[if key { 0x17 } else { 0x27 }, 1, 0, 0, 0]);
            body.extend_from_slice(&(length as u32 - 9).to_be_bytes());
            body.push(if key { 0x65 } else { 0x41 });
            self.video += 1;
            (VIDEO, length)
        } else {
            body.extend_from_slice(&[0xAF, 1]);
            self.audio += 1;
            (AUDIO, self.profile.audio_bytes().max(Stamp::REACH))
        };
        body.extend_from_slice(&stamp.encode());
        let filled = body.len();
        body.extend_from_slice(pool.slice(stamp.sequence, filled, length - filled));
        (kind, dts)
    }

    fn video_time(&self) -> Duration {
        Duration::from_nanos(self.video * 1_000_000_000 / self.profile.frames_per_second)
    }

    fn audio_time(&self) -> Duration {
        Duration::from_nanos(self.audio * 1024 * 1_000_000_000 / 48_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_frames_has_the_bitrate_the_rhythm_and_the_stamps_it_claims() {
        let pool = Pool::new();
        let mut schedule = Schedule::new(Profile::of_bitrate(2_650_000), 3);
        let (mut body, mut bytes, mut keys, mut video, mut audio, mut last) = (Vec::new(), 0, 0, 0, 0, 0);
        for sequence in 0.. {
            if schedule.due() >= Duration::from_secs(60) {
                break;
            }
            let (kind, dts) = schedule.next(77, &pool, &mut body);
            let stamp = Stamp::decode(kind, &body).expect("stamped");
            assert_eq!(stamp, Stamp { publisher: 3, sequence, sent: 77, dts });
            let stamped = head_len(kind) + Stamp::LEN;
            assert_eq!(&body[stamped..], pool.slice(sequence, stamped, body.len() - stamped));
            assert!(dts >= last, "times never run back");
            last = dts;
            bytes += body.len();
            *(if kind == VIDEO { &mut video } else { &mut audio }) += 1;
            if classify(kind, &body) == Class::Key {
                keys += 1;
                assert!((70_000..100_000).contains(&body.len()), "{}", body.len());
            }
        }
        assert_eq!((keys, video, audio), (30, 1800, 2813));
        let rate = bytes * 8 / 60;
        assert!((2_600_000..2_700_000).contains(&rate), "{rate}");
    }
}
