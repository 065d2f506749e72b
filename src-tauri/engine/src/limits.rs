//! How much strangers may ask of this computer, whatever protocol they come by.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::range;
use crate::net::network;

/// How much strangers may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Connections at the same time over RTMP, RTMPS and SRT together, 1 or more. Default 10000: a bound for memory and open files,
    /// not for any real audience.
    #[serde(deserialize_with = "range::some")]
    pub connections: u32,
    /// Connections at the same time from one address, of IPv6 from one network (/64), 1 or more. Default 4000: a house, a school
    /// or a proxy is one address, but one address must not take every place.
    #[serde(deserialize_with = "range::some")]
    pub connections_per_address: u32,
    /// Streams at the same time, 1 or more. Streams that players wait for and nobody sends are counted for players alone, so that
    /// nobody can take an encoder's place by waiting. Default 1000: each costs memory that a stranger could ask for.
    #[serde(deserialize_with = "range::some")]
    pub streams: u32,
    /// Players of one stream at the same time; 0 lets nobody watch. Default 10000, as many as there may be connections; less
    /// keeps the uplink free for destinations.
    pub players_per_stream: u32,
    /// Megabits a second that one publisher may send, on average over ten seconds; 0 sets no limit. Default 500: five times
    /// what encoders send at most, and little enough that a broken one fills neither memory nor disk at once.
    pub publisher_megabits: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 4_000,
            streams: 1_000,
            players_per_stream: 10_000,
            publisher_megabits: 500,
        }
    }
}

/// The places for connections. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    limits: RwLock<Config>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// A place for one connection, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

/// There is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are as many connections as may be.
    #[error("there are already {0} connections")]
    All(u32),
    /// One address has as many as it may have.
    #[error("there are already {0} connections from this address")]
    Address(u32),
}

impl Full {
    /// A fixed word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::All(_) => "too_many_connections",
            Self::Address(_) => "too_many_connections_from_address",
        }
    }

    /// What the operator can do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::All(_) => "Raise limits.connections in the settings if this audience is expected.",
            Self::Address(_) => "Raise limits.connections_per_address in the settings if many share this address.",
        }
    }
}

impl Places {
    /// Places within `limits`.
    pub fn new(limits: &Config) -> Self {
        let places = Self::default();
        places.apply(limits);
        places
    }

    /// Follows changed settings. Whoever has a place keeps it.
    pub fn apply(&self, limits: &Config) {
        *self.0.limits.write().unwrap_or_else(PoisonError::into_inner) = limits.clone();
    }

    /// Takes a place for a connection from `peer`.
    pub fn take(&self, peer: SocketAddr) -> Result<Place, Full> {
        let (all, each) = {
            let limits = self.0.limits.read().unwrap_or_else(PoisonError::into_inner);
            (limits.connections, limits.connections_per_address)
        };
        let address = network(peer.ip());
        let mut taken = self.taken();
        if taken.all >= all {
            return Err(Full::All(taken.all));
        }
        let mine = taken.by_address.get(&address).copied().unwrap_or_default();
        if mine >= each {
            return Err(Full::Address(mine));
        }
        taken.by_address.insert(address, mine + 1);
        taken.all += 1;
        drop(taken);
        Ok(Place { places: self.clone(), address })
    }

    /// Places that are taken.
    pub fn taken_now(&self) -> usize {
        self.taken().all as usize
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(mine) = taken.by_address.get_mut(&self.address) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_together_and_by_address_and_become_free_again() {
        let places = Places::new(&Config { connections: 3, connections_per_address: 2, ..Config::default() });
        let peer = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let first = places.take(peer("10.0.0.1:1")).unwrap();
        let _second = places.take(peer("[::ffff:10.0.0.1]:2")).unwrap();
        assert_eq!(places.take(peer("10.0.0.1:3")).unwrap_err(), Full::Address(2));
        let _third = places.take(peer("10.0.0.2:1")).unwrap();
        assert_eq!(places.take(peer("10.0.0.3:1")).unwrap_err(), Full::All(3));
        drop(first);
        let _again = places.take(peer("10.0.0.1:4")).unwrap();
        places.apply(&Config { connections: 4, connections_per_address: 2, ..Config::default() });
        let _fourth = places.take(peer("10.0.0.3:1")).unwrap();
        assert_eq!((places.taken_now(), places.taken().by_address.len()), (4, 3));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_whoever_is_refused_leaves_nothing_behind() {
        let places = Places::new(&Config { connections_per_address: 2, ..Config::default() });
        let peer = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let _two = [places.take(peer("[2001:db8::1]:1")).unwrap(), places.take(peer("[2001:db8::2]:1")).unwrap()];
        assert_eq!(places.take(peer("[2001:db8::3]:1")).unwrap_err(), Full::Address(2));
        let _next = places.take(peer("[2001:db8:0:1::1]:1")).unwrap();
        places.apply(&Config { connections_per_address: 0, ..Config::default() });
        for host in 1..=100 {
            assert_eq!(places.take(peer(&format!("10.0.0.{host}:1"))).unwrap_err(), Full::Address(0));
        }
        assert_eq!(places.taken().by_address.len(), 2);
    }
}
