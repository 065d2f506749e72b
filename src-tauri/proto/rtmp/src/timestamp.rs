//! Time on the wire is 32 bits of milliseconds and wraps every 49.7 days; inside, it never does.

/// Turns the wire's timestamps into ones that do not wrap, taking each as the one nearest to its predecessor (RTMP 1.0,
/// section 3). One a connection, not one a track: tracks then stay together across the wrap.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwrapper {
    last: Option<i64>,
}

impl Unwrapper {
    /// An unwrapper that takes its first timestamp as it is.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The timestamp in milliseconds. It may be less than an earlier one, and negative, when the peer's time runs back.
    pub const fn unwrap(&mut self, timestamp: u32) -> i64 {
        let unwrapped = match self.last {
            None => timestamp as i64,
            Some(last) => last.saturating_add(timestamp.wrapping_sub(last as u32) as i32 as i64),
        };
        self.last = Some(unwrapped);
        unwrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_across_every_boundary() {
        for start in [0u32, 0xFF_FFF0, 0x7FFF_FFF0, 0xFFFF_FFF0] {
            let mut unwrapper = Unwrapper::new();
            for step in 0..100u32 {
                let expected = i64::from(start) + i64::from(step);
                assert_eq!(unwrapper.unwrap(start.wrapping_add(step)), expected, "{start:#x}");
            }
        }
    }

    #[test]
    fn interleaved_tracks_on_both_sides_of_the_wrap_stay_together() {
        let mut unwrapper = Unwrapper::new();
        let times = [u32::MAX - 5, 3, u32::MAX - 1, 10].map(|timestamp| unwrapper.unwrap(timestamp));
        assert_eq!(times, [(1 << 32) - 6, (1 << 32) + 3, (1 << 32) - 2, (1 << 32) + 10]);
    }

    #[test]
    fn a_second_wrap_counts_too() {
        let mut unwrapper = Unwrapper::new();
        let mut last = unwrapper.unwrap(0);
        for step in 1..=20u32 {
            let now = unwrapper.unwrap(step.wrapping_mul(1 << 30));
            assert_eq!(now - last, 1 << 30);
            last = now;
        }
    }
}
