//! The whole at a glance.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::SystemTime;

use axum::extract::State;

use crate::extract::Json;
use crate::model::{DestinationState, IngestAddress, Listener, Reach, Status, StreamState, Totals};
use crate::model::{access_notice, from_millis, rfc3339};
use crate::router::Api;
use crate::{destinations, streams};

/// Application and key that are suggested to an encoder. Any other name works too.
const SUGGESTED: (&str, &str) = ("live", "stream");

/// The program, its totals and the addresses for an encoder.
#[utoipa::path(get, path = "/status", tag = "status", responses((status = 200, body = Status)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<Status> {
    let engine = api.engine.status();
    let recordings = api.engine.recordings().clone();
    // A network's disk that does not answer must not hold up anybody else.
    let room = tokio::task::spawn_blocking(move || recordings.room()).await.ok();
    Json(Status {
        product: String::from("Weir"),
        version: engine.version.to_owned(),
        os: std::env::consts::OS.to_owned(),
        started_at: from_millis(engine.started_at),
        now: rfc3339(SystemTime::now()),
        uptime_seconds: engine.uptime_seconds as f64,
        totals: totals(&api),
        ingest: ingest(&api),
        record_all: api.engine.config().recording.record_all,
        disk_free_bytes: room.and_then(|room| room.free_bytes),
        recording_time_left_seconds: room.and_then(|room| room.time_left).map(|left| left.as_secs_f64().round()),
        secrets: api.engine.secrets().storage().into(),
        problems: api.engine.context().problems.list().len(),
        notices: access_notice(&api.engine).into_iter().collect(),
    })
}

/// Counts and rates over all streams.
pub(crate) fn totals(api: &Api) -> Totals {
    let streams = streams::all(api);
    let destinations = destinations::all(api);
    let readers = || streams.iter().flat_map(|stream| &stream.readers);
    let sends = |state| matches!(state, DestinationState::Live | DestinationState::Behind);
    Totals {
        streams_live: streams.iter().filter(|stream| stream.state == StreamState::Live).count(),
        readers: readers().count(),
        recordings_active: streams.iter().filter(|stream| stream.is_recorded()).count(),
        destinations_live: destinations.iter().filter(|destination| sends(destination.state)).count(),
        bitrate_in: streams.iter().map(|stream| stream.bitrate).sum(),
        bitrate_out: readers().map(|reader| reader.bitrate).sum(),
    }
}

/// What to type into an encoder: each listener that is up under an address of this computer, then under one that other
/// devices can use.
fn ingest(api: &Api) -> Vec<IngestAddress> {
    let listeners: Vec<Listener> = api.engine.listeners().iter().map(Listener::from).collect();
    // One whose port is taken may go on where it was.
    let up = || listeners.iter().filter(|listener| !listener.bound.is_empty());
    let local = up().filter_map(|listener| address(listener, Reach::ThisComputer));
    let open = up().filter(|listener| listener.reach == Reach::Network);
    local.chain(open.filter_map(|listener| address(listener, Reach::Network))).collect()
}

fn address(listener: &Listener, reach: Reach) -> Option<IngestAddress> {
    let bound: Vec<SocketAddr> = listener.bound.iter().filter_map(|bound| bound.parse().ok()).collect();
    // People read IPv4 more easily, and some encoders know nothing else.
    let socket = *bound.iter().find(|socket| socket.is_ipv4()).or(bound.first())?;
    let ip = match reach {
        Reach::ThisComputer if socket.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        Reach::Network if socket.ip().is_unspecified() => own_address()?,
        Reach::ThisComputer if !socket.ip().is_loopback() => return None,
        Reach::Network if socket.ip().is_loopback() => return None,
        _ => socket.ip(),
    };
    let (app, key) = SUGGESTED;
    let host = SocketAddr::new(ip, socket.port());
    let (server, key) = match listener.protocol.as_str() {
        // Its second half is the stream id, which every encoder has a field for.
        "srt" => (format!("srt://{host}"), format!("publish:{app}/{key}")),
        protocol => (format!("{protocol}://{host}/{app}"), key.to_owned()),
    };
    Some(IngestAddress { listener_id: listener.id.clone(), protocol: listener.protocol.clone(), server, key, reach })
}

/// The address under which other devices most likely reach this computer: the one it would send from to the internet.
/// Connecting a UDP socket asks the routing table and sends nothing.
fn own_address() -> Option<IpAddr> {
    // TEST-NET-1 (RFC 5737): routed like any address, belongs to nobody.
    let outside = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(outside).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}
