//! What has arrived for a connection and waits for its task: the port puts, the task takes.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// Bytes that wait at most: two seconds at 16 Mbit/s. A task that is further behind than that loses datagrams, as the system's
/// own buffer would; the peer sends them again.
const MAX_BYTES: usize = 4 << 20;

/// Datagrams that arrived together.
#[derive(Debug)]
pub(super) struct Bundle {
    /// When they arrived.
    pub(super) at: Instant,
    /// The address they were sent to.
    pub(super) to: Option<IpAddr>,
    bytes: Box<[u8]>,
    each: usize,
}

impl Bundle {
    /// Datagrams of `each` bytes, the last one maybe shorter.
    pub(super) fn new(at: Instant, to: Option<IpAddr>, bytes: &[u8], each: usize) -> Self {
        Self { at, to, bytes: bytes.into(), each: each.max(1) }
    }

    /// The datagrams, in order.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(self.each)
    }
}

/// The datagrams of one connection.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bundles: Vec<Bundle>,
    bytes: usize,
}

impl Inbox {
    /// Adds datagrams; too many are lost.
    pub(super) fn put(&self, bundle: Bundle) {
        {
            let mut waiting = self.lock();
            if waiting.bytes + bundle.bytes.len() > MAX_BYTES {
                return;
            }
            waiting.bytes += bundle.bytes.len();
            waiting.bundles.push(bundle);
        }
        self.arrived.notify_one();
    }

    /// Takes all that waits; `into` must be empty and comes back with it.
    pub(super) fn take(&self, into: &mut Vec<Bundle>) {
        let mut waiting = self.lock();
        std::mem::swap(&mut waiting.bundles, into);
        waiting.bytes = 0;
    }

    /// Waits until something has arrived. Cancel-safe: what wakes nobody wakes the next who waits.
    pub(super) async fn ready(&self) {
        self.arrived.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_and_comes_in_order() {
        let inbox = Inbox::default();
        for number in 0..10_000_u32 {
            let bytes = [number.to_be_bytes(); 500].concat();
            inbox.put(Bundle::new(Instant::now(), None, &bytes, 1332));
        }
        inbox.ready().await;
        let mut taken = Vec::new();
        inbox.take(&mut taken);
        assert_eq!(taken.len(), MAX_BYTES / 2000);
        let sizes: Vec<usize> = taken[0].datagrams().map(<[u8]>::len).collect();
        assert_eq!(sizes, [1332, 668]);
        assert!(taken.iter().zip(0_u32..).all(|(bundle, number)| bundle.bytes[..4] == number.to_be_bytes()));
        taken.clear();
        inbox.take(&mut taken);
        assert!(taken.is_empty());
    }
}
