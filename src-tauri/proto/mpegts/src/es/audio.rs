//! MPEG audio, AC-3 and E-AC-3: frames that tell their own length.

use bytes::{Buf, BytesMut};
use weir_media::codec::{ac3, mp3};
use weir_media::{AudioInfo, Codec, FrameKind};

use super::{FrameClock, Part, Unit};

/// Longest frame that is waited for: E-AC-3 has 4 KiB, free-format MPEG audio is not followed.
const MAX_FRAME: usize = 8192;

/// How frames are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// MPEG-1/2 audio of any layer.
    Mpeg,
    /// AC-3 or E-AC-3.
    Dolby,
}

/// One stream of such frames.
#[derive(Debug)]
pub(crate) struct Framed {
    syntax: Syntax,
    buffer: BytesMut,
    clock: FrameClock,
    told: Option<(Codec, AudioInfo)>,
}

/// What a frame's header says.
struct Head {
    codec: Codec,
    info: AudioInfo,
    samples: u32,
    sample_rate: u32,
    len: usize,
}

impl Framed {
    pub(crate) fn new(syntax: Syntax) -> Self {
        Self { syntax, buffer: BytesMut::new(), clock: FrameClock::default(), told: None }
    }

    pub(crate) fn lose(&mut self) {
        self.buffer.clear();
        self.clock.lose();
    }

    pub(crate) fn push(&mut self, unit: &Unit, out: &mut Vec<Part>) {
        let mut carried = self.buffer.len();
        let mut time = unit.pts;
        self.buffer.extend_from_slice(&unit.data);
        // Eight bytes show every header whole.
        while self.buffer.len() >= 8 {
            let Some(head) = self.syntax.head(&self.buffer).filter(|head| (8..=MAX_FRAME).contains(&head.len)) else {
                self.buffer.advance(1);
                carried = carried.saturating_sub(1);
                continue;
            };
            if self.buffer.len() < head.len {
                break;
            }
            if carried == 0
                && let Some(time) = time.take()
            {
                self.clock.set(time);
            }
            carried = carried.saturating_sub(head.len);
            let data = self.buffer.split_to(head.len).freeze();
            let Head { codec, info, samples, sample_rate, .. } = head;
            if self.told.as_ref() != Some(&(codec, info.clone())) {
                let (rate, channels) = (info.sample_rate, info.channels);
                out.push(Part::Config { codec, config: None, sample_rate: rate, channels });
                self.told = Some((codec, info));
            }
            if let Some(pts) = self.clock.next(samples, sample_rate) {
                out.push(Part::Frame { dts: pts, pts, kind: FrameKind::Key, data });
            }
        }
    }
}

impl Syntax {
    fn head(self, data: &[u8]) -> Option<Head> {
        match self {
            Self::Mpeg => {
                let header = mp3::FrameHeader::parse(data).ok()?;
                let codec = if header.layer == 3 { Codec::Mp3 } else { Codec::Mp2 };
                let (samples, sample_rate, len) = (header.samples, header.sample_rate, header.frame_len?);
                Some(Head { codec, info: header.audio_info(), samples, sample_rate, len })
            }
            Self::Dolby => {
                let header = ac3::FrameHeader::parse(data).ok()?;
                let codec = if header.enhanced { Codec::Eac3 } else { Codec::Ac3 };
                let info = ac3::audio_info(data).ok()?;
                let (samples, sample_rate, len) = (header.samples, header.sample_rate, header.frame_len);
                Some(Head { codec, info, samples, sample_rate, len })
            }
        }
    }
}
