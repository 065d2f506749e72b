//! MP4 fragments for Media Source Extensions, with sound when it was asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use weir_media::codec::codec_string;
use weir_media::{Codec, Frame, Timestamp, Track, TrackId, Tracks};
use weir_mp4::live::Live;

use super::{message, shown};

/// Turns the video track, and the audio track when asked for, into fragments.
#[derive(Debug)]
pub(super) struct Segments {
    audio: bool,
    tracks: Tracks,
    /// The stream's time at the page's zero, kept for the life of the preview.
    zero: Option<Timestamp>,
    live: Option<Live>,
    /// These tracks cannot be put into fragments: said once.
    refused: bool,
}

impl Segments {
    pub(super) fn new(audio: bool) -> Self {
        Self { audio, tracks: Tracks::default(), zero: None, live: None, refused: false }
    }

    pub(super) fn tracks(&mut self, tracks: &Tracks, ready: &mut VecDeque<Bytes>) {
        let audio = tracks.find(TrackId::AUDIO).filter(|track| self.audio && is_heard(track));
        let kept = Tracks::new(tracks.find(TrackId::VIDEO).into_iter().chain(audio).cloned());
        if !tracks.is_empty() && kept.is_empty() {
            ready.push_back(message::notice("no_video", None));
        }
        if kept != self.tracks {
            (self.tracks, self.live, self.refused) = (kept, None, false);
        }
    }

    pub(super) fn frame(&mut self, frame: &Frame, ready: &mut VecDeque<Bytes>) {
        if self.refused || self.tracks.find(frame.track).is_none() {
            return;
        }
        if self.live.is_none() && !self.begin(frame, ready) {
            return;
        }
        // Sound from before the first picture would all be heard at once.
        if self.zero.is_some_and(|zero| frame.dts < zero) {
            return;
        }
        if let Some(fragment) = self.live.as_mut().and_then(|live| live.push(frame)) {
            ready.push_back(message::segment(&fragment));
        }
    }

    /// Writes the header once there is a frame with which decoding can begin.
    fn begin(&mut self, frame: &Frame, ready: &mut VecDeque<Bytes>) -> bool {
        if !frame.is_key() || self.tracks.has_video() && frame.track != TrackId::VIDEO {
            return false;
        }
        let zero = *self.zero.get_or_insert(frame.dts);
        match Live::begin(&self.tracks, std::slice::from_ref(frame), zero) {
            Ok((live, header)) => {
                self.live = Some(live);
                ready.push_back(message::config(&config(&self.tracks), &header));
                true
            }
            Err(error) => {
                self.refused = true;
                ready.push_back(message::notice("unsupported", Some(&error.to_string())));
                false
            }
        }
    }
}

/// Sound a web view may know and whose header needs nothing but its configuration.
fn is_heard(track: &Arc<Track>) -> bool {
    let known = matches!(track.codec, Codec::Aac | Codec::Mp3 | Codec::Opus | Codec::Flac);
    let complete = track.codec == Codec::Mp3 || track.config.as_ref().is_some_and(|config| !config.is_empty());
    known && complete
}

fn config(tracks: &Tracks) -> message::Config<'static> {
    let codecs: Vec<_> = tracks.iter().filter_map(|track| codec_string(track)).collect();
    let video = shown(tracks).and_then(|track| track.video.as_ref());
    let names: Vec<_> = tracks.iter().map(|track| track.codec.to_string()).collect();
    message::Config {
        codec: codecs.join(","),
        width: video.and_then(|video| video.width),
        height: video.and_then(|video| video.height),
        name: names.join(", "),
        audio: tracks.find(TrackId::AUDIO).is_some(),
        follows: "segments",
    }
}
