//! The 33-bit clock of presentation and decoding times, unwrapped (ISO/IEC 13818-1, 2.4.3.7).

use weir_media::Timestamp;

/// The clock starts anew after 26.5 hours.
const WRAP: i64 = 1 << 33;

/// Unwraps times to the value nearest to the last one. One clock serves all streams of a program, so that sound and
/// picture cannot land one wrap apart.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<i64>,
}

impl Clock {
    /// The time of 90 kHz ticks as they stand in a header.
    pub(crate) fn unwrap(&mut self, ticks: u64) -> Timestamp {
        let ticks = (ticks & (WRAP as u64 - 1)) as i64;
        let unwrapped = match self.last {
            None => ticks,
            Some(last) => {
                let step = (ticks - last).rem_euclid(WRAP);
                last + if step >= WRAP / 2 { step - WRAP } else { step }
            }
        };
        self.last = Some(unwrapped);
        Timestamp::from_90khz(unwrapped)
    }

    /// Forgets the past: the sender says that its clock begins anew.
    pub(crate) fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_30_times_go_on_across_the_wrap_in_both_directions() {
        let mut clock = Clock::default();
        let end = WRAP as u64;
        assert_eq!(clock.unwrap(end - 3003), Timestamp::from_90khz(WRAP - 3003));
        assert_eq!(clock.unwrap(0), Timestamp::from_90khz(WRAP));
        assert_eq!(clock.unwrap(end - 1), Timestamp::from_90khz(WRAP - 1));
        assert_eq!(clock.unwrap(90_000), Timestamp::from_90khz(WRAP + 90_000));
    }
}
