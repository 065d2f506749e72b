//! When the network is back: destinations that could not be reached need not wait for their next attempt.
//!
//! Two signs are taken for it: the computer has a way out where it had none, or another one than before; and another
//! destination that could not be reached either is live again. One that is reached and breaks is no sign.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::supervise::End;

/// How often the way out is looked at, while somebody waits for it. Looking sends nothing.
const LOOK: Duration = Duration::from_secs(1);

/// Addresses of the documentation ranges (RFC 5737, RFC 3849): routed like any other, and nobody's.
const ANYWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// What the destinations of an engine know together of the network. Cheap to clone; clones share, but each remembers for
/// itself what it has seen.
#[derive(Debug, Clone)]
pub(super) struct Network {
    shared: Arc<Shared>,
    back: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Shared {
    back: watch::Sender<u64>,
    waiting: AtomicUsize,
    somebody_waits: Notify,
}

impl Default for Network {
    fn default() -> Self {
        let (sender, back) = watch::channel(0);
        let shared = Shared { back: sender, waiting: AtomicUsize::new(0), somebody_waits: Notify::new() };
        Self { shared: Arc::new(shared), back }
    }
}

impl Network {
    /// From here on [`Network::back`] waits for news.
    pub(super) fn look(&mut self) {
        self.back.mark_unchanged();
    }

    /// Resolves when the network has come back since [`Network::look`].
    pub(super) async fn back(mut self) {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(Arc::clone(&self.shared));
        self.shared.somebody_waits.notify_one();
        if self.back.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Says that it works again.
    pub(super) fn is_back(&self) {
        if self.shared.waiting.load(Ordering::Relaxed) > 0 {
            self.shared.back.send_modify(|times| *times += 1);
        }
    }

    /// Looks at the way out as long as somebody waits for it.
    pub(super) async fn watch(self) -> End {
        let mut before = ways_out();
        loop {
            if self.shared.waiting.load(Ordering::Relaxed) == 0 {
                self.shared.somebody_waits.notified().await;
            }
            tokio::time::sleep(LOOK).await;
            let now = ways_out();
            let new = now.iter().zip(&before).any(|(now, before)| now.is_some() && now != before);
            before = now;
            if new {
                tracing::info!("the network is back");
                self.is_back();
            }
        }
    }
}

/// Somebody who waits; one less when it is dropped.
struct Waiting(Arc<Shared>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The address this computer would send from, by IPv4 and by IPv6. Connecting a datagram socket only asks the routing table.
fn ways_out() -> [Option<IpAddr>; 2] {
    ANYWHERE.map(|to| {
        let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(to, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_news_since_the_last_look_count_and_only_for_those_who_wait() {
        let mut network = Network::default();
        network.is_back();
        network.look();
        let waiting = tokio::spawn(network.clone().back());
        while network.shared.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        network.is_back();
        waiting.await.unwrap();
        assert_eq!(network.shared.waiting.load(Ordering::Relaxed), 0);
    }
}
