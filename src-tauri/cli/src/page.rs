//! The page with the API, and the numbers, over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use weir_api::http::{Front, Place, Service, Token};
use weir_engine::{Config, Engine, net};

use crate::exit::{Exit, say};
use crate::ports;

/// Where the token is kept, in the data folder.
const TOKEN_FILE: &str = "http_token";

/// Opens the addresses that the settings ask for. Nothing is answered yet.
pub(crate) async fn open(config: &Config) -> Result<Vec<(Place, Vec<TcpListener>)>, Exit> {
    let mut open = Vec::new();
    for place in Place::wanted(config) {
        let what = match place.service {
            Service::Page => "the page",
            Service::Numbers => "the numbers",
        };
        let opened = net::open(place.address).await;
        let sockets = opened.map_err(|state| Exit::Failed(ports::not_open(what, place.address, &state)))?;
        open.push((place, sockets));
    }
    Ok(open)
}

/// Serves the page and the numbers on what is open, and prints where they are.
pub(crate) fn start(engine: &Engine, open: Vec<(Place, Vec<TcpListener>)>) -> Result<Front, Exit> {
    let file = engine.paths().data_dir.join(TOKEN_FILE);
    if let Some(shown) = shown(&open, &Service::Page) {
        let token = Token::load_or_create(&file).map_err(|error| {
            Exit::Failed(format!(
                "the access token cannot be kept in {}: {error}; choose another --data-dir",
                file.display()
            ))
        })?;
        say(&format!("Weir's page: http://{}/?token={}", reachable(shown), token.expose()));
    }
    if let Some(shown) = shown(&open, &Service::Numbers) {
        say(&format!("Weir's numbers: http://{}/metrics", reachable(shown)));
    }
    Ok(Front::start(engine.clone(), file, open))
}

/// The address to show of what is open for a service.
fn shown(open: &[(Place, Vec<TcpListener>)], service: &Service) -> Option<SocketAddr> {
    let of_service = open.iter().filter(|(place, _)| place.service == *service);
    let bound: Vec<SocketAddr> =
        of_service.flat_map(|(_, sockets)| sockets).filter_map(|socket| socket.local_addr().ok()).collect();
    bound.iter().find(|address| address.is_ipv4()).or(bound.first()).copied()
}

/// The address of this computer for a socket on every interface.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
