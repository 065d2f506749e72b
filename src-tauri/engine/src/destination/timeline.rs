//! The clock of one connection to a destination: it begins at 0 and never runs back.

use weir_media::{Frame, TimeDelta, Timestamp, TrackId};

/// Turns the stream's time into the time of one connection. Platforms end a stream whose time runs backwards, so a frame
/// that would is not sent.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// The moment of the stream that is 0 here.
    zero: Option<Timestamp>,
    /// What the first frame of the next stream becomes.
    begin: Timestamp,
    newest: Vec<(TrackId, Timestamp)>,
}

impl Timeline {
    /// The frame on the connection's clock, or `None` when it lies before the first frame, or before the one sent last on
    /// its track.
    pub(super) fn place(&mut self, frame: &Frame) -> Option<Frame> {
        let begin = self.begin - Timestamp::ZERO;
        let shift = *self.zero.get_or_insert(frame.dts - begin) - Timestamp::ZERO;
        let (dts, pts) = (frame.dts - shift, frame.pts - shift);
        match self.newest.iter_mut().find(|(track, _)| *track == frame.track) {
            Some((_, newest)) if dts < *newest => return None,
            Some((_, newest)) => *newest = dts,
            None if dts < self.begin => return None,
            None => self.newest.push((frame.track, dts)),
        }
        Some(Frame { dts, pts, ..frame.clone() })
    }

    /// The clock of a connection beside another one of the same stream, whose 0 is `zero`.
    pub(super) fn beside(zero: Timestamp) -> Self {
        Self { zero: Some(zero), ..Self::default() }
    }

    /// The moment of the stream that is 0 here, once there is one.
    pub(super) const fn zero(&self) -> Option<Timestamp> {
        self.zero
    }

    /// Another stream follows, `pause` after the last frame: time goes on.
    pub(super) fn goes_on_after(&mut self, pause: TimeDelta) {
        if self.zero.take().is_some() {
            self.begin = Timestamp::ZERO + self.elapsed() + pause;
        }
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
    fn another_stream_on_the_same_connection_goes_on_where_time_is() {
        let mut timeline = Timeline::default();
        timeline.goes_on_after(TimeDelta::from_millis(900));
        assert_eq!(placed(&mut timeline, TrackId::VIDEO, 5000), Some((0, 80)), "nothing was sent before");
        placed(&mut timeline, TrackId::VIDEO, 5040);
        timeline.goes_on_after(TimeDelta::from_millis(1000));
        assert_eq!(placed(&mut timeline, TrackId::VIDEO, 7), Some((1040, 1120)));
        assert_eq!(placed(&mut timeline, TrackId::AUDIO, 8), Some((1041, 1121)));
    }

    #[test]
    fn a_second_connection_has_the_times_of_the_first() {
        let mut first = Timeline::default();
        placed(&mut first, TrackId::VIDEO, 1000);
        let mut second = Timeline::beside(first.zero().unwrap());
        assert_eq!(placed(&mut second, TrackId::VIDEO, 3000), placed(&mut first, TrackId::VIDEO, 3000));
        assert_eq!(placed(&mut Timeline::beside(Timestamp::from_millis(4000)), TrackId::VIDEO, 3000), None);
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

    /// A day of frames with jumps either way, over connections that carry several streams: what is sent never runs back, on
    /// any track, and never leaves the clock of the first connection.
    #[test]
    fn a_day_of_jumps_never_runs_back() {
        let mut dice = 1_u64;
        let mut below = |most: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((dice >> 33) % most) as i64
        };
        let (mut timeline, mut now) = (Timeline::default(), 5_000_i64);
        let mut newest = [-1_i64; 2];
        for _ in 0..2_000_000 {
            now += below(43);
            match below(20_000) {
                0 => now -= below(10_000),
                1 => now += below(100_000),
                2 => {
                    timeline.goes_on_after(TimeDelta::from_millis(below(5_000)));
                    now = below(1_000_000);
                }
                _ => {}
            }
            let which = below(2) as usize;
            let track = [TrackId::VIDEO, TrackId::AUDIO][which];
            if let Some((dts, _)) = placed(&mut timeline, track, now) {
                assert!(dts >= newest[which] && dts >= 0, "{dts} after {}", newest[which]);
                newest[which] = dts;
            }
        }
        assert!(newest[0] > 12 * 3_600_000, "{newest:?}");
    }
}
