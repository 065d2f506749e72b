//! What follows a failure: when the next attempt comes, to which address, or that none does.
//!
//! Time and randomness are arguments. Four cases ([`Class`]): what no attempt helps stops at once; a stale session at the other
//! end is given at least ten seconds, three times; a server that is reached and does not want the stream is asked at doubling
//! intervals, because platforms lock out who comes too often; and a way that is broken is tried every 1.5 s for the first
//! minute, so that a short fault costs two seconds at most, and at doubling intervals after it.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Class, Failure};
use super::order::Address;

/// The longest delay.
pub(super) const CAP: Duration = Duration::from_secs(60);
/// The first delay after a server did not want the stream.
const FIRST: Duration = Duration::from_secs(2);
/// The delay while a broken way is tried often: the first attempt, and the others.
const QUICK: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(1500)];
/// How long a broken way is tried often.
const QUICK_FOR: Duration = Duration::from_secs(60);
/// The least time that a stale session is given, and how many times.
const STALE: Duration = Duration::from_secs(10);
const STALE_TRIES: u32 = 3;
/// A connection that was live this long has shown that the peer is well: counting starts anew.
pub(super) const STABLE: Duration = Duration::from_secs(60);
/// How much earlier than the full delay an attempt may come, as a share of it, so that legs that failed together do not
/// return together.
const JITTER: f64 = 0.25;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Another attempt, after so long, to this address.
    Try(Duration, Address),
    /// None.
    Stop,
}

/// What went wrong so far.
#[derive(Debug, Default)]
pub(super) struct Retry {
    refused: u32,
    stale: u32,
    broken: u32,
    broken_since: Option<Instant>,
    /// Addresses that no attempt helps.
    hopeless: Vec<Address>,
}

impl Retry {
    /// After a failure at `now` of a connection to `address` that was live for `live_for`; `other` is the address that can take
    /// over, if there is one. `jitter` is uniform in 0..1.
    pub(super) fn after(
        &mut self,
        now: Instant,
        failure: &Failure,
        live_for: Duration,
        (address, other): (Address, Option<Address>),
        jitter: f64,
    ) -> Next {
        if live_for >= STABLE {
            *self = Self::default();
        }
        let first = self.failures() == 0;
        let class = failure.code.class();
        if class != Class::Network {
            (self.broken, self.broken_since) = (0, None);
        }
        let delay = match class {
            Class::Stop => {
                self.hopeless.push(address);
                Duration::ZERO
            }
            Class::Stale => {
                self.stale += 1;
                if self.stale > STALE_TRIES {
                    self.hopeless.push(address)
                }
                doubled(STALE, self.stale - 1)
            }
            Class::Network => {
                let since = *self.broken_since.get_or_insert(now);
                self.broken = self.broken.saturating_add(1);
                match self.broken {
                    1 => QUICK[0],
                    _ if now.saturating_duration_since(since) < QUICK_FOR => QUICK[1],
                    _ => {
                        self.refused = self.refused.saturating_add(1);
                        doubled(FIRST, self.refused)
                    }
                }
            }
            Class::Server => {
                self.refused = self.refused.saturating_add(1);
                doubled(FIRST, self.refused - 1)
            }
        };
        let other = other.filter(|other| !self.hopeless.contains(other));
        let next = match other {
            Some(other) => other,
            None if self.hopeless.contains(&address) => return Next::Stop,
            None => address,
        };
        // The other address has done nothing wrong yet.
        if first && next != address {
            return Next::Try(Duration::ZERO, next);
        }
        let least = if class == Class::Stale && next == address { STALE } else { Duration::ZERO };
        let least = if class == Class::Stop { FIRST } else { least };
        let jittered = delay.min(CAP).mul_f64(1.0 - JITTER * jitter.clamp(0.0, 1.0));
        Next::Try(jittered.max(least), next)
    }

    fn failures(&self) -> usize {
        (self.refused + self.stale + self.broken) as usize + self.hopeless.len()
    }
}

/// `first`, doubled `times`, capped.
fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(CAP)
}

#[cfg(test)]
mod tests {
    use super::super::failure::FailureCode;
    use super::*;

    const ALONE: (Address, Option<Address>) = (Address::Primary, None);
    const PAIR: (Address, Option<Address>) = (Address::Primary, Some(Address::Backup));
    const PAIRED: (Address, Option<Address>) = (Address::Backup, Some(Address::Primary));

    fn failure(code: FailureCode) -> Failure {
        Failure::new(code, "m", "h")
    }

    /// Fails over and over, each time as soon as it tries; the seconds between.
    fn delays(code: FailureCode, count: usize, jitter: f64) -> Vec<f64> {
        delays_of(Duration::ZERO, code, count, jitter)
    }

    /// The same where each connection is live for so long first.
    fn delays_of(live: Duration, code: FailureCode, count: usize, jitter: f64) -> Vec<f64> {
        let (mut retry, mut now, mut delays) = (Retry::default(), Instant::now(), Vec::new());
        for _ in 0..count {
            now += live;
            let Next::Try(delay, _) = retry.after(now, &failure(code), live, ALONE, jitter) else { break };
            now += delay;
            delays.push(delay.as_secs_f64());
        }
        delays
    }

    #[test]
    fn a_server_that_does_not_want_the_stream_is_asked_at_doubling_intervals() {
        assert_eq!(delays(FailureCode::Refused, 8, 0.0), [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!(delays(FailureCode::ClosedByPeer, 3, 1.0), [1.5, 3.0, 6.0]);
    }

    #[test]
    fn a_broken_way_is_tried_often_for_a_minute() {
        let delays = delays(FailureCode::TimedOut, 60, 0.0);
        let quick = delays.iter().take_while(|delay| **delay <= 2.0).count();
        assert_eq!(delays[..quick].iter().sum::<f64>().round() as u64, 61);
        assert_eq!(delays[quick..quick + 5], [4.0, 8.0, 16.0, 32.0, 60.0]);
        assert!(delays[quick + 5..].iter().all(|delay| *delay == 60.0));
    }

    /// One byte that the other end's system took is no sign that the way is whole.
    #[test]
    fn a_way_that_breaks_after_each_moment_is_asked_at_growing_intervals_too() {
        let delays = delays_of(Duration::from_secs(1), FailureCode::NetworkError, 100, 0.0);
        let quick = delays.iter().take_while(|delay| **delay <= 1.5).count();
        assert!((20..=30).contains(&quick), "{quick} within the first minute");
        assert_eq!(delays[quick..quick + 5], [4.0, 8.0, 16.0, 32.0, 60.0]);
        assert!(delays[quick + 5..].iter().all(|delay| *delay == 60.0), "{delays:?}");
        let stable = delays_of(STABLE, FailureCode::NetworkError, 100, 0.0);
        assert!(stable.iter().all(|delay| *delay == 1.0), "{stable:?}");
    }

    #[test]
    fn a_stale_session_is_given_ten_seconds_three_times() {
        assert_eq!(delays(FailureCode::AlreadyPublishing, 9, 0.0), [10.0, 20.0, 40.0]);
        assert_eq!(delays(FailureCode::AlreadyPublishing, 9, 1.0), [10.0, 15.0, 30.0]);
    }

    #[test]
    fn what_no_attempt_helps_stops_at_once() {
        for code in [FailureCode::KeyRefused, FailureCode::CodecRefused, FailureCode::CertificateExpired] {
            assert_eq!(Retry::default().after(Instant::now(), &failure(code), Duration::ZERO, ALONE, 0.0), Next::Stop);
        }
    }

    #[test]
    fn a_stable_minute_starts_over() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        let mut after = |live| retry.after(now, &failure(FailureCode::ClosedByPeer), live, ALONE, 0.0);
        for _ in 0..5 {
            after(Duration::from_secs(1));
        }
        assert_eq!(after(Duration::from_secs(59)), Next::Try(CAP, Address::Primary));
        assert_eq!(after(STABLE), Next::Try(FIRST, Address::Primary));
    }

    #[test]
    fn the_second_address_takes_over_at_once_and_they_take_turns() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        let mut after = |code, which| retry.after(now, &failure(code), Duration::ZERO, which, 0.0);
        assert_eq!(after(FailureCode::ClosedByPeer, PAIR), Next::Try(Duration::ZERO, Address::Backup));
        assert_eq!(after(FailureCode::ClosedByPeer, PAIRED), Next::Try(Duration::from_secs(4), Address::Primary));
        assert_eq!(after(FailureCode::KeyRefused, PAIR), Next::Try(FIRST, Address::Backup));
        assert_eq!(after(FailureCode::ClosedByPeer, PAIRED), Next::Try(Duration::from_secs(8), Address::Backup));
        assert_eq!(after(FailureCode::KeyRefused, PAIRED), Next::Stop);
    }

    #[test]
    fn jitter_only_shortens_and_never_by_more_than_a_quarter() {
        for code in [FailureCode::Refused, FailureCode::Stalled] {
            for (full, short) in delays(code, 30, 0.0).iter().zip(delays(code, 30, 7.0)) {
                assert!(short <= *full && short >= full * 0.74, "{code:?}: {full} {short}");
            }
        }
    }
}
