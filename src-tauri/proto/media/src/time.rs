//! Media time: one type, nanoseconds, so that no unit is ever guessed.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::time::Duration;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// A point on a stream's timeline, in nanoseconds from the stream's own zero. Never wraps: 64 bits last 292 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The signed distance between two [`Timestamp`]s, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeDelta(i64);

/// Divides and rounds half away from zero, as media clocks expect.
const fn div_round(value: i128, by: i128) -> i64 {
    let half = if value < 0 { -by / 2 } else { by / 2 };
    let quotient = (value + half) / by;
    if quotient > i64::MAX as i128 {
        i64::MAX
    } else if quotient < i64::MIN as i128 {
        i64::MIN
    } else {
        quotient as i64
    }
}

macro_rules! units {
    ($name:ident) => {
        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// From nanoseconds.
            pub const fn from_nanos(nanos: i64) -> Self {
                Self(nanos)
            }

            /// From milliseconds (RTMP, FLV). Saturates.
            pub const fn from_millis(millis: i64) -> Self {
                Self(millis.saturating_mul(NANOS_PER_MILLI))
            }

            /// From ticks of the 90 kHz clock (MPEG-TS), rounded to the nearest nanosecond.
            pub const fn from_90khz(ticks: i64) -> Self {
                Self::rescale(ticks, 90_000)
            }

            /// From `ticks` of a clock of `hz`, rounded to the nearest nanosecond. `hz` must not be zero; zero is read as 1.
            pub const fn rescale(ticks: i64, hz: u32) -> Self {
                let hz = if hz == 0 { 1 } else { hz as i128 };
                Self(div_round(ticks as i128 * 1_000_000_000, hz))
            }

            /// In nanoseconds.
            pub const fn as_nanos(self) -> i64 {
                self.0
            }

            /// In milliseconds, rounded to the nearest.
            pub const fn as_millis(self) -> i64 {
                div_round(self.0 as i128, NANOS_PER_MILLI as i128)
            }

            /// In ticks of a clock of `hz`, rounded to the nearest.
            pub const fn as_ticks(self, hz: u32) -> i64 {
                div_round(self.0 as i128 * hz as i128, 1_000_000_000)
            }

            /// In seconds, for people and for `onMetaData`.
            pub fn as_secs_f64(self) -> f64 {
                self.0 as f64 / 1e9
            }
        }
    };
}

units!(Timestamp);
units!(TimeDelta);

impl TimeDelta {
    /// The delta as a duration; negative becomes zero.
    pub const fn to_duration(self) -> Duration {
        Duration::from_nanos(if self.0 < 0 { 0 } else { self.0 as u64 })
    }

    /// The distance without its sign.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl From<Duration> for TimeDelta {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Timestamp {
    /// The last whole millisecond at or before this time.
    pub const fn floor_to_millis(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(NANOS_PER_MILLI)))
    }
}

impl Add<TimeDelta> for Timestamp {
    type Output = Self;
    fn add(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_add(delta.0))
    }
}

impl AddAssign<TimeDelta> for Timestamp {
    fn add_assign(&mut self, delta: TimeDelta) {
        *self = *self + delta;
    }
}

impl Sub<TimeDelta> for Timestamp {
    type Output = Self;
    fn sub(self, delta: TimeDelta) -> Self {
        Self(self.0.saturating_sub(delta.0))
    }
}

impl Sub for Timestamp {
    type Output = TimeDelta;
    fn sub(self, earlier: Self) -> TimeDelta {
        TimeDelta(self.0.saturating_sub(earlier.0))
    }
}

impl Add for TimeDelta {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for TimeDelta {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for TimeDelta {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.as_secs_f64())
    }
}

impl fmt::Debug for TimeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.6}s", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_round_trip() {
        for millis in [0, 1, 33, 0xFF_FFFF, 1 << 31, (1 << 32) + 7, -5] {
            assert_eq!(Timestamp::from_millis(millis).as_millis(), millis);
        }
    }

    #[test]
    fn ninety_kilohertz_survives_the_round_trip() {
        for ticks in [0, 1, 3003, (1 << 33) - 1, -90_001] {
            assert_eq!(Timestamp::from_90khz(ticks).as_ticks(90_000), ticks);
        }
    }

    #[test]
    fn extremes_saturate_instead_of_wrapping() {
        let end = Timestamp::from_nanos(i64::MAX);
        assert_eq!(end + TimeDelta::from_millis(1), end);
        assert_eq!(Timestamp::from_millis(i64::MAX), end);
        assert_eq!(TimeDelta::from_millis(-3).to_duration(), Duration::ZERO);
    }
}
