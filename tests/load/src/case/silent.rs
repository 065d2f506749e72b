//! Thousands of connections that say nothing: how long does the next client wait?

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Error, PATIENCE, wait_for_publishers};
use crate::fleet::{Endpoint, Fleet, Role};
use crate::histogram::Histogram;
use crate::media::Profile;
use crate::player::{Pace, Player};
use crate::process::Server;
use crate::report::{SilentReport, Spread};

/// Clients that try one after the other.
const PROBES: usize = 10;

pub(crate) fn run(
    endpoint: &Endpoint,
    connections: usize,
    profile: Profile,
    server: &Server,
) -> Result<SilentReport, Error> {
    let mut fleet = Fleet::new(profile)?;
    fleet.add_publisher(endpoint, 0, Duration::ZERO)?;
    wait_for_publishers(&mut fleet, 1)?;
    fleet.serve_for(profile.gop_duration())?;

    let (resident, opening) = (server.resident_kib(), Instant::now());
    let mut silent = Vec::with_capacity(connections);
    for index in 0..connections {
        silent.push(TcpStream::connect_timeout(&endpoint.address, PATIENCE)?);
        if index % 50 == 0 {
            fleet.serve_until(0, |_| false)?;
        }
    }
    let opened_in = opening.elapsed().as_secs_f64();
    for _ in 0..PROBES {
        fleet.add_player(endpoint, Pace::Free)?;
        let deadline = fleet.now() + PATIENCE.as_nanos() as u64;
        fleet.serve_until(deadline, |fleet| players(fleet).last().is_some_and(|player| player.first_key.is_some()))?;
    }
    let kib_per_connection = server.resident_kib().saturating_sub(resident) as f64 / connections as f64;
    let spread = |moment: fn(&Player) -> Option<u64>| {
        let mut histogram = Histogram::default();
        players(&fleet)
            .filter_map(|player| moment(player).map(|at| at - player.connecting))
            .for_each(|time| histogram.record(time / 1000));
        Spread::from(&histogram)
    };
    Ok(SilentReport {
        connections,
        opened_in,
        greeted_ms: spread(|player| player.greeted),
        playing_ms: spread(|player| player.live),
        first_key_ms: spread(|player| player.first_key),
        unserved: players(&fleet).filter(|player| player.first_key.is_none()).count(),
        kib_per_connection,
        server_alive: server.alive(),
    })
}

fn players(fleet: &Fleet) -> impl Iterator<Item = &Player> {
    fleet.members().iter().filter_map(|member| match &member.role {
        Role::Player { player, .. } => Some(player.as_ref()),
        Role::Publisher { .. } => None,
    })
}
