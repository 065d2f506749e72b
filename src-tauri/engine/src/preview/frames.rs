//! Access units for WebCodecs.

use std::collections::VecDeque;

use bytes::Bytes;
use weir_media::codec::{av1, codec_string};
use weir_media::{Codec, Frame, Track, TrackId, Tracks};

use super::{message, shown};

/// Turns the video track into units.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Codec and configuration the page was told last.
    told: Option<(Codec, Option<Bytes>)>,
    /// Put before a key frame that does not hold it: AV1's sequence header, which some encoders send only once.
    before_key: Option<Bytes>,
    decodable: bool,
}

impl Frames {
    pub(super) fn tracks(&mut self, tracks: &Tracks, ready: &mut VecDeque<Bytes>) {
        let Some(track) = shown(tracks) else {
            if !tracks.is_empty() {
                ready.push_back(message::notice("no_video", None));
            }
            return;
        };
        let now = (track.codec, track.config.clone());
        if self.told.as_ref() == Some(&now) {
            return;
        }
        self.told = Some(now);
        match codec_string(track) {
            Some(codec) => {
                self.decodable = true;
                self.before_key = sequence_header(track);
                ready.push_back(config(track, codec));
            }
            None => {
                self.decodable = false;
                ready.push_back(message::notice("unsupported", Some(&track.codec.to_string())));
            }
        }
    }

    pub(super) fn frame(&self, frame: &Frame, ready: &mut VecDeque<Bytes>) {
        if frame.track != TrackId::VIDEO || !self.decodable {
            return;
        }
        let missing = |_: &&Bytes| frame.is_key() && av1::SequenceHeader::find(&frame.data).is_none();
        let before = self.before_key.as_ref().filter(missing).map(AsRef::as_ref);
        ready.push_back(message::unit(frame, before.unwrap_or_default()));
    }
}

fn config(track: &Track, codec: String) -> Bytes {
    let video = track.video.as_ref();
    let told = message::Config {
        codec,
        width: video.and_then(|video| video.width),
        height: video.and_then(|video| video.height),
        name: track.codec.to_string(),
        audio: false,
        follows: "units",
    };
    // WebCodecs takes the record of these two as its description; the others keep all they need in the frames.
    let described = matches!(track.codec, Codec::H264 | Codec::H265);
    let record = track.config.as_ref().filter(|_| described);
    message::config(&told, record.map(AsRef::as_ref).unwrap_or_default())
}

fn sequence_header(track: &Track) -> Option<Bytes> {
    let record = track.config.as_ref().filter(|_| track.codec == Codec::Av1)?;
    let config = av1::DecoderConfig::parse(record).ok()?;
    Some(config.obus).filter(|obus| !obus.is_empty())
}
