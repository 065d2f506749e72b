//! How a task learns that a UDP socket can be read.

use std::io;
use std::net::UdpSocket;

use quinn_udp::UdpSockRef;
use tokio::io::Interest;

#[cfg(target_os = "linux")]
use super::linux::Bell;

/// A socket, and who tells that it can be read.
#[derive(Debug)]
pub(super) enum Io {
    /// The runtime, for every datagram.
    Watched(tokio::net::UdpSocket),
    /// A bell that rings once and has to be set again.
    #[cfg(target_os = "linux")]
    Bell(Bell),
}

impl Io {
    /// The runtime tells of every datagram.
    pub(super) fn watched(socket: UdpSocket) -> io::Result<Self> {
        tokio::net::UdpSocket::from_std(socket).map(Self::Watched)
    }

    /// For whoever rests between reads: nothing tells of datagrams meanwhile, where the system can do that.
    pub(super) fn quiet(socket: UdpSocket) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        return Bell::new(socket).map(Self::Bell);
        #[cfg(not(target_os = "linux"))]
        Self::watched(socket)
    }

    pub(super) fn socket(&self) -> UdpSockRef<'_> {
        match self {
            Self::Watched(socket) => socket.into(),
            #[cfg(target_os = "linux")]
            Self::Bell(bell) => bell.socket().into(),
        }
    }

    pub(super) fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        match self {
            Self::Watched(socket) => socket.local_addr(),
            #[cfg(target_os = "linux")]
            Self::Bell(bell) => bell.socket().local_addr(),
        }
    }

    /// Whether nothing would tell of a datagram now, so that one has to look.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Self::Watched(_) => false,
            #[cfg(target_os = "linux")]
            Self::Bell(bell) => !bell.is_set(),
        }
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Watched(socket) => socket.readable().await,
            #[cfg(target_os = "linux")]
            Self::Bell(bell) => bell.rings().await,
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Watched(socket) => socket.writable().await,
            #[cfg(target_os = "linux")]
            Self::Bell(bell) => bell.writable().await,
        }
    }

    /// Does `call` if the socket may be ready for it; `WouldBlock` means that it is not.
    pub(super) fn attempt<T>(&self, interest: Interest, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Watched(socket) => socket.try_io(interest, call),
            #[cfg(target_os = "linux")]
            Self::Bell(_) => call(),
        }
    }
}
