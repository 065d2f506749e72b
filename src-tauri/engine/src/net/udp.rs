//! UDP sockets that carry many connections: datagrams are read and written in batches, with the system's segmentation
//! offloads where it has them, and answers leave from the address that was addressed.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::Interest;

use self::watch::Io;
use super::ListenAddress;
use super::listener::{self, BindError};
use crate::status::ListenerState;

#[cfg(target_os = "linux")]
mod linux;
mod watch;

/// Bytes of a socket's buffers that are asked for: 300 ms at 200 Mbit/s, so that a burst of many publishers is not lost while
/// the program has something else to do. The system may give less.
const BUFFER: usize = 8 << 20;
/// Bytes that the system may put together into one read: the largest UDP length.
const READ: usize = 64 * 1024;
/// Reads of one system call.
const READS: usize = BATCH_SIZE;
/// Bytes of one write: the largest UDP length, less than headers.
const WRITE: usize = 60 * 1024;

/// What a port's datagrams are read into.
#[derive(Debug)]
pub(crate) struct Buffers(Vec<u8>);

impl Default for Buffers {
    fn default() -> Self {
        Self(vec![0; READ * READS])
    }
}

/// Datagrams of one sender that arrived together.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    /// Who sent them.
    pub(crate) from: SocketAddr,
    /// The address that they were sent to, where the system tells.
    pub(crate) to: Option<IpAddr>,
    /// The datagrams, one behind the other.
    pub(crate) bytes: &'a [u8],
    /// Bytes of each datagram but the last, which may be shorter.
    pub(crate) each: usize,
}

impl<'a> Arrived<'a> {
    /// The datagrams, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks(self.each)
    }
}

/// A UDP socket.
#[derive(Debug)]
pub(crate) struct Socket {
    io: Io,
    state: UdpSocketState,
}

thread_local! {
    static TOGETHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Socket {
    /// Opens a socket on `address`.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::open(address, Io::watched)
    }

    fn open(address: SocketAddr, io: impl FnOnce(std::net::UdpSocket) -> io::Result<Io>) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        let socket: std::net::UdpSocket = socket.into();
        let state = UdpSocketState::new((&socket).into())?;
        // The system may give less, and what it gives has to do.
        let _ = state.set_recv_buffer_size((&socket).into(), BUFFER);
        let _ = state.set_send_buffer_size((&socket).into(), BUFFER);
        socket.set_nonblocking(true)?;
        Ok(Self { io: io(socket)?, state })
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// Bytes that the system keeps for us while we do something else.
    pub(crate) fn receive_buffer(&self) -> usize {
        self.state.recv_buffer_size(self.io.socket()).unwrap_or(0)
    }

    /// Whether nothing would tell of a datagram now: between a read and the next [`Socket::readable`] of a listener's socket.
    pub(crate) fn is_quiet(&self) -> bool {
        self.io.is_quiet()
    }

    /// Waits until there is something to read. Cancel-safe. For one task at a time.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    /// Waits until there is room to write. Cancel-safe.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.io.writable().await
    }

    /// Hands what has arrived to `each`, with one system call. Returns whether there may be more.
    pub(crate) fn receive(&self, buffers: &mut Buffers, mut each: impl FnMut(Arrived<'_>)) -> io::Result<bool> {
        let mut about = [RecvMeta::default(); READS];
        let mut read = Ok(0);
        // Fewer than were asked for means that no more are there: saying so here saves a system call that would find nothing.
        let drained = self.io.attempt(Interest::READABLE, || {
            let mut chunks = buffers.0.chunks_mut(READ);
            let mut slices: [IoSliceMut<'_>; READS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            read = self.state.recv(self.io.socket(), &mut slices, &mut about);
            match &read {
                Ok(count) if *count == READS => Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Ok(()),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            }
        });
        let read = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // What some peer's system said about an earlier datagram concerns nobody else.
            Err(error) if concerns_one(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        for (about, bytes) in about.iter().zip(buffers.0.chunks(READ)).take(read) {
            let bytes = bytes.get(..about.len).unwrap_or_default();
            each(Arrived { from: about.addr, to: about.dst_ip, bytes, each: about.stride.max(1) });
        }
        Ok(drained.is_ok())
    }

    /// Sends `datagrams` to one peer, as if from `from`. Returns how many the socket took; the rest has to wait until it is
    /// writable. What the network refuses counts as taken: it is lost like any datagram.
    pub(crate) fn send(&self, to: SocketAddr, from: Option<IpAddr>, datagrams: &[Bytes]) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(first) = datagrams.get(sent) {
            let most = self.state.max_gso_segments().max(1);
            let rest = datagrams.get(sent..).unwrap_or_default();
            let count = alike(rest, most);
            let taken = TOGETHER.with_borrow_mut(|together| {
                let contents = if count == 1 {
                    first.as_ref()
                } else {
                    together.clear();
                    rest.iter().take(count).for_each(|datagram| together.extend_from_slice(datagram));
                    together.as_slice()
                };
                let segment_size = (count > 1).then_some(first.len());
                let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: from };
                self.io.attempt(Interest::WRITABLE, || self.state.try_send(self.io.socket(), &transmit))
            });
            match taken {
                Ok(()) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sent),
                // The state has learned that segmentation does not work here; the same is tried without.
                Err(_) if count > 1 && self.state.max_gso_segments().max(1) < most => {}
                Err(error) if is_broken(&error) => return Err(error),
                Err(_) => sent += count,
            }
        }
        Ok(sent)
    }
}

/// How many of the first datagrams can be sent as one: equal ones, and a shorter one at the end.
fn alike(datagrams: &[Bytes], most: usize) -> usize {
    let len = datagrams.first().map_or(0, Bytes::len);
    let most = most.min(WRITE / len.max(1)).max(1);
    let equal = datagrams.iter().take(most).take_while(|datagram| datagram.len() == len).count();
    let tail = datagrams.get(equal).is_some_and(|tail| tail.len() < len);
    if tail && equal < most { equal + 1 } else { equal.max(1) }
}

fn concerns_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

/// The socket itself is gone, not just the way to one peer.
fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::BrokenPipe)
}

/// Opens the sockets of `address`, or says in words why they do not open.
pub(crate) async fn open(address: ListenAddress) -> Result<Vec<Socket>, ListenerState> {
    match listener::bind_both(address, bind_one) {
        Ok(sockets) => Ok(sockets),
        Err(error) => Err(listener::say_why(address, error, super::Transport::Udp).await),
    }
}

fn bind_one(address: SocketAddr) -> Result<(u16, Socket), BindError> {
    let opened = Socket::open(address, Io::quiet).and_then(|socket| Ok((socket.local_addr()?.port(), socket)));
    opened.map_err(|source| BindError { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn receive(socket: &Socket, wanted: usize) -> (Vec<Vec<u8>>, Option<SocketAddr>, Option<IpAddr>) {
        let mut buffers = Buffers::default();
        let (mut got, mut from, mut to) = (Vec::new(), None, None);
        while got.len() < wanted {
            socket.readable().await.unwrap();
            socket
                .receive(&mut buffers, |arrived| {
                    (from, to) = (Some(arrived.from), arrived.to);
                    got.extend(arrived.datagrams().map(<[u8]>::to_vec));
                })
                .unwrap();
        }
        (got, from, to)
    }

    #[tokio::test]
    async fn datagrams_of_any_mixture_arrive_as_they_were_sent() {
        let sockets = open(ListenAddress::Localhost { port: 0 }).await.unwrap();
        for socket in &sockets {
            let local = socket.local_addr().unwrap();
            let other = Socket::bind(SocketAddr::new(local.ip(), 0)).unwrap();
            other.writable().await.unwrap();
            let sizes = [1332, 1332, 1332, 700, 700, 20, 1332, 1332, 40, 44, 1472];
            let datagrams: Vec<Bytes> = sizes.iter().zip(0..).map(|(len, n)| Bytes::from(vec![n; *len])).collect();
            assert_eq!(other.send(local, None, &datagrams).unwrap(), datagrams.len());
            let (got, from, to) = receive(socket, datagrams.len()).await;
            assert!(got.iter().map(Vec::as_slice).eq(datagrams.iter().map(Bytes::as_ref)));
            assert_eq!(from, other.local_addr().ok());
            assert_eq!(to, Some(local.ip()));
        }
        assert!(!sockets.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_answer_leaves_from_the_address_that_was_addressed() {
        let sockets = open(ListenAddress::All { port: 0 }).await.unwrap();
        let port = sockets[0].local_addr().unwrap().port();
        let asked = SocketAddr::from(([127, 0, 0, 9], port));
        let other = Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        other.writable().await.unwrap();
        other.send(asked, None, &[Bytes::from_static(b"question")]).unwrap();
        let (_, from, to) = receive(&sockets[0], 1).await;
        assert_eq!(to, Some(asked.ip()));
        sockets[0].send(from.unwrap(), to, &[Bytes::from_static(b"answer")]).unwrap();
        let (got, from, _) = receive(&other, 1).await;
        assert_eq!((got[0].as_slice(), from), (&b"answer"[..], Some(asked)));
    }

    #[test]
    fn only_equal_datagrams_and_a_shorter_last_one_go_together() {
        let of = |sizes: &[usize]| sizes.iter().map(|len| Bytes::from(vec![0; *len])).collect::<Vec<_>>();
        for (sizes, most, together) in [
            (&[100, 100, 100][..], 64, 3),
            (&[100, 100, 50, 100], 64, 3),
            (&[100, 100, 150], 64, 2),
            (&[100, 100, 100], 2, 2),
            (&[100, 50], 1, 1),
            (&[20_000, 20_000, 20_000, 20_000], 64, 3),
        ] {
            assert_eq!(alike(&of(sizes), most), together, "{sizes:?} {most}");
        }
    }
}
