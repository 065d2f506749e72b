//! A socket that tells once that there is something to read, and then no more until it is asked to again.
//!
//! The runtime is woken for every datagram that arrives, also while nobody wants to read: with a packet every 0.7 ms that is most
//! of what receiving costs. So the socket sits in an epoll instance of its own, armed for one event (epoll(7), `EPOLLONESHOT`), and
//! the runtime watches that instance.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One event, and only for what can be read.
const ONCE: EventFlags = EventFlags::IN.union(EventFlags::ONESHOT);

#[derive(Debug)]
pub(super) struct Bell {
    socket: UdpSocket,
    epoll: AsyncFd<OwnedFd>,
    /// Whether the next datagram is told of.
    set: AtomicBool,
}

impl Bell {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &socket, EventData::new_u64(0), ONCE)?;
        Ok(Self { socket, epoll: watched(epoll, Interest::READABLE)?, set: AtomicBool::new(true) })
    }

    pub(super) const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    /// Sets the bell and waits until it rings; at once when there is something to read already. Cancel-safe. For one task: a
    /// second one could take the ringing away.
    pub(super) async fn rings(&self) -> io::Result<()> {
        if !self.is_set() {
            epoll::modify(self.epoll.get_ref(), &self.socket, EventData::new_u64(0), ONCE)?;
            self.set.store(true, Ordering::Relaxed);
        }
        loop {
            let mut ready = self.epoll.readable().await?;
            let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 1];
            let rang = epoll::wait(self.epoll.get_ref(), &mut events[..], Some(&rustix::event::Timespec::default()))?;
            ready.clear_ready();
            if rang > 0 {
                self.set.store(false, Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    /// Waits until there is room to write, which a UDP socket hardly ever lacks: so it is only watched for that here.
    pub(super) async fn writable(&self) -> io::Result<()> {
        let socket = watched(self.socket.try_clone()?, Interest::WRITABLE)?;
        socket.writable().await?.retain_ready();
        Ok(())
    }
}

#[expect(
    deprecated,
    reason = "its successor leaves to the caller what an owned descriptor guarantees, and unsafe code is forbidden"
)]
fn watched<T: Into<OwnedFd> + AsRawFd>(owned: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owned, interest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair() -> (Bell, UdpSocket) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        other.connect(socket.local_addr().unwrap()).unwrap();
        (Bell::new(socket).unwrap(), other)
    }

    async fn is_silent(bell: &Bell) -> bool {
        tokio::time::timeout(Duration::from_millis(30), bell.epoll.readable()).await.is_err()
    }

    #[tokio::test]
    async fn a_bell_rings_once_and_again_for_what_came_while_it_was_not_set() {
        let (bell, other) = pair();
        assert!(is_silent(&bell).await);
        other.send(b"one").unwrap();
        bell.rings().await.unwrap();
        let mut buffer = [0; 10];
        assert_eq!(bell.socket().recv(&mut buffer).unwrap(), 3);
        for word in [&b"two"[..], b"three"] {
            other.send(word).unwrap();
        }
        assert!(is_silent(&bell).await && !bell.is_set(), "nothing is told of before it is set again");
        bell.rings().await.unwrap();
        assert_eq!(bell.socket().recv(&mut buffer).unwrap(), 3);
        // What is left is told of too.
        bell.rings().await.unwrap();
        assert_eq!(bell.socket().recv(&mut buffer).unwrap(), 5);
        assert!(tokio::time::timeout(Duration::from_millis(30), bell.rings()).await.is_err());
        bell.writable().await.unwrap();
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_loses_no_ringing() {
        let (bell, other) = pair();
        for round in 0..50_u8 {
            let _ = tokio::time::timeout(Duration::from_micros(u64::from(round) * 20), bell.rings()).await;
            other.send(&[round]).unwrap();
            tokio::time::timeout(Duration::from_secs(30), bell.rings()).await.unwrap().unwrap();
            let mut buffer = [0; 10];
            assert_eq!((bell.socket().recv(&mut buffer).unwrap(), buffer[0]), (1, round));
        }
    }
}
