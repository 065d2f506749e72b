//! Where the program listens.

use axum::extract::State;
use weir_engine::Config;
use weir_engine::net::ListenAddress;

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
/// That the port is taken is no error of this request: the answer then shows the state `port_taken`, and the listener goes on
/// where it was as long as nothing else is chosen. A request that changes nothing tries at once what does not open.
#[utoipa::path(patch, path = "/listeners/{id}", tag = "listeners",
    params(("id" = String, Path, description = "The listener's `id`")),
    request_body = ListenerPatch, responses((status = 200, body = Listener))
)]
pub(crate) async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(patch): Json<ListenerPatch>,
) -> Result<Json<Listener>, Error> {
    let listeners = api.engine.listeners();
    let protocol = listeners.iter().find(|listener| listener.id == id).ok_or_else(unknown)?.protocol;
    let mut alike = listeners.iter().filter(|listener| listener.protocol == protocol);
    let position = alike.position(|listener| listener.id == id).ok_or_else(unknown)?;
    let mut is_changed = false;
    apply(&api, |config| {
        let before = config.clone();
        change_listener(config, protocol, position, &patch)?;
        is_changed = *config != before;
        Ok(())
    })
    .await?;
    if !is_changed {
        let engine = api.engine.clone();
        // To its end, even when the client that asked for it has gone.
        tokio::spawn(async move { engine.open_again().await }).await.map_err(|_| Error::internal())?;
    }
    // Moved onto another listener's address, it is one with that now.
    let listeners = api.engine.listeners();
    let shown = listeners.iter().find(|listener| listener.id == id);
    let shown =
        shown.or_else(|| listeners.iter().find(|listener| listener.protocol == protocol)).ok_or_else(unknown)?;
    Ok(Json(Listener::from(shown)))
}

fn change_listener(config: &mut Config, protocol: &str, position: usize, patch: &ListenerPatch) -> Result<(), Error> {
    match protocol {
        "srt" => change_one(&mut config.srt.listen, &[], &mut config.srt.enabled, position, patch),
        "rtmps" => {
            change_one(&mut config.rtmps.listen, &config.rtmp.listen, &mut config.rtmps.enabled, position, patch)
        }
        _ => change_one(&mut config.rtmp.listen, &config.rtmps.listen, &mut config.rtmp.enabled, position, patch),
    }
}

/// Changes the address at `position` of a protocol's, and the protocol's switch; `foreign` are the ports that others have.
fn change_one(
    listen: &mut [ListenAddress],
    foreign: &[ListenAddress],
    enabled: &mut bool,
    position: usize,
    patch: &ListenerPatch,
) -> Result<(), Error> {
    let mine = listen.iter().enumerate().filter(|(at, _)| *at != position).map(|(_, address)| *address);
    let others: Vec<ListenAddress> = mine.chain(foreign.iter().copied()).filter(|other| other.port() != 0).collect();
    let address = listen.get_mut(position).ok_or_else(unknown)?;
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
    *enabled = patch.enabled.unwrap_or(*enabled);
    Ok(())
}

fn checked(port: u32) -> Result<u16, Error> {
    u16::try_from(port).ok().filter(|port| *port != 0).ok_or_else(|| {
        Error::invalid(format!("{port} is no port."), "Ports go from 1 to 65535; RTMP usually has 1935, SRT 10080.")
    })
}

fn unknown() -> Error {
    Error::new(Code::ListenerNotFound, "There is no such listener.", "Look at the list of listeners for their names.")
}
