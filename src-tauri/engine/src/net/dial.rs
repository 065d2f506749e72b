//! Opening a TCP connection by name: every address is tried, a dead one delays the others by a quarter of a second only.
//!
//! "Happy Eyeballs" (RFC 8305) without its history: addresses of both families take turns, beginning with the resolver's
//! first; the next attempt starts when the one before has failed or has not succeeded after [`STAGGER`].

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long one attempt is alone before the next address is tried beside it (RFC 8305, "Connection Attempt Delay").
const STAGGER: Duration = Duration::from_millis(250);

/// How long a name may take to be looked up.
pub(crate) const DNS_TIMEOUT: Duration = Duration::from_secs(8);

/// How long all attempts together may take.
pub(crate) const TCP_TIMEOUT: Duration = Duration::from_secs(10);

/// Most addresses of one name that are tried; protects sockets from a name with hundreds.
const MAX_ADDRESSES: usize = 16;

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The name has no address, or nobody told it.
    #[error("the name {0} cannot be found")]
    Dns(String, #[source] io::Error),
    /// No answer to the look-up in time.
    #[error("looking up {0} took longer than {limit} s", limit = DNS_TIMEOUT.as_secs())]
    DnsTimeout(String),
    /// Every address failed; this is what the one that got furthest said.
    #[error("{0} cannot be reached: {1}")]
    Tcp(String, #[source] io::Error),
    /// No address answered in time.
    #[error("{0} did not answer within {limit} s", limit = TCP_TIMEOUT.as_secs())]
    TcpTimeout(String),
}

/// Looks up the addresses of `host`, a name or an IP address without brackets.
pub(crate) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let found = timeout(DNS_TIMEOUT, lookup_host((host, port))).await;
    let found = found.map_err(|_| DialError::DnsTimeout(host.to_owned()))?;
    let addresses: Vec<SocketAddr> = found.map_err(|error| DialError::Dns(host.to_owned(), error))?.collect();
    if addresses.is_empty() {
        return Err(DialError::Dns(host.to_owned(), io::ErrorKind::NotFound.into()));
    }
    Ok(in_turns(addresses))
}

/// Connects to the first of `addresses` that answers. Dropping the future gives up every attempt.
pub(crate) async fn connect(host: &str, addresses: Vec<SocketAddr>) -> Result<TcpStream, DialError> {
    let first = timeout(TCP_TIMEOUT, race(addresses)).await;
    let first = first.map_err(|_| DialError::TcpTimeout(host.to_owned()))?;
    first.map_err(|error| DialError::Tcp(host.to_owned(), error))
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut left = VecDeque::from(addresses);
    let mut attempts = JoinSet::new();
    let mut worst = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = left.pop_front() {
            attempts.spawn(TcpStream::connect(address));
        }
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(STAGGER), if !left.is_empty() => continue,
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => worst = telling(worst, error),
            Some(Err(_)) => {}
            None if left.is_empty() => return Err(worst),
            None => {}
        }
    }
}

/// Of two errors the one that says more: a server that refuses was reached, one without a route was not.
fn telling(one: io::Error, other: io::Error) -> io::Error {
    let says = |error: &io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => 3,
        io::ErrorKind::TimedOut => 2,
        io::ErrorKind::AddrNotAvailable => 0,
        _ => 1,
    };
    if says(&one) > says(&other) { one } else { other }
}

/// The families in turns, beginning with the resolver's first choice, and no address twice.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let (same, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [same.next(), other.next()];
        if pair == [None, None] {
            break;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
    ordered.truncate(MAX_ADDRESSES);
    ordered
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns_beginning_with_the_resolvers_choice() {
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "[::1]:1", "2.2.2.2:1"].map(address);
        let ordered = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(address);
        assert_eq!(in_turns(given.to_vec()), ordered);
        assert_eq!(in_turns(Vec::new()), []);
        let many: Vec<SocketAddr> = (1..200).map(|n| SocketAddr::from(([10, 0, 0, n], 1))).collect();
        assert_eq!(in_turns(many).len(), MAX_ADDRESSES);
    }

    #[tokio::test]
    async fn a_dead_address_before_it_does_not_keep_a_living_one_from_answering() {
        let living = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = living.local_addr().unwrap().port();
        // Nobody listens on the same port of another loopback address.
        let addresses = vec![SocketAddr::from(([127, 0, 0, 77], port)), living.local_addr().unwrap()];
        let stream = connect("x", addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), living.local_addr().unwrap());
    }

    #[tokio::test]
    async fn a_refusal_is_told_as_one() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = connect("example.invalid", vec![gone]).await.unwrap_err();
        assert!(
            matches!(&error, DialError::Tcp(_, inner) if inner.kind() == io::ErrorKind::ConnectionRefused),
            "{error}"
        );
        assert!(error.to_string().starts_with("example.invalid cannot be reached"));
    }

    #[tokio::test]
    async fn an_address_needs_no_look_up() {
        assert_eq!(resolve("::1", 1935).await.unwrap(), [address("[::1]:1935")]);
        assert!(matches!(resolve("no such name", 1935).await, Err(DialError::Dns(..))));
    }
}
