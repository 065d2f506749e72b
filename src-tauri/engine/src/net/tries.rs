//! How much of one address is borne: who guesses is not listened to for a while, and who complains on and on is not written down
//! each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Most addresses that are remembered; protects memory from tries from many addresses. The one that has been quiet for
/// longest is forgotten first.
const MAX_ADDRESSES: usize = 4096;
/// How often somebody who goes on guessing is worth a line.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Wrong tries of late, by whose they are: a [`network`] as a rule.
#[derive(Debug)]
pub(crate) struct Tries<W = IpAddr>(HashMap<W, Tried>);

#[derive(Debug)]
struct Tried {
    /// Tries that are not forgiven yet, as of `at`.
    held: f64,
    at: Instant,
    /// Attempts that were not looked at since the address was shut out.
    turned_away: u64,
    said: Option<Instant>,
}

/// How many wrong tries are borne.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) tries: u32,
    /// After which one is forgiven.
    pub(crate) forgive: Duration,
}

/// An address that is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShutOut {
    /// Attempts turned away so far.
    pub(crate) turned_away: u64,
    /// Whether this is worth a line: not at each of a thousand attempts.
    pub(crate) tell: bool,
}

impl<W> Default for Tries<W> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<W: Eq + Hash + Clone> Tries<W> {
    /// Whether `who` has guessed wrong too often.
    pub(crate) fn check(&mut self, who: &W, patience: Patience, now: Instant) -> Option<ShutOut> {
        let tried = self.0.get_mut(who)?;
        tried.forgive(patience, now);
        // One try must be forgiven as a whole before another one is looked at.
        if tried.held <= f64::from(patience.tries) - 1.0 {
            tried.turned_away = 0;
            return None;
        }
        tried.turned_away += 1;
        let tell = tried.said.is_none_or(|said| now.saturating_duration_since(said) >= SAID_EVERY);
        if tell {
            tried.said = Some(now);
        }
        Some(ShutOut { turned_away: tried.turned_away, tell })
    }

    /// Takes note of a wrong try.
    pub(crate) fn wrong(&mut self, who: &W, patience: Patience, now: Instant) {
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(who) {
            self.make_room(patience, now);
        }
        let tried = self.0.entry(who.clone()).or_insert(Tried { held: 0.0, at: now, turned_away: 0, said: None });
        tried.forgive(patience, now);
        tried.held += 1.0;
    }

    fn make_room(&mut self, patience: Patience, now: Instant) {
        self.0.retain(|_, tried| {
            tried.forgive(patience, now);
            tried.held > 0.0
        });
        if self.0.len() >= MAX_ADDRESSES {
            let quietest = self.0.iter().min_by(|(_, a), (_, b)| a.held.total_cmp(&b.held)).map(|(who, _)| who.clone());
            quietest.map(|who| self.0.remove(&who));
        }
    }
}

impl Tried {
    fn forgive(&mut self, patience: Patience, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        let forgiven = elapsed / patience.forgive.as_secs_f64().max(0.001);
        self.held = (self.held - forgiven).max(0.0);
        self.at = now;
    }
}

/// What counts as one address: of IPv6 the network, since whoever has one has 2^64 addresses.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { tries: 3, forgive: Duration::from_secs(6) };

    fn ip(text: &str) -> IpAddr {
        network(text.parse().unwrap())
    }

    #[test]
    fn who_guesses_is_shut_out_and_let_in_again_later() {
        let (mut tries, start) = (Tries::default(), Instant::now());
        let peer = ip("10.0.0.1");
        for _ in 0..3 {
            assert_eq!(tries.check(&peer, PATIENCE, start), None);
            tries.wrong(&peer, PATIENCE, start);
        }
        assert_eq!(tries.check(&peer, PATIENCE, start), Some(ShutOut { turned_away: 1, tell: true }));
        assert_eq!(tries.check(&peer, PATIENCE, start), Some(ShutOut { turned_away: 2, tell: false }));
        assert_eq!(tries.check(&ip("10.0.0.2"), PATIENCE, start), None, "others are not concerned");
        let later = start + Duration::from_secs(6);
        assert_eq!(tries.check(&peer, PATIENCE, later), None);
        tries.wrong(&peer, PATIENCE, later);
        assert!(tries.check(&peer, PATIENCE, later).is_some(), "one try was forgiven, not all");
        assert_eq!(tries.check(&peer, PATIENCE, start + Duration::from_secs(60)), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_guesser_and_the_list_is_bounded() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        for host in 1..=3 {
            tries.wrong(&ip(&format!("2001:db8::{host}")), PATIENCE, now);
        }
        assert!(tries.check(&ip("2001:db8::ffff"), PATIENCE, now).is_some());
        assert!(tries.check(&ip("2001:db8:0:1::1"), PATIENCE, now).is_none());
        for n in 0..20_000_u32 {
            tries.wrong(&IpAddr::from(n.to_be_bytes()), PATIENCE, now);
        }
        assert_eq!(tries.0.len(), MAX_ADDRESSES);
        assert!(tries.check(&ip("2001:db8::1"), PATIENCE, now).is_some(), "a guesser is not forgotten for newcomers");
    }
}
