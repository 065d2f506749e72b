//! Where to listen, as people write it: `:1935`, `localhost:1935`, `192.168.1.5:1935`, `[::1]:1935`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is no [`ListenAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address to listen on; write :1935, localhost:1935, 192.168.1.5:1935 or [::1]:1935")]
pub struct AddressError(String);

/// Where to listen. One address may mean two sockets, IPv4 and IPv6, that share a port. Port 0 lets the OS choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum ListenAddress {
    /// Every interface of this computer, IPv4 and IPv6: `:1935`.
    All {
        /// The port.
        port: u16,
    },
    /// This computer only, IPv4 and IPv6: `localhost:1935`.
    Localhost {
        /// The port.
        port: u16,
    },
    /// One interface.
    One(SocketAddr),
}

impl ListenAddress {
    /// The port, 0 when the OS shall choose.
    pub const fn port(self) -> u16 {
        match self {
            Self::All { port } | Self::Localhost { port } => port,
            Self::One(address) => address.port(),
        }
    }

    /// The same place with another port.
    #[must_use]
    pub const fn with_port(self, port: u16) -> Self {
        match self {
            Self::All { .. } => Self::All { port },
            Self::Localhost { .. } => Self::Localhost { port },
            Self::One(address) => Self::One(SocketAddr::new(address.ip(), port)),
        }
    }

    /// The addresses to bind, the first of which must succeed; the second is left out on a machine without IPv6.
    pub fn ips(self) -> Vec<IpAddr> {
        match self {
            Self::All { .. } => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Self::Localhost { .. } => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Self::One(address) => vec![address.ip()],
        }
    }

    /// Whether both cannot be open at once: they want the same port of the same interface.
    pub fn meets(self, other: Self) -> bool {
        let meet = |one: &IpAddr, two: &IpAddr| {
            one == two || one.is_ipv4() == two.is_ipv4() && (one.is_unspecified() || two.is_unspecified())
        };
        let (ours, theirs) = (self.ips(), other.ips());
        let meets = ours.iter().any(|one| theirs.iter().any(|two| meet(one, two)));
        meets && self.port() == other.port() && self.port() != 0
    }

    /// Whether only this computer can reach it.
    pub const fn is_loopback(self) -> bool {
        match self {
            Self::All { .. } => false,
            Self::Localhost { .. } => true,
            Self::One(address) => address.ip().is_loopback(),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::One(address));
        }
        let refused = || AddressError(text.chars().take(80).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port = port.parse().map_err(|_| refused())?;
        match host {
            "" | "*" => Ok(Self::All { port }),
            host if host.eq_ignore_ascii_case("localhost") => Ok(Self::Localhost { port }),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All { port } => write!(f, ":{port}"),
            Self::Localhost { port } => write!(f, "localhost:{port}"),
            Self::One(address) => address.fmt(f),
        }
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_parses_and_prints_the_same() {
        for text in [":1935", "localhost:1935", "127.0.0.1:0", "[::1]:1935", "[::]:1935", "0.0.0.0:19350"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        assert_eq!("*:1".parse(), Ok(ListenAddress::All { port: 1 }));
        assert_eq!("LocalHost:1".parse(), Ok(ListenAddress::Localhost { port: 1 }));
    }

    #[test]
    fn what_cannot_be_bound_is_refused_with_examples() {
        for text in ["", "1935", ":", ":65536", ":x", "example.com:1935", "::1:1935", "127.0.0.1"] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains("localhost:1935"), "{text}: {error}");
        }
    }
}
