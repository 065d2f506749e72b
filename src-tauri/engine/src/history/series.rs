//! Numbers over time in bounded memory: ten minutes a second apart, and a whole session whose step grows with it.

use std::collections::VecDeque;
use std::time::Duration;

use weir_hub::{Role, StreamSnapshot};
use weir_media::TrackKind;

/// Ten minutes, a point a second.
const RECENT: usize = 600;
/// Points of a session; when they are full every two become one and the step doubles: an hour at 5 s, a day at 160 s.
const SESSION: usize = 720;
/// Looks that make the first session points.
const FIRST_STEP: u32 = 5;

/// Numbers of one moment, of which several moments can be made one.
pub(super) trait Numbers: Copy + Default {
    /// Takes another moment in.
    fn add(&mut self, other: Self);
    /// What `by` moments that were taken in are like together.
    fn divided(self, by: f64) -> Self;
}

/// The numbers of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// Bits a second.
    pub bitrate: f64,
    /// Video frames a second.
    pub fps: f64,
    /// Seconds between the last two key frames; 0 until there were two.
    pub key_frame_interval: f64,
    /// How far the slowest player or destination is behind, seconds.
    pub behind: f64,
    /// Players and destinations.
    pub readers: f64,
}

impl Sample {
    pub(super) fn of(stream: &StreamSnapshot) -> Self {
        let outside = || stream.readers.iter().filter(|reader| matches!(reader.role, Role::Player | Role::Destination));
        let video = stream.tracks.iter().find(|track| track.track.id.kind == TrackKind::Video);
        let silent = stream.since_frame.is_none_or(|silence| silence > Duration::from_secs(1));
        Self {
            bitrate: stream.bitrate as f64,
            fps: video.filter(|_| !silent).map_or(0.0, |video| video.frame_rate),
            key_frame_interval: stream.key_frame_interval.map_or(0.0, |interval| interval.as_secs_f64()),
            behind: outside().map(|reader| reader.lag.as_secs_f64()).fold(0.0, f64::max),
            readers: outside().count() as f64,
        }
    }
}

impl Numbers for Sample {
    fn add(&mut self, other: Self) {
        self.bitrate += other.bitrate;
        self.fps += other.fps;
        self.key_frame_interval += other.key_frame_interval;
        self.behind = self.behind.max(other.behind);
        self.readers = self.readers.max(other.readers);
    }

    /// Means of what is a rate; what is a worst case stays.
    fn divided(mut self, by: f64) -> Self {
        self.bitrate /= by;
        self.fps /= by;
        self.key_frame_interval /= by;
        self
    }
}

/// Samples with their times, milliseconds since 1970, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Points<S = Sample> {
    /// Milliseconds from one point to the next while all goes well.
    pub step: u64,
    /// When.
    pub times: Vec<u64>,
    /// What.
    pub samples: Vec<S>,
}

#[derive(Debug)]
pub(super) struct Series<S = Sample> {
    recent: VecDeque<(u64, S)>,
    session: Vec<(u64, S)>,
    /// When the session's first moment was.
    began: Option<u64>,
    /// Looks that make one session point.
    step: u32,
    sum: S,
    summed: u32,
}

impl<S: Default> Default for Series<S> {
    fn default() -> Self {
        Self {
            recent: VecDeque::new(),
            session: Vec::new(),
            began: None,
            step: FIRST_STEP,
            sum: S::default(),
            summed: 0,
        }
    }
}

impl<S: Numbers> Series<S> {
    /// Another session, such as another stream of the same path: its numbers are its own, the last ten minutes go on.
    pub(super) fn begin_session(&mut self) {
        *self = Self { recent: std::mem::take(&mut self.recent), ..Self::default() };
    }

    pub(super) fn push(&mut self, at: u64, sample: S) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((at, sample));
        self.began.get_or_insert(at);
        self.sum.add(sample);
        self.summed += 1;
        if self.summed < self.step {
            return;
        }
        let mean = std::mem::take(&mut self.sum).divided(f64::from(std::mem::take(&mut self.summed)));
        self.session.push((at, mean));
        if self.session.len() == SESSION {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let halved = self.session.chunks_exact(2).filter_map(|pair| {
            let &[(_, mut first), (at, second)] = pair else { return None };
            first.add(second);
            Some((at, first.divided(2.0)))
        });
        self.session = halved.collect();
        self.step = self.step.saturating_mul(2);
    }

    /// When the session began: what is known of another one is of no use for it.
    pub(super) const fn began(&self) -> Option<u64> {
        self.began
    }

    pub(super) fn recent(&self, since: u64) -> Points<S> {
        points(1000, self.recent.iter().copied().filter(|(at, _)| *at >= since))
    }

    pub(super) fn session(&self, since: u64) -> Points<S> {
        points(u64::from(self.step) * 1000, self.session.iter().copied().filter(|(at, _)| *at >= since))
    }
}

impl Series {
    /// Median of up to `count` bitrates that lie at least `before` looks back; `None` until half of them are there.
    pub(super) fn usual_bitrate(&self, count: usize, before: usize) -> Option<u64> {
        let mut rates: Vec<f64> =
            self.recent.iter().rev().skip(before).take(count).map(|(_, sample)| sample.bitrate).collect();
        if rates.len() < count / 2 {
            return None;
        }
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).map(|rate| *rate as u64)
    }
}

fn points<S>(step: u64, pairs: impl Iterator<Item = (u64, S)>) -> Points<S> {
    let (times, samples) = pairs.unzip();
    Points { step, times, samples }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(bitrate: f64) -> Sample {
        Sample { bitrate, fps: 30.0, behind: bitrate / 10.0, ..Sample::default() }
    }

    #[test]
    fn a_week_takes_no_more_memory_than_an_hour() {
        let mut series = Series::default();
        for second in 0..7 * 86_400_u64 {
            series.push(second * 1000, sample((second % 10) as f64));
        }
        let session = series.session(0);
        assert!(series.recent.len() == RECENT && session.times.len() < SESSION && session.times.len() >= SESSION / 2);
        let span = session.times.last().unwrap() - session.times.first().unwrap();
        assert!(span > 6 * 86_400_000, "{span}");
        assert!(session.samples.iter().all(|sample| (sample.bitrate - 4.5).abs() < 0.01 && sample.fps == 30.0));
        assert!(session.samples.iter().all(|sample| sample.behind == 0.9), "the worst of each step stays");
    }

    #[test]
    fn the_usual_bitrate_is_blind_to_what_happens_now() {
        let mut series = Series::default();
        for second in 0..100 {
            series.push(second, sample(5_000_000.0));
        }
        for second in 100..106 {
            series.push(second, sample(100_000.0));
        }
        assert_eq!(series.usual_bitrate(90, 8), Some(5_000_000));
        assert_eq!(Series::default().usual_bitrate(90, 8), None);
    }
}
