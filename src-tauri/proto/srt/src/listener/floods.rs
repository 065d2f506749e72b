//! How many handshakes one address may send.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use crate::bucket::Bucket;

/// Handshakes a second from one address, or one IPv6 network.
const RATE: u64 = 200;
/// Handshakes at once from one address: many encoders may come back together behind one router.
const BURST: u64 = 400;
/// Most addresses that are told apart. Protects memory.
pub const MAX_ADDRESSES: usize = 4096;

/// Buckets of addresses. Those beyond [`MAX_ADDRESSES`] are let through unless they share a bucket: addresses can be made up
/// until a cookie has come back from them, and made-up ones must not lock real ones out.
#[derive(Debug)]
pub(super) struct Floods {
    addresses: HashMap<IpAddr, Bucket>,
    rest: Option<Bucket>,
}

impl Floods {
    /// For addresses that may be made up.
    pub(super) fn of_anyone() -> Self {
        Self { addresses: HashMap::new(), rest: None }
    }

    /// For addresses that have sent back what was sent to them.
    pub(super) fn of_the_real(now: Instant) -> Self {
        Self { addresses: HashMap::new(), rest: Some(Bucket::new(RATE, BURST, now)) }
    }

    /// Whether another handshake of this address is looked at.
    pub(super) fn allow(&mut self, now: Instant, address: IpAddr) -> bool {
        let address = network(address);
        if let Some(bucket) = self.addresses.get_mut(&address) {
            return bucket.take(now, 1);
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            return self.rest.as_mut().is_none_or(|rest| rest.take(now, 1));
        }
        let mut bucket = Bucket::new(RATE, BURST, now);
        let allowed = bucket.take(now, 1);
        self.addresses.insert(address, bucket);
        allowed
    }

    /// Forgets addresses that have been quiet.
    pub(super) fn expire(&mut self, now: Instant) {
        self.addresses.retain(|_, bucket| !bucket.is_full(now));
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }
}

/// An IPv6 host has a whole network of addresses.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => IpAddr::V4(ip),
            None => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        },
    }
}
