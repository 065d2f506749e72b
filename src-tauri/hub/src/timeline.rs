//! One timeline a stream: it goes on when a publisher returns, and never runs backwards, whatever the encoder's clock does.

use std::time::Duration;

use tokio::time::Instant;
use weir_media::{Frame, TimeDelta, Timestamp, TrackId};

/// A publisher that starts within this of zero keeps its own timestamps; any other is moved to [`FRESH_START`].
const NATURAL_START: TimeDelta = TimeDelta::from_millis(10_000);
/// Where a stream begins whose clock does not start near zero. Not zero: frames of another track may lie a little earlier.
const FRESH_START: Timestamp = Timestamp::from_millis(1_000);
/// The least time between the last frame before a gap and the first one after it, so that the tracks' interleaving fits in.
const SEAM: TimeDelta = TimeDelta::from_millis(100);
/// A step back beyond this is a new clock, not a reordered frame.
const BACKWARD_JUMP: TimeDelta = TimeDelta::from_millis(1_000);
/// A step forward beyond this is a new clock, unless as much time has really passed.
const FORWARD_JUMP: TimeDelta = TimeDelta::from_millis(10_000);
/// How far media time and real time may differ in a long step that is still believed.
const FORWARD_TRUST: TimeDelta = TimeDelta::from_millis(5_000);

/// What [`Timeline::place`] did to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// On its own time, moved by the constant of its session at most.
    AsSent,
    /// A small step back was held at the previous frame's time.
    Held,
    /// The clock jumped; the track goes on where the stream stood.
    Rebased,
}

#[derive(Debug, Clone, Copy)]
struct TrackClock {
    id: TrackId,
    offset: TimeDelta,
    /// `None` until the track's first frame of this session.
    last_in: Option<Timestamp>,
    last_out: Timestamp,
    last_arrival: Instant,
}

/// Maps each publisher's timestamps onto the stream's own.
#[derive(Debug)]
pub(crate) struct Timeline {
    clocks: Vec<TrackClock>,
    session_offset: Option<TimeDelta>,
    newest: Option<(Timestamp, Instant)>,
}

impl Timeline {
    pub(crate) const fn new() -> Self {
        Self { clocks: Vec::new(), session_offset: None, newest: None }
    }

    /// A publisher starts: its clock has nothing to do with the one before.
    pub(crate) fn begin_session(&mut self) {
        self.session_offset = None;
        for clock in &mut self.clocks {
            clock.last_in = None;
        }
    }

    /// The time without frames, if the next frame is the first of a returned publisher.
    pub(crate) fn gap(&self, now: Instant) -> Option<Duration> {
        let (_, arrival) = self.newest?;
        if self.session_offset.is_some() {
            return None;
        }
        Some(now.saturating_duration_since(arrival).max(SEAM.to_duration()))
    }

    /// Moves `frame` onto the timeline.
    pub(crate) fn place(&mut self, frame: &mut Frame, now: Instant) -> Placed {
        let sent = frame.dts;
        let session = *self.session_offset.get_or_insert_with(|| match self.newest {
            None if sent >= Timestamp::ZERO && sent - Timestamp::ZERO <= NATURAL_START => TimeDelta::ZERO,
            None => FRESH_START - sent,
            Some((newest, arrival)) => {
                let elapsed = TimeDelta::from(now.saturating_duration_since(arrival)).max(SEAM);
                newest + elapsed - sent
            }
        });
        let known = self.clocks.iter().position(|clock| clock.id == frame.track);
        let (offset, placed) = match known.and_then(|at| self.clocks.get(at)) {
            Some(clock) if clock.last_in.is_some() => self.follow(clock, sent, now),
            _ => self.join(session, sent, now),
        };
        let mut out = sent + offset;
        let mut placed = placed;
        let floor = known.and_then(|at| self.clocks.get(at)).map_or(Timestamp::ZERO, |clock| clock.last_out);
        if out < floor {
            out = floor;
            if placed == Placed::AsSent {
                placed = Placed::Held;
            }
        }
        let clock = TrackClock { id: frame.track, offset, last_in: Some(sent), last_out: out, last_arrival: now };
        match known.and_then(|at| self.clocks.get_mut(at)) {
            Some(slot) => *slot = clock,
            None => self.clocks.push(clock),
        }
        let newest = self.newest.map_or(out, |(time, _)| time.max(out));
        self.newest = Some((newest, now));
        frame.pts = out + (frame.pts - sent);
        frame.dts = out;
        placed
    }

    /// The offset of a track's next frame: its own while its clock runs steadily.
    fn follow(&self, clock: &TrackClock, sent: Timestamp, now: Instant) -> (TimeDelta, Placed) {
        let step = sent - clock.last_in.unwrap_or(sent);
        let elapsed = TimeDelta::from(now.saturating_duration_since(clock.last_arrival));
        let back = step < -BACKWARD_JUMP;
        let forward = step > FORWARD_JUMP && (step - elapsed).abs() > FORWARD_TRUST;
        if back || forward {
            (self.rebase(Some(clock.id), sent, now), Placed::Rebased)
        } else {
            (clock.offset, Placed::AsSent)
        }
    }

    /// The offset of a track's first frame in a session: the session's, unless the track's clock has another zero.
    fn join(&self, session: TimeDelta, sent: Timestamp, now: Instant) -> (TimeDelta, Placed) {
        let Some((newest, _)) = self.newest else { return (session, Placed::AsSent) };
        let distance = (sent + session - newest).abs();
        let first_of_session = self.clocks.iter().all(|clock| clock.last_in.is_none());
        if first_of_session || distance <= FORWARD_JUMP {
            (session, Placed::AsSent)
        } else {
            (self.rebase(None, sent, now), Placed::Rebased)
        }
    }

    /// A new offset after a jump: the one another track has already taken if it fits, so that sound and picture stay
    /// together; else the stream goes on where it stands.
    fn rebase(&self, own: Option<TrackId>, sent: Timestamp, now: Instant) -> TimeDelta {
        let Some((newest, arrival)) = self.newest else { return FRESH_START - sent };
        let fits = |offset: TimeDelta| (sent + offset - newest).abs() <= BACKWARD_JUMP;
        let others = self.clocks.iter().filter(|clock| Some(clock.id) != own && clock.last_in.is_some());
        let shared = others.map(|clock| clock.offset).find(|offset| fits(*offset));
        shared.unwrap_or_else(|| {
            let elapsed = TimeDelta::from(now.saturating_duration_since(arrival)).max(TimeDelta::from_millis(1));
            newest + elapsed - sent
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::FrameKind;

    use super::*;

    fn frame(track: TrackId, dts: i64, pts: i64) -> Frame {
        Frame {
            track,
            dts: Timestamp::from_millis(dts),
            pts: Timestamp::from_millis(pts),
            kind: FrameKind::Key,
            data: Bytes::new(),
        }
    }

    struct Run {
        timeline: Timeline,
        start: Instant,
    }

    impl Run {
        fn new() -> Self {
            Self { timeline: Timeline::new(), start: Instant::now() }
        }

        /// Places a frame that arrives `at` ms after the start; returns (dts, pts, what was done).
        fn at(&mut self, at: u64, track: TrackId, dts: i64, pts: i64) -> (i64, i64, Placed) {
            let mut frame = frame(track, dts, pts);
            let placed = self.timeline.place(&mut frame, self.start + Duration::from_millis(at));
            (frame.dts.as_millis(), frame.pts.as_millis(), placed)
        }
    }

    #[test]
    fn a_steady_publisher_keeps_its_own_times_across_every_wrap_point() {
        let mut run = Run::new();
        assert_eq!(run.at(0, TrackId::AUDIO, 21, 21), (21, 21, Placed::AsSent));
        assert_eq!(run.at(0, TrackId::VIDEO, 0, 66), (0, 66, Placed::AsSent));
        for base in [0xFF_FFFF_i64, 1 << 31, 1 << 32] {
            let elapsed = base as u64;
            assert_eq!(run.at(elapsed - 33, TrackId::VIDEO, base - 33, base), (base - 33, base, Placed::AsSent));
            assert_eq!(run.at(elapsed, TrackId::VIDEO, base, base), (base, base, Placed::AsSent));
            assert_eq!(run.at(elapsed + 5, TrackId::AUDIO, base + 5, base + 5), (base + 5, base + 5, Placed::AsSent));
        }
    }

    #[test]
    fn an_uptime_clock_is_moved_near_zero_with_the_offset_between_tracks_kept() {
        let mut run = Run::new();
        assert_eq!(run.at(0, TrackId::VIDEO, 4_000_000, 4_000_040), (1000, 1040, Placed::AsSent));
        assert_eq!(run.at(1, TrackId::AUDIO, 3_999_980, 3_999_980), (980, 980, Placed::AsSent));
    }

    #[test]
    fn a_returning_publisher_goes_on_after_the_time_that_really_passed() {
        let mut run = Run::new();
        run.at(0, TrackId::VIDEO, 0, 0);
        run.at(5000, TrackId::VIDEO, 5000, 5000);
        run.timeline.begin_session();
        assert_eq!(run.timeline.gap(run.start + Duration::from_millis(8000)), Some(Duration::from_secs(3)));
        assert_eq!(run.at(8000, TrackId::AUDIO, 21, 21), (8000, 8000, Placed::AsSent));
        assert_eq!(run.at(8000, TrackId::VIDEO, 0, 33), (7979, 8012, Placed::AsSent));
        assert_eq!(run.timeline.gap(run.start + Duration::from_millis(8100)), None);
    }

    #[test]
    fn small_steps_back_are_held_and_large_ones_become_a_new_clock() {
        let mut run = Run::new();
        run.at(0, TrackId::VIDEO, 0, 0);
        run.at(1000, TrackId::VIDEO, 1000, 1000);
        assert_eq!(run.at(1033, TrackId::VIDEO, 980, 1040), (1000, 1060, Placed::Held));
        assert_eq!(run.at(1066, TrackId::VIDEO, 1066, 1066), (1066, 1066, Placed::AsSent));
        run.at(3_600_000, TrackId::VIDEO, 3_600_000, 3_600_000);
        assert_eq!(run.at(3_600_033, TrackId::VIDEO, 0, 0), (3_600_033, 3_600_033, Placed::Rebased));
        assert_eq!(run.at(3_600_066, TrackId::VIDEO, 33, 33), (3_600_066, 3_600_066, Placed::AsSent));
    }

    #[test]
    fn both_tracks_take_the_same_new_clock_when_both_jump() {
        let mut run = Run::new();
        run.at(0, TrackId::VIDEO, 0, 0);
        run.at(0, TrackId::AUDIO, 5, 5);
        run.at(40, TrackId::VIDEO, 7_200_000, 7_200_000);
        let (audio, _, placed) = run.at(45, TrackId::AUDIO, 7_200_005, 7_200_005);
        assert_eq!((audio, placed), (50, Placed::Rebased));
    }

    #[test]
    fn a_pause_that_really_happened_is_believed() {
        let mut run = Run::new();
        run.at(0, TrackId::VIDEO, 0, 0);
        assert_eq!(run.at(60_000, TrackId::VIDEO, 60_000, 60_000), (60_000, 60_000, Placed::AsSent));
    }

    #[test]
    fn tracks_with_clocks_of_different_zero_are_brought_together() {
        let mut run = Run::new();
        run.at(0, TrackId::VIDEO, 0, 0);
        let (audio, _, placed) = run.at(10, TrackId::AUDIO, 90_000_000, 90_000_000);
        assert_eq!((audio, placed), (10, Placed::Rebased));
        assert_eq!(run.at(33, TrackId::AUDIO, 90_000_023, 90_000_023).0, 33);
        assert_eq!(run.at(33, TrackId::VIDEO, 33, 33).0, 33);
    }

    #[test]
    fn time_never_runs_back_whatever_arrives() {
        let mut run = Run::new();
        let mut last = [i64::MIN; 2];
        let mut state = 7_u64;
        for step in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if state >> 60 == 0 {
                run.timeline.begin_session();
            }
            let dts = (state >> 20) as i64 % 100_000_000 - 50_000_000;
            let which = (state >> 10) as usize % 2;
            let track = if which == 0 { TrackId::VIDEO } else { TrackId::AUDIO };
            let (out, ..) = run.at(step * 20, track, dts, dts);
            assert!(out >= last[which].max(0), "{out} after {}", last[which]);
            last[which] = out;
        }
    }
}
