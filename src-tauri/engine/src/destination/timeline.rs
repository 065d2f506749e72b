//! The clock of one connection to a destination: it begins at 0 and never runs back.

use weir_media::{Frame, TimeDelta, Timestamp, TrackId};

/// Turns the stream's time into the time of one connection. Platforms end a stream whose time runs backwards, so a frame
/// that would is not sent.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    zero: Option<Timestamp>,
    newest: Vec<(TrackId, i64)>,
}

/// When a frame is decoded and shown on the connection's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Milliseconds since the first frame.
    pub(crate) dts: i64,
    /// Milliseconds from decoding to showing. The difference of the two rounded times, not the rounded difference, which
    /// would put every third picture of a 30 fps stream 1 ms off.
    pub(crate) composition: i64,
}

impl Timeline {
    /// The frame's stamp, or `None` when it lies before the first frame or before the one sent last on its track.
    pub(crate) fn stamp(&mut self, frame: &Frame) -> Option<Stamp> {
        let zero = *self.zero.get_or_insert(frame.dts);
        let dts = (frame.dts - zero).as_millis();
        let position = self.newest.iter().position(|(track, _)| *track == frame.track);
        let newest = position.and_then(|at| self.newest.get(at)).map_or(0, |(_, newest)| *newest);
        if dts < newest {
            return None;
        }
        match position.and_then(|at| self.newest.get_mut(at)) {
            Some(slot) => slot.1 = dts,
            None => self.newest.push((frame.track, dts)),
        }
        Some(Stamp { dts, composition: (frame.pts - zero).as_millis() - dts })
    }

    /// How much media has been stamped since the first frame.
    pub(crate) fn elapsed(&self) -> TimeDelta {
        TimeDelta::from_millis(self.newest.iter().map(|(_, newest)| *newest).max().unwrap_or(0))
    }

    /// Where the stream's clock stands at `dts` milliseconds of this one.
    pub(crate) fn stream_time(&self, dts: i64) -> Option<Timestamp> {
        self.zero.map(|zero| zero + TimeDelta::from_millis(dts))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::FrameKind;

    use super::*;

    fn frame(track: TrackId, dts_nanos: i64, pts_nanos: i64) -> Frame {
        Frame {
            track,
            dts: Timestamp::from_nanos(dts_nanos),
            pts: Timestamp::from_nanos(pts_nanos),
            kind: FrameKind::Delta,
            data: Bytes::new(),
        }
    }

    #[test]
    fn the_first_frame_is_zero_whatever_the_stream_says() {
        let mut timeline = Timeline::default();
        let day = 86_400_000_000_000;
        assert_eq!(timeline.stamp(&frame(TrackId::VIDEO, day, day)), Some(Stamp { dts: 0, composition: 0 }));
        let later = frame(TrackId::AUDIO, day + 21_333_333, day + 21_333_333);
        assert_eq!(timeline.stamp(&later), Some(Stamp { dts: 21, composition: 0 }));
    }

    #[test]
    fn time_that_runs_back_on_a_track_is_not_sent() {
        let mut timeline = Timeline::default();
        let at = |millis: i64| millis * 1_000_000;
        assert!(timeline.stamp(&frame(TrackId::VIDEO, at(1000), at(1000))).is_some());
        assert_eq!(timeline.stamp(&frame(TrackId::AUDIO, at(990), at(990))), None, "before the first frame");
        assert!(timeline.stamp(&frame(TrackId::VIDEO, at(1040), at(1040))).is_some());
        assert!(timeline.stamp(&frame(TrackId::AUDIO, at(1010), at(1010))).is_some(), "another track may be behind");
        assert_eq!(timeline.stamp(&frame(TrackId::VIDEO, at(1039), at(1039))), None);
        assert!(timeline.stamp(&frame(TrackId::VIDEO, at(1040), at(1040))).is_some(), "the same time is no step back");
        assert_eq!(timeline.elapsed(), TimeDelta::from_millis(40));
    }

    #[test]
    fn presentation_times_stay_evenly_spaced() {
        let mut timeline = Timeline::default();
        let tick = 33_366_667; // 29.97 fps
        for n in 0..1_000 {
            let stamp = timeline.stamp(&frame(TrackId::VIDEO, n * tick, (n + 2) * tick)).unwrap();
            let exact = Timestamp::from_nanos((n + 2) * tick).as_millis();
            assert_eq!(stamp.dts + stamp.composition, exact);
        }
    }
}
