//! From what a stream delivers to the messages of one connection: headers first, time from 0, one track of each kind unless
//! the server takes more.

use bytes::Bytes;
use weir_flv::{MessageKind, egress};
use weir_hub::Delivery;
use weir_media::{Frame, TimeDelta, Timestamp, TrackId, TrackKind, Tracks};
use weir_rtmp::command::Capabilities;

use super::metadata;
use super::timeline::Timeline;

/// One connection's view of the stream.
#[derive(Debug, Default)]
pub(super) struct Feed {
    taken: Taken,
    tracks: Tracks,
    timeline: Timeline,
    /// Video tracks whose key frame was sent.
    begun: Vec<TrackId>,
    metadata: Bytes,
}

/// What a server takes, by what it said when we connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Every track, not only the default ones.
    pub(super) all_tracks: bool,
    /// Presentation times to the nanosecond.
    pub(super) exact: bool,
}

impl Taken {
    /// By what a server announced.
    pub(super) fn of(server: &Capabilities) -> Self {
        Self { all_tracks: server.has_multitrack(), exact: server.has_nano_offset() }
    }
}

/// What became of the frames of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub(super) sent: u64,
    pub(super) skipped: u64,
}

/// Takes a message: its kind, its time in milliseconds, its body in pieces.
pub(super) trait Sink {
    /// Sends it.
    fn send(&mut self, kind: MessageKind, millis: u32, body: &[&[u8]]);
}

impl Feed {
    pub(super) fn new(taken: Taken) -> Self {
        Self { taken, ..Self::default() }
    }

    /// Turns a delivery into messages.
    pub(super) fn deliver(&mut self, delivery: &Delivery, sink: &mut impl Sink) -> Counted {
        match delivery {
            Delivery::Tracks(tracks) => {
                self.announce(tracks, sink);
                Counted::default()
            }
            Delivery::Frame { frame, .. } => {
                let sent = self.frame(frame, sink);
                match frame.track.kind {
                    TrackKind::Data => Counted::default(),
                    _ => Counted { sent: u64::from(sent), skipped: u64::from(!sent) },
                }
            }
            Delivery::Skipped { frames, .. } => Counted { sent: 0, skipped: *frames },
            Delivery::Gap { .. } | Delivery::Ended(_) => Counted::default(),
        }
    }

    /// The moment of the stream that is 0 on this connection, once there is one.
    pub(super) const fn zero(&self) -> Option<Timestamp> {
        self.timeline.zero()
    }

    /// Another connection carries the same stream: its times are used here too.
    pub(super) fn goes_beside(&mut self, zero: Timestamp) {
        if self.timeline.zero().is_none() {
            self.timeline = Timeline::beside(zero);
        }
    }

    /// Another stream follows, `pause` after the last frame of this one: everything is told anew, and time goes on.
    pub(super) fn goes_on_after(&mut self, pause: TimeDelta) {
        self.timeline.goes_on_after(pause);
        self.tracks = Tracks::default();
        self.begun.clear();
        self.metadata = Bytes::new();
    }

    /// How much media has been sent.
    pub(super) fn elapsed(&self) -> TimeDelta {
        self.timeline.elapsed()
    }

    /// Sends what is new about the tracks. A server that has not negotiated more gets one track of each kind.
    fn announce(&mut self, tracks: &Tracks, sink: &mut impl Sink) {
        let taken = self.taken;
        let tracks = Tracks::new(tracks.iter().filter(|track| taken.all_tracks || track.id.index == 0).cloned());
        let before = std::mem::replace(&mut self.tracks, tracks);
        let is_new = |id: TrackId| before.find(id) != self.tracks.find(id);
        let others = taken.all_tracks && self.tracks.iter().any(|track| track.id.index > 0 && is_new(track.id));
        if before.is_empty() || is_new(TrackId::DATA) || others {
            let metadata = metadata::announcement(&self.tracks);
            if metadata != self.metadata {
                sink.send(MessageKind::Data, self.millis(TrackId::DATA), &[&metadata]);
                self.metadata = metadata;
            }
        }
        for track in self.tracks.iter().filter(|track| track.id.kind != TrackKind::Data && is_new(track.id)) {
            for header in egress::changes(before.find(track.id).map(AsRef::as_ref), track) {
                sink.send(header.kind, self.millis(track.id), &[&header.body]);
            }
        }
    }

    fn frame(&mut self, frame: &Frame, sink: &mut impl Sink) -> bool {
        let Some(track) = self.tracks.find(frame.track).cloned() else { return false };
        if frame.track.kind == TrackKind::Data && !metadata::is_passed_on(&frame.data) {
            return false;
        }
        // Key frames of several tracks need not come together, and nothing before its key frame can be decoded.
        let begins = frame.track.kind == TrackKind::Video && !self.begun.contains(&frame.track);
        if begins && !frame.is_key() {
            return false;
        }
        let Some(placed) = self.timeline.place(frame) else { return false };
        let (tag, time) = if self.taken.exact {
            (egress::exact_frame(&track, &placed), placed.dts.floor_to_millis())
        } else {
            (egress::frame(&track, &placed), placed.dts)
        };
        let Ok(tag) = tag else { return false };
        if begins {
            self.begun.push(frame.track);
        }
        sink.send(tag.kind, wire_millis(time.as_millis()), &[&tag.head, &tag.payload]);
        true
    }

    fn millis(&self, track: TrackId) -> u32 {
        wire_millis(self.timeline.of(track).as_millis())
    }
}

/// Milliseconds as RTMP counts them: modulo 2^32 (RTMP 1.0, section 4).
const fn wire_millis(millis: i64) -> u32 {
    millis as u32
}

#[cfg(test)]
mod tests {
    use weir_media::{Codec, FrameKind, Track};

    use super::*;

    #[derive(Default)]
    struct Heard(Vec<(MessageKind, u32, Vec<u8>)>);

    impl Sink for Heard {
        fn send(&mut self, kind: MessageKind, millis: u32, body: &[&[u8]]) {
            self.0.push((kind, millis, body.concat()));
        }
    }

    fn track(id: TrackId, codec: Codec, config: &'static [u8]) -> Track {
        Track { config: Some(Bytes::from_static(config)), ..Track::new(id, codec) }
    }

    fn tracks() -> Tracks {
        let video = track(TrackId::VIDEO, Codec::H264, b"avcC");
        Tracks::default().with(video).with(track(TrackId::AUDIO, Codec::Aac, b"\x12\x10"))
    }

    fn frame(track: TrackId, millis: i64, composition: i64, kind: FrameKind) -> Delivery {
        let (dts, pts) = (Timestamp::from_millis(millis), Timestamp::from_millis(millis + composition));
        Delivery::Frame { seq: 0, frame: Frame { track, dts, pts, kind, data: Bytes::from_static(b"data") } }
    }

    /// Fault 19 of the predecessor: no metadata and no headers for a server that is joined late.
    #[test]
    fn headers_and_metadata_come_first_and_time_begins_at_zero() {
        let (mut feed, mut heard) = (Feed::default(), Heard::default());
        feed.deliver(&Delivery::Tracks(tracks()), &mut heard);
        feed.deliver(&frame(TrackId::VIDEO, 3_600_000, 80, FrameKind::Key), &mut heard);
        feed.deliver(&frame(TrackId::AUDIO, 3_600_021, 0, FrameKind::Key), &mut heard);
        let kinds: Vec<_> = heard.0.iter().map(|(kind, millis, _)| (*kind, *millis)).collect();
        use MessageKind::{Audio, Data, Video};
        assert_eq!(kinds, [(Data, 0), (Video, 0), (Audio, 0), (Video, 0), (Audio, 21)]);
        assert!(heard.0[0].2.windows(13).any(|name| name == b"@setDataFrame"));
        assert_eq!(heard.0[1].2, b"\x17\0\0\0\0avcC");
        assert_eq!(heard.0[2].2, b"\xAF\0\x12\x10");
        assert_eq!(heard.0[3].2, b"\x17\x01\0\0\x50data");
        assert_eq!(heard.0[4].2, b"\xAF\x01data");
    }

    #[test]
    fn only_what_changed_is_announced_again() {
        let (mut feed, mut heard) = (Feed::default(), Heard::default());
        feed.deliver(&Delivery::Tracks(tracks()), &mut heard);
        feed.deliver(&frame(TrackId::VIDEO, 0, 0, FrameKind::Key), &mut heard);
        feed.deliver(&frame(TrackId::VIDEO, 40, 0, FrameKind::Delta), &mut heard);
        heard.0.clear();
        let mut changed = track(TrackId::VIDEO, Codec::H264, b"new!");
        changed.revision = 1;
        feed.deliver(&Delivery::Tracks(tracks().with(changed)), &mut heard);
        assert_eq!(heard.0, [(MessageKind::Video, 40, b"\x17\0\0\0\0new!".to_vec())]);
    }

    #[test]
    fn a_second_track_stays_here_and_is_counted_as_left_out() {
        let (mut feed, mut heard) = (Feed::default(), Heard::default());
        let second = track(TrackId::audio(1), Codec::Aac, b"\x12\x10");
        feed.deliver(&Delivery::Tracks(tracks().with(second)), &mut heard);
        let before = heard.0.len();
        let counted = feed.deliver(&frame(TrackId::audio(1), 0, 0, FrameKind::Key), &mut heard);
        assert_eq!((counted, heard.0.len()), (Counted { sent: 0, skipped: 1 }, before));
    }

    #[test]
    fn a_server_that_takes_them_gets_all_tracks_and_hears_of_them() {
        let mut feed = Feed::new(Taken { all_tracks: true, exact: true });
        let mut heard = Heard::default();
        let second = track(TrackId::audio(1), Codec::Aac, b"\x12\x10");
        feed.deliver(&Delivery::Tracks(tracks().with(second)), &mut heard);
        assert!(heard.0[0].2.windows(19).any(|name| name == b"audioTrackIdInfoMap"));
        assert_eq!(heard.0.last().unwrap().2, b"\x95\x00mp4a\x01\x12\x10");
        feed.deliver(&frame(TrackId::VIDEO, 0, 0, FrameKind::Key), &mut heard);
        let Delivery::Frame { seq, frame: mut odd } = frame(TrackId::audio(1), 20, 0, FrameKind::Key) else { panic!() };
        (odd.dts, odd.pts) = (Timestamp::from_nanos(20_333_333), Timestamp::from_nanos(20_333_333));
        feed.deliver(&Delivery::Frame { seq, frame: odd }, &mut heard);
        let (_, millis, body) = heard.0.last().unwrap();
        let nanos = 333_333_u32.to_be_bytes();
        assert_eq!((*millis, &body[..]), (20, &[b"\x97\x02", &nanos[1..], b"\x05\x01mp4a\x01data"].concat()[..]));
    }

    #[test]
    fn the_clock_of_the_wire_wraps_after_49_days() {
        let (mut feed, mut heard) = (Feed::default(), Heard::default());
        feed.deliver(&Delivery::Tracks(tracks()), &mut heard);
        feed.deliver(&frame(TrackId::VIDEO, 0, 0, FrameKind::Key), &mut heard);
        feed.deliver(&frame(TrackId::VIDEO, (1 << 32) + 7, 0, FrameKind::Key), &mut heard);
        assert_eq!(heard.0.last().unwrap().1, 7);
    }
}
