//! The page and the API over HTTP.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use weir_api::http::{Guard, Token, guarded, serve};
use weir_engine::net::ListenAddress;
use weir_engine::status::ListenerState;
use weir_engine::{Engine, net};

use crate::exit::Exit;

/// Where the token is kept, in the data folder.
const TOKEN_FILE: &str = "http_token";

/// Opens the addresses. Nothing is answered yet.
pub(crate) async fn open(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, Exit> {
    let mut sockets = Vec::new();
    for address in addresses {
        let opened = net::open(*address).await;
        sockets.extend(opened.map_err(|state| Exit::Failed(not_open("the page", *address, &state)))?);
    }
    Ok(sockets)
}

/// Serves the page on `sockets` until `end`, and prints where it is.
pub(crate) fn start(
    engine: &Engine,
    sockets: Vec<TcpListener>,
    end: impl Future<Output = ()> + Clone + Send + 'static,
) -> Result<JoinSet<()>, Exit> {
    let mut servers = JoinSet::new();
    let bound: Vec<SocketAddr> = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
    let Some(shown) = bound.iter().find(|address| address.is_ipv4()).or(bound.first()) else { return Ok(servers) };
    let file = engine.paths().data_dir.join(TOKEN_FILE);
    let token = Token::load_or_create(&file).map_err(|error| {
        Exit::Failed(format!(
            "the access token cannot be kept in {}: {error}; choose another --data-dir",
            file.display()
        ))
    })?;
    if bound.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!("the page is open to the network: whoever has its address with the token controls Weir");
    }
    // A closed standard output is no reason to end.
    let _ = writeln!(std::io::stdout(), "Weir's page: http://{}/?token={}", reachable(*shown), token.expose());
    let names = engine.config().http.names;
    let guard = Guard { token, bound: bound.iter().map(SocketAddr::ip).collect(), names };
    let router = guarded(weir_api::router(engine.clone()), guard);
    for socket in sockets {
        servers.spawn(serve(socket, router.clone(), end.clone()));
    }
    Ok(servers)
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

/// One line for a listener that is not open: why, by whose fault, and what to do.
pub(crate) fn not_open(what: &str, address: ListenAddress, state: &ListenerState) -> String {
    match state {
        ListenerState::Failed { message, hint, owner, .. } => {
            let owner = owner.as_ref().map(|owner| format!(" ({}, process {})", owner.name, owner.pid));
            format!("cannot listen on {address} for {what}: {message}{} {hint}", owner.unwrap_or_default())
        }
        ListenerState::Off | ListenerState::Listening { .. } => format!("cannot listen on {address} for {what}"),
    }
}
