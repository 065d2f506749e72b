//! Opening listeners, saying why one does not open, and accepting connections whatever happens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::owner::Transport;
use super::{ListenAddress, owner};
use crate::status::{ListenerState, PORT_IN_USE};

/// Connections the OS keeps for us until we accept them: a burst of reconnecting players after a network fault.
const BACKLOG: i32 = 1024;
/// How often a common port for IPv4 and IPv6 is looked for when the OS may choose it.
const PORT_ATTEMPTS: usize = 16;
/// How many ports after the wanted one are tried for an offer.
const OFFERED_RANGE: u16 = 64;
/// How long to wait when the OS is out of sockets: connections end meanwhile, and the loop must not spin.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);
/// Silence after which the OS asks a peer whether it is still there, and how often it repeats that.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));

/// An address could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {source}")]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

/// Opens the sockets of one address, IPv4 and IPv6 on the same port. A machine without IPv6 gets IPv4 alone.
pub(crate) fn bind(address: ListenAddress) -> Result<Vec<TcpListener>, BindError> {
    bind_both(address, |address| {
        let opened = bind_one(address).and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        opened.map_err(|source| BindError { address, source })
    })
}

/// The sockets of one address, each opened by `one`, which also tells its port.
pub(super) fn bind_both<S>(
    address: ListenAddress,
    one: impl Fn(SocketAddr) -> Result<(u16, S), BindError>,
) -> Result<Vec<S>, BindError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match bind_all(&address.ips(), address.port(), &one) {
            Err(error)
                if address.port() == 0
                    && error.source.kind() == io::ErrorKind::AddrInUse
                    && attempt < PORT_ATTEMPTS => {}
            done => return done,
        }
    }
}

fn bind_all<S>(
    ips: &[IpAddr],
    port: u16,
    one: impl Fn(SocketAddr) -> Result<(u16, S), BindError>,
) -> Result<Vec<S>, BindError> {
    let mut sockets = Vec::new();
    let mut port = port;
    for ip in ips {
        match one(SocketAddr::new(*ip, port)) {
            Ok((bound, socket)) => {
                port = bound;
                sockets.push(socket);
            }
            Err(error) if ip.is_ipv6() && !sockets.is_empty() && no_ipv6(&error.source) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sockets)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Lets a restart bind while old connections linger in TIME_WAIT; on Windows the same flag would let us steal a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no stable `ErrorKind`.
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
        || error.kind() == io::ErrorKind::Unsupported
}

/// Opens the sockets of `address`, or says in words why they do not open.
pub async fn open(address: ListenAddress) -> Result<Vec<TcpListener>, ListenerState> {
    match bind(address) {
        Ok(sockets) => Ok(sockets),
        Err(error) => Err(say_why(address, error, Transport::Tcp).await),
    }
}

/// Why `address` did not open, in words.
pub(super) async fn say_why(address: ListenAddress, error: BindError, transport: Transport) -> ListenerState {
    // Asking the system about its processes may take a while.
    let explained = tokio::task::spawn_blocking(move || explain(address, &error, transport)).await;
    explained.unwrap_or_else(|_| ListenerState::Failed {
        code: "cannot_listen",
        message: format!("{address} could not be opened."),
        hint: "Choose another port.".to_owned(),
        owner: None,
        own: None,
        next_free_port: None,
        bound: Vec::new(),
    })
}

/// Why `address` did not open, in words, with the program that holds the port and a free port to offer. Blocks: it asks
/// the OS about processes.
pub(crate) fn explain(address: ListenAddress, error: &BindError, transport: Transport) -> ListenerState {
    let port = address.port();
    let (code, message, hint) = match error.source.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = owner::of_port(port, transport);
            let next_free_port = next_free_port(address, transport);
            let offer = next_free_port.map_or_else(
                || "or choose another port.".to_owned(),
                |next| format!("or use port {next}, which is free."),
            );
            let (message, hint) = if owner.as_ref().is_some_and(|owner| owner.pid == std::process::id()) {
                let message = format!("Port {port} is already used by another of Weir's own listeners.");
                (message, format!("Give each listener a port of its own, {offer}"))
            } else {
                let who = owner.as_ref().map_or_else(|| "another program".to_owned(), |owner| owner.name.clone());
                (format!("Port {port} is in use by {who}."), format!("Close {who}, {offer}"))
            };
            return ListenerState::Failed {
                code: PORT_IN_USE,
                message,
                hint,
                owner,
                own: None,
                next_free_port,
                bound: Vec::new(),
            };
        }
        io::ErrorKind::PermissionDenied => (
            "not_allowed",
            format!("The system does not let Weir open port {port}."),
            "Choose a port from 1024 on, or give Weir the right to use low ports.".to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => (
            "no_such_address",
            format!("{} is no address of this computer.", error.address.ip()),
            "Choose an address that this computer has, or listen on all of them.".to_owned(),
        ),
        _ => (
            "cannot_listen",
            format!("Port {port} could not be opened: {}.", error.source),
            "Choose another port, or restart the computer if this goes on.".to_owned(),
        ),
    };
    ListenerState::Failed { code, message, hint, owner: None, own: None, next_free_port: None, bound: Vec::new() }
}

/// The first port after the wanted one on which every socket of `address` opens.
fn next_free_port(address: ListenAddress, transport: Transport) -> Option<u16> {
    let first = address.port().checked_add(1)?;
    (first..=first.saturating_add(OFFERED_RANGE)).find(|port| {
        let ips = address.ips();
        ips.iter().all(|ip| {
            let free = bind_free(SocketAddr::new(*ip, *port), transport);
            free.is_ok() || (ips.len() > 1 && ip.is_ipv6() && free.is_err_and(|error| no_ipv6(&error)))
        })
    })
}

fn bind_free(address: SocketAddr, transport: Transport) -> io::Result<()> {
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())
}

/// The next connection, set up for streaming. Never fails: what the OS reports about one connection concerns only that
/// one, and when it is out of sockets some become free again. `exhausted` is called for the latter.
pub(crate) async fn accept(listener: &TcpListener, mut exhausted: impl FnMut(&io::Error)) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A socket that takes no options is about to fail anyway; reading from it tells why.
                let _ = stream.set_nodelay(true);
                let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE);
                return (stream, peer);
            }
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                exhausted(&error);
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

fn concerns_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_families_share_a_port_that_the_system_chose() {
        let listeners = bind(ListenAddress::Localhost { port: 0 }).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        assert_ne!(port, 0);
        for listener in &listeners {
            let address = listener.local_addr().unwrap();
            assert_eq!(address.port(), port);
            let (connected, (_, peer)) = tokio::join!(TcpStream::connect(address), accept(listener, |_| ()));
            assert_eq!(connected.unwrap().local_addr().unwrap(), peer);
        }
    }

    #[tokio::test]
    async fn a_port_that_weir_itself_has_taken_is_said_and_another_offered() {
        let taken = bind(ListenAddress::Localhost { port: 0 }).unwrap();
        let address = ListenAddress::Localhost { port: taken[0].local_addr().unwrap().port() };
        let error = bind(address).unwrap_err();
        let ListenerState::Failed { code, message, owner, next_free_port, .. } =
            explain(address, &error, Transport::Tcp)
        else {
            panic!("must have failed")
        };
        assert_eq!(code, "port_in_use");
        let next = next_free_port.unwrap();
        assert!(!bind(address.with_port(next)).unwrap().is_empty());
        if cfg!(target_os = "linux") {
            assert_eq!(owner.unwrap().pid, std::process::id());
            assert!(message.contains("another of Weir's own listeners"), "{message}");
        }
    }
}
