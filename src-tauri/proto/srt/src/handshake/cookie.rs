//! Cookies that prove that a caller receives what is sent to its address, without keeping anything for it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;

use crate::entropy::keyed;

/// How long a cookie is new; it is good for one more period.
const PERIOD: Duration = Duration::from_secs(60);

/// Makes and checks cookies. A keyed hash: unlike the reference implementation's, they cannot be computed by others.
pub(crate) struct Baker {
    secret: [u8; 32],
    since: Instant,
}

impl Baker {
    pub(crate) const fn new(secret: [u8; 32], now: Instant) -> Self {
        Self { secret, since: now }
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() / PERIOD.as_secs()
    }

    fn of_period(&self, peer: SocketAddr, period: u64) -> u32 {
        let ip = match peer.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let [a, b, c, d, ..] = keyed(&self.secret, &[&ip.octets(), &peer.port().to_be_bytes(), &period.to_be_bytes()]);
        // Zero stands for no cookie.
        u32::from_be_bytes([a, b, c, d]).max(1)
    }

    pub(crate) fn bake(&self, peer: SocketAddr, now: Instant) -> u32 {
        self.of_period(peer, self.period(now))
    }

    pub(crate) fn is_ours(&self, peer: SocketAddr, now: Instant, cookie: u32) -> bool {
        let period = self.period(now);
        let matches = |period: u64| bool::from(self.of_period(peer, period).to_be_bytes().ct_eq(&cookie.to_be_bytes()));
        matches(period) || period.checked_sub(1).is_some_and(matches)
    }
}

impl std::fmt::Debug for Baker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Baker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_address_and_for_two_periods() {
        #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
        let start = Instant::now();
        let baker = Baker::new([1; 32], start);
        let peer = "192.0.2.1:1000".parse().unwrap();
        let cookie = baker.bake(peer, start + Duration::from_secs(59));
        assert!(baker.is_ours(peer, start + Duration::from_secs(119), cookie));
        assert!(!baker.is_ours(peer, start + Duration::from_secs(121), cookie));
        assert!(!baker.is_ours("192.0.2.1:1001".parse().unwrap(), start, cookie));
        assert!(!Baker::new([2; 32], start).is_ours(peer, start, cookie));
    }
}
