//! Where the program listens.

use axum::extract::State;
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp;

use crate::apply::apply;
use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Listener, ListenerList, ListenerPatch, Reach};
use crate::router::Api;

/// Every listener and what it is doing.
#[utoipa::path(get, path = "/listeners", tag = "listeners", responses((status = 200, body = ListenerList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<ListenerList> {
    Json(ListenerList { listeners: api.engine.listeners().iter().map(Listener::from).collect() })
}

/// Change a listener. It is applied at once and saved.
/// That the port is taken is no error of this request: the answer then shows the state `port_taken`.
#[utoipa::path(patch, path = "/listeners/{id}", tag = "listeners",
    params(("id" = String, Path, description = "The listener's `id`")),
    request_body = ListenerPatch, responses((status = 200, body = Listener))
)]
pub(crate) async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(patch): Json<ListenerPatch>,
) -> Result<Json<Listener>, Error> {
    let position = api.engine.listeners().iter().position(|listener| listener.id == id).ok_or_else(unknown)?;
    apply(&api, |config| change_rtmp(&mut config.rtmp, position, &patch)).await?;
    // Moved onto another listener's address, it is one with that now.
    let listeners = api.engine.listeners();
    let shown = listeners.get(position).or_else(|| listeners.first()).ok_or_else(unknown)?;
    Ok(Json(Listener::from(shown)))
}

fn change_rtmp(config: &mut rtmp::Config, position: usize, patch: &ListenerPatch) -> Result<(), Error> {
    let others: Vec<ListenAddress> =
        config.listen.iter().enumerate().filter(|(at, _)| *at != position).map(|(_, address)| *address).collect();
    let address = config.listen.get_mut(position).ok_or_else(unknown)?;
    if let Some(port) = patch.port {
        *address = address.with_port(checked(port)?);
    }
    match patch.reach {
        Some(Reach::Network) if address.is_loopback() => *address = ListenAddress::All { port: address.port() },
        Some(Reach::ThisComputer) if !address.is_loopback() => {
            *address = ListenAddress::Localhost { port: address.port() };
        }
        _ => {}
    }
    if others.contains(address) {
        return Err(Error::invalid(format!("Another listener of Weir already has {address}."), "Choose another port."));
    }
    // One switch for the whole protocol: its listeners share everything but the address.
    config.enabled = patch.enabled.unwrap_or(config.enabled);
    Ok(())
}

fn checked(port: u32) -> Result<u16, Error> {
    u16::try_from(port).ok().filter(|port| *port != 0).ok_or_else(|| {
        Error::invalid(format!("{port} is no port."), "Ports go from 1 to 65535; RTMP usually has 1935.")
    })
}

fn unknown() -> Error {
    Error::new(Code::ListenerNotFound, "There is no such listener.", "Look at the list of listeners for their names.")
}
