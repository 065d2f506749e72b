//! The clock of one connection to a destination: it begins at 0 and never runs back.

use weir_media::{Frame, TimeDelta, Timestamp, TrackId};

/// Turns the stream's time into the time of one connection. Platforms end a stream whose time runs backwards, so a frame
/// that would is not sent.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    zero: Option<Timestamp>,
    newest: Vec<(TrackId, Timestamp)>,
}

impl Timeline {
    /// The frame on the connection's clock, or `None` when it lies before the first frame, or before the one sent last on
    /// its track.
    pub(super) fn place(&mut self, frame: &Frame) -> Option<Frame> {
        let shift = *self.zero.get_or_insert(frame.dts) - Timestamp::ZERO;
        let (dts, pts) = (frame.dts - shift, frame.pts - shift);
        match self.newest.iter_mut().find(|(track, _)| *track == frame.track) {
            Some((_, newest)) if dts < *newest => return None,
            Some((_, newest)) => *newest = dts,
            None if dts < Timestamp::ZERO => return None,
            None => self.newest.push((frame.track, dts)),
        }
        Some(Frame { dts, pts, ..frame.clone() })
    }

    /// The newest time of a track; 0 before its first frame.
    pub(super) fn of(&self, track: TrackId) -> Timestamp {
        self.newest.iter().find(|(known, _)| *known == track).map_or(Timestamp::ZERO, |(_, newest)| *newest)
    }

    /// How much media has been placed since the first frame.
    pub(super) fn elapsed(&self) -> TimeDelta {
        let newest = self.newest.iter().map(|(_, newest)| *newest).max();
        newest.unwrap_or(Timestamp::ZERO) - Timestamp::ZERO
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::FrameKind;

    use super::*;

    fn frame(track: TrackId, millis: i64) -> Frame {
        let (dts, pts) = (Timestamp::from_millis(millis), Timestamp::from_millis(millis + 80));
        Frame { track, dts, pts, kind: FrameKind::Delta, data: Bytes::new() }
    }

    fn placed(timeline: &mut Timeline, track: TrackId, millis: i64) -> Option<(i64, i64)> {
        timeline.place(&frame(track, millis)).map(|frame| (frame.dts.as_millis(), frame.pts.as_millis()))
    }

    #[test]
    fn the_first_frame_is_zero_whatever_the_stream_says() {
        let mut timeline = Timeline::default();
        let day = 86_400_000;
        assert_eq!(placed(&mut timeline, TrackId::VIDEO, day), Some((0, 80)));
        assert_eq!(placed(&mut timeline, TrackId::AUDIO, day + 21), Some((21, 101)));
        assert_eq!(timeline.of(TrackId::AUDIO).as_millis(), 21);
        assert_eq!(timeline.of(TrackId::DATA), Timestamp::ZERO);
    }

    #[test]
    fn time_that_runs_back_on_a_track_is_not_sent() {
        let mut timeline = Timeline::default();
        assert!(placed(&mut timeline, TrackId::VIDEO, 1000).is_some());
        assert_eq!(placed(&mut timeline, TrackId::AUDIO, 990), None, "before the first frame");
        assert!(placed(&mut timeline, TrackId::VIDEO, 1040).is_some());
        assert!(placed(&mut timeline, TrackId::AUDIO, 1010).is_some(), "another track may be behind");
        assert_eq!(placed(&mut timeline, TrackId::VIDEO, 1039), None);
        assert!(placed(&mut timeline, TrackId::VIDEO, 1040).is_some(), "the same time is no step back");
        assert_eq!(timeline.elapsed(), TimeDelta::from_millis(40));
    }
}
