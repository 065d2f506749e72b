//! From the transport stream that an encoder sends to tracks and frames of a stream.

use std::time::{Duration, Instant};

use weir_hub::{EndReason, Publisher, PublisherClosed};
use weir_media::{Frame, StreamPath, Tracks};
use weir_mpegts::{Demuxer, Faults, Item, PACKET_LEN};

/// How long frames are held back until every track of the program is known, so that readers learn of all of them at once: the
/// sound of a stream must not begin as a stream without pictures.
const HOLD: Duration = Duration::from_secs(4);
/// Bytes that are held back at most.
const MAX_HELD: usize = 16 << 20;
/// Bytes without a single frame after which it is no stream.
const MAX_NONSENSE: u64 = 2 << 20;

/// An encoder's stream.
#[derive(Debug)]
pub(super) struct Bridge {
    publisher: Publisher,
    demuxer: Demuxer,
    /// Frames that wait for the other tracks; `None` once they have come.
    held: Option<Held>,
    received: u64,
    /// Bytes of the largest payload.
    largest: usize,
    understood: bool,
}

#[derive(Debug, Default)]
struct Held {
    tracks: Tracks,
    frames: Vec<Frame>,
    bytes: usize,
    since: Option<Instant>,
}

/// Why publishing cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The hub ended it.
    #[error("{0}")]
    Closed(EndReason),
    /// The payload is of another kind.
    #[error("it sends {0}, and Weir takes MPEG-TS over SRT")]
    OtherFormat(&'static str),
    /// Nothing in it can be read.
    #[error("what it sends cannot be read as MPEG-TS")]
    Unreadable,
}

impl From<PublisherClosed> for Fault {
    fn from(closed: PublisherClosed) -> Self {
        Self::Closed(closed.0)
    }
}

impl Bridge {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            demuxer: Demuxer::new(),
            held: Some(Held::default()),
            received: 0,
            largest: 0,
            understood: false,
        }
    }

    pub(super) fn path(&self) -> &StreamPath {
        self.publisher.path()
    }

    /// Takes a payload. Readers see what was in it after [`Bridge::flush`].
    pub(super) fn take(&mut self, payload: &[u8], now: Instant) -> Result<(), Fault> {
        if self.received == 0
            && let Some(format) = other_format(payload)
        {
            return Err(Fault::OtherFormat(format));
        }
        self.received += payload.len() as u64;
        self.largest = self.largest.max(payload.len());
        self.demuxer.push(payload);
        self.pass_on(now)?;
        if !self.understood && self.received > MAX_NONSENSE {
            return Err(Fault::Unreadable);
        }
        Ok(())
    }

    /// So many payloads will not come, between those before and those after.
    pub(super) fn lose(&mut self, payloads: u64) {
        let packets = self.largest.div_ceil(PACKET_LEN) as u64;
        self.demuxer.lose(payloads.saturating_mul(packets));
    }

    /// What was wrong with what it sends.
    pub(super) fn faults(&self) -> Faults {
        self.demuxer.faults()
    }

    /// The encoder has ended: what only more bytes would have completed is complete.
    pub(super) fn finish(&mut self, now: Instant) -> Result<(), Fault> {
        self.demuxer.finish();
        self.pass_on(now)?;
        if let Some(held) = self.held.take() {
            self.release(held)?;
        }
        self.publisher.flush();
        Ok(())
    }

    /// Wakes the readers, once for all that arrived together.
    pub(super) fn flush(&mut self) {
        self.publisher.flush();
    }

    /// Resolves when the hub ends the publisher. Cancel-safe.
    pub(super) async fn closed(&mut self) -> EndReason {
        self.publisher.closed().await
    }

    fn pass_on(&mut self, now: Instant) -> Result<(), Fault> {
        while let Some(item) = self.demuxer.poll() {
            self.understood = true;
            match (&mut self.held, item) {
                (None, Item::Tracks(tracks)) => self.publisher.set_tracks(&tracks)?,
                (None, Item::Frame(frame)) => self.publisher.write(frame)?,
                (Some(held), Item::Tracks(tracks)) => held.tracks = tracks,
                (Some(held), Item::Frame(frame)) => {
                    held.since.get_or_insert(now);
                    held.bytes += frame.data.len();
                    held.frames.push(frame);
                }
            }
        }
        let complete = self.demuxer.is_complete();
        let over = |held: &Held| {
            complete
                || held.bytes > MAX_HELD
                || held.since.is_some_and(|since| now.saturating_duration_since(since) > HOLD)
        };
        if let Some(held) = self.held.take_if(|held| over(held) && !held.tracks.is_empty()) {
            self.release(held)?;
        }
        Ok(())
    }

    fn release(&mut self, mut held: Held) -> Result<(), Fault> {
        // A picture is complete only when the next one begins, so the sound beside the first one has come before it. Readers
        // begin with the key frame and would miss that sound.
        held.frames.sort_by_key(|frame| (frame.dts, frame.track));
        self.publisher.set_tracks(&held.tracks)?;
        held.frames.into_iter().try_for_each(|frame| self.publisher.write(frame))?;
        Ok(())
    }
}

/// What a stream of another format begins with.
fn other_format(payload: &[u8]) -> Option<&'static str> {
    match payload {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Some("Matroska or WebM"),
        [b'F', b'L', b'V', 1, ..] => Some("FLV"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("MP4"),
        [b'O', b'g', b'g', b'S', ..] => Some("Ogg"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use weir_hub::{Delivery, Hub, HubOptions, Origin, SubscribeOptions};
    use weir_media::{Codec, FrameKind, Timestamp, Track, TrackId};
    use weir_mpegts::Muxer;

    use super::*;

    fn tracks() -> Tracks {
        let avcc = b"\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x41\x9f\x9e\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\x99\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";
        let video = Track { config: Some(Bytes::from_static(avcc)), ..Track::new(TrackId::VIDEO, Codec::H264) };
        let audio = Track { config: Some(Bytes::from_static(b"\x11\x90")), ..Track::new(TrackId::AUDIO, Codec::Aac) };
        Tracks::default().with(video).with(audio)
    }

    fn frame(track: TrackId, millis: i64, kind: FrameKind) -> Frame {
        let (dts, nal) = (Timestamp::from_millis(millis), if kind == FrameKind::Key { 0x65 } else { 0x41 });
        let data = match track {
            TrackId::VIDEO => Bytes::copy_from_slice(&[0, 0, 0, 6, nal, 0x88, 0x80, 1, 2, 3]),
            _ => Bytes::from(vec![0x21; 60]),
        };
        Frame { track, dts, pts: dts, kind, data }
    }

    fn bridge() -> (Hub, Bridge, weir_hub::Subscriber) {
        let hub = Hub::new(HubOptions::default());
        let path = StreamPath::parse("live/a").unwrap();
        let bridge = Bridge::new(hub.publish(&path, Origin::internal("test")).unwrap());
        let reader = hub.subscribe(&path, SubscribeOptions::player(Origin::internal("test"))).unwrap();
        (hub, bridge, reader)
    }

    #[tokio::test]
    async fn sound_that_comes_first_waits_for_the_picture() {
        let (_hub, mut bridge, mut reader) = bridge();
        let (mut muxer, mut packets) = (Muxer::new(), BytesMut::new());
        muxer.set_tracks(&tracks());
        let now = Instant::now();
        for millis in [0, 21, 42, 63] {
            muxer.write(&frame(TrackId::AUDIO, millis, FrameKind::Key), &mut packets);
        }
        bridge.take(&packets.split(), now).unwrap();
        bridge.flush();
        let mut batch = Vec::new();
        assert!(!reader.try_batch(&mut batch), "{batch:?}");
        muxer.write(&frame(TrackId::VIDEO, 40, FrameKind::Key), &mut packets);
        muxer.write(&frame(TrackId::VIDEO, 80, FrameKind::Delta), &mut packets);
        bridge.take(&packets.split(), now).unwrap();
        bridge.finish(now).unwrap();
        reader.try_batch(&mut batch);
        let Some(Delivery::Tracks(first)) = batch.first() else { panic!("tracks come first: {batch:?}") };
        assert_eq!(first.iter().count(), 2);
    }

    #[tokio::test]
    async fn a_picture_that_never_comes_holds_the_sound_for_a_while_only() {
        let (_hub, mut bridge, mut reader) = bridge();
        let (mut muxer, mut packets) = (Muxer::new(), BytesMut::new());
        muxer.set_tracks(&tracks());
        let start = Instant::now();
        for number in 0..250 {
            muxer.write(&frame(TrackId::AUDIO, number * 21, FrameKind::Key), &mut packets);
            bridge.take(&packets.split(), start + Duration::from_millis(number as u64 * 21)).unwrap();
        }
        bridge.flush();
        let mut batch = Vec::new();
        assert!(reader.try_batch(&mut batch));
    }

    #[tokio::test]
    async fn a_loss_that_the_packets_do_not_show_glues_no_pictures_together() {
        let (_hub, mut bridge, mut reader) = bridge();
        let (mut muxer, mut packets) = (Muxer::new(), BytesMut::new());
        muxer.set_tracks(&Tracks::new(tracks().iter().take(1).cloned().collect::<Vec<_>>()));
        let now = Instant::now();
        let picture = |number: u8| {
            let mut nal = vec![if number == 0 { 0x65 } else { 0x41 }, 0x88, 0x80];
            nal.resize(20_000, number + 1);
            let data = [&(nal.len() as u32).to_be_bytes()[..], &nal].concat();
            let kind = if number == 0 { FrameKind::Key } else { FrameKind::Delta };
            Frame { data: data.into(), ..frame(TrackId::VIDEO, i64::from(number) * 40, kind) }
        };
        for number in 0..8 {
            muxer.write(&picture(number), &mut packets);
        }
        // Some hundred packets a picture: sixteen payloads, 112 packets, end where the counter is what it was.
        let payloads: Vec<_> = packets.chunks(7 * PACKET_LEN).collect();
        for payload in &payloads[..40] {
            bridge.take(payload, now).unwrap();
        }
        bridge.lose(16);
        for payload in &payloads[56..] {
            bridge.take(payload, now).unwrap();
        }
        bridge.finish(now).unwrap();
        assert!(bridge.faults().continuity_errors > 0 && bridge.faults().damaged_pes > 0, "{:?}", bridge.faults());
        let mut batch = Vec::new();
        while reader.try_batch(&mut batch) {}
        let mut pictures = 0;
        for delivery in &batch {
            let Delivery::Frame { frame, .. } = delivery else { continue };
            let content = &frame.data[frame.data.len() - 1000..];
            let whole = frame.data.ends_with(&picture(content[999] - 1).data[4..]);
            assert!(whole, "a picture that nobody sent");
            pictures += 1;
        }
        assert!((5..8).contains(&pictures), "{pictures}");
    }

    #[tokio::test]
    async fn other_formats_are_named_and_nonsense_ends() {
        for (begin, name) in [(&[0x1A, 0x45, 0xDF, 0xA3, 1][..], "Matroska"), (b"FLV\x01\x05", "FLV")] {
            let (_hub, mut bridge, _reader) = bridge();
            let fault = bridge.take(begin, Instant::now()).unwrap_err();
            assert!(fault.to_string().contains(name), "{fault}");
        }
        let (_hub, mut bridge, _reader) = bridge();
        let noise: Vec<u8> = (0..1316_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3F).collect();
        let ended = (0..4000).find_map(|_| bridge.take(&noise, Instant::now()).err());
        assert_eq!(ended, Some(Fault::Unreadable));
    }
}
