//! Elementary streams: from PES packets to frames in canonical form, and back to configurations.

mod adts;
mod audio;
mod opus;
mod parameter_sets;
mod video;

use bytes::Bytes;
use weir_media::{Codec, FrameKind, TimeDelta, Timestamp};

pub(crate) use adts::Adts;
pub(crate) use audio::{Framed, Syntax};
pub(crate) use opus::Opus;
pub(crate) use video::Video;

/// The content of a PES packet with its times unwrapped.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) pts: Option<Timestamp>,
    pub(crate) dts: Option<Timestamp>,
    pub(crate) random_access: bool,
    pub(crate) data: Bytes,
}

/// What a stream says of itself, and its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The codec and its configuration, first and at each change.
    Config { codec: Codec, config: Option<Bytes>, sample_rate: Option<u32>, channels: Option<u8> },
    /// A frame.
    Frame { dts: Timestamp, pts: Timestamp, kind: FrameKind, data: Bytes },
}

/// One elementary stream.
#[derive(Debug)]
pub(crate) enum Elementary {
    Video(Box<Video>),
    Adts(Adts),
    Framed(Framed),
    Opus(Opus),
    /// Carried as it is.
    Opaque {
        codec: Codec,
        told: bool,
    },
}

impl Elementary {
    pub(crate) fn push(&mut self, unit: Unit, out: &mut Vec<Part>) {
        match self {
            Self::Video(video) => video.push(unit, out),
            Self::Adts(adts) => adts.push(&unit, out),
            Self::Framed(framed) => framed.push(&unit, out),
            Self::Opus(opus) => opus.push(&unit, out),
            Self::Opaque { codec, told } => {
                if !std::mem::replace(told, true) {
                    out.push(Part::Config { codec: *codec, config: None, sample_rate: None, channels: None });
                }
                if let Some(pts) = unit.pts {
                    out.push(Part::Frame { dts: pts, pts, kind: FrameKind::Key, data: unit.data });
                }
            }
        }
    }

    /// Pieces were lost: what was begun cannot be continued.
    pub(crate) fn lose(&mut self) {
        match self {
            Self::Adts(adts) => adts.lose(),
            Self::Framed(framed) => framed.lose(),
            Self::Video(_) | Self::Opus(_) | Self::Opaque { .. } => {}
        }
    }
}

/// The time of frames of known length that follow one another: a PES packet's time belongs to the first frame that begins
/// in it, the others follow at their own length.
#[derive(Debug, Default)]
pub(crate) struct FrameClock {
    base: Option<Timestamp>,
    samples: i64,
}

impl FrameClock {
    /// A frame begins that carries its own time.
    pub(crate) fn set(&mut self, time: Timestamp) {
        self.base = Some(time);
        self.samples = 0;
    }

    /// The time of the frame that begins here and lasts `samples`; `None` before any time is known.
    pub(crate) fn next(&mut self, samples: u32, sample_rate: u32) -> Option<Timestamp> {
        let time = self.base? + TimeDelta::rescale(self.samples, sample_rate);
        self.samples += i64::from(samples);
        Some(time)
    }

    pub(crate) fn lose(&mut self) {
        self.base = None;
    }
}
