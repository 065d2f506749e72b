//! Linux: the kernel's socket diagnostics (`sock_diag(7)`) tell of a connection by its two addresses what `SIOCOUTQ` and
//! `TCP_INFO` tell of a descriptor, without `unsafe`.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with};

use super::Measured;

/// `SOCK_DIAG_BY_FAMILY` (linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST` (linux/netlink.h).
const REQUEST: u16 = 1;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `INET_DIAG_INFO`, as attribute and as the bit that asks for it (linux/inet_diag.h).
const INFO: u16 = 2;
const ASK_INFO: u8 = 1 << (INFO - 1);
/// Length of `nlmsghdr` and of `inet_diag_msg`.
const HEADER: usize = 16;
const MESSAGE: usize = 72;
/// Where `inet_diag_msg` has `idiag_wqueue`: what was written and not acknowledged.
const WQUEUE: usize = HEADER + 60;
/// Where `tcp_info` has `tcpi_rtt`, microseconds.
const RTT: usize = 68;

/// One socket for everyone: an answer comes at once, within the call.
static DIAGNOSTICS: LazyLock<Mutex<Option<OwnedFd>>> = LazyLock::new(|| Mutex::new(open()));

fn open() -> Option<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG)).ok()?;
    connect(&socket, &SocketAddrNetlink::new(0, 0)).ok()?;
    Some(socket)
}

pub(super) fn measure(local: SocketAddr, peer: SocketAddr) -> Option<Measured> {
    let socket = DIAGNOSTICS.lock().unwrap_or_else(PoisonError::into_inner);
    let socket = socket.as_ref()?;
    send(socket, &question(local, peer), SendFlags::DONTWAIT).ok()?;
    let mut answer = [0_u8; 4096];
    // The kernel answers while it is asked; should it ever not, there is no answer rather than a wait.
    let (_, len) = recv(socket, &mut answer, RecvFlags::DONTWAIT).ok()?;
    read(answer.get(..len)?)
}

/// `inet_diag_req_v2` for one connection.
fn question(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    /// `AF_INET` and `AF_INET6`.
    const FAMILIES: [u8; 2] = [2, 10];
    let mut message = Vec::with_capacity(HEADER + 56);
    message.extend_from_slice(&(HEADER as u32 + 56).to_ne_bytes());
    message.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    message.extend_from_slice(&REQUEST.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    let family = if local.is_ipv4() { FAMILIES[0] } else { FAMILIES[1] };
    message.extend_from_slice(&[family, TCP, ASK_INFO, 0]);
    message.extend_from_slice(&u32::MAX.to_ne_bytes());
    message.extend_from_slice(&local.port().to_be_bytes());
    message.extend_from_slice(&peer.port().to_be_bytes());
    for end in [local, peer] {
        let mut address = [0; 16];
        match end.ip() {
            IpAddr::V4(ip) => address[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => address = ip.octets(),
        }
        message.extend_from_slice(&address);
    }
    let interface = match local {
        SocketAddr::V6(local) => local.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    message.extend_from_slice(&interface.to_ne_bytes());
    // `INET_DIAG_NOCOOKIE`.
    message.extend_from_slice(&[0xFF; 8]);
    message
}

fn read(answer: &[u8]) -> Option<Measured> {
    if u16_at(answer, 4)? != BY_FAMILY {
        return None;
    }
    let unacknowledged = u64::from(u32_at(answer, WQUEUE)?);
    let mut rest = answer.get(HEADER + MESSAGE..).unwrap_or_default();
    let mut rtt = None;
    while let (Some(len), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let len = usize::from(len);
        if kind == INFO {
            rtt =
                rest.get(4..len).and_then(|info| u32_at(info, RTT)).map(|micros| Duration::from_micros(micros.into()));
        }
        rest = rest.get(len.next_multiple_of(4).max(4)..).unwrap_or_default();
    }
    Some(Measured { unacknowledged, rtt: rtt.filter(|rtt| !rtt.is_zero()) })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::Gauge;

    #[tokio::test]
    async fn what_a_peer_does_not_take_is_seen_and_what_it_takes_is_gone() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address).await else { continue };
            let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let (mut near, (mut far, _)) = (near.unwrap(), far.unwrap());
            let gauge = Gauge::of(&near);
            let Some(empty) = gauge.measure() else {
                // A container may forbid the question.
                return;
            };
            assert_eq!(empty.unacknowledged, 0);
            let mut written = 0;
            while let Ok(len) = near.try_write(&[7; 65536]) {
                written += len;
            }
            let full = gauge.measure().unwrap();
            assert!(full.unacknowledged > 65536 && full.unacknowledged < written as u64, "{full:?} of {written}");
            assert!(full.rtt.is_some());
            let mut taken = vec![0; written];
            far.read_exact(&mut taken).await.unwrap();
            near.flush().await.unwrap();
            let drained = async {
                while gauge.measure().unwrap().unacknowledged > 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(10), drained).await.unwrap();
        }
    }
}
