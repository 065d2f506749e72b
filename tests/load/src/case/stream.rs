//! P publishers, N players: latency of every frame, and what it costs the server.

use std::time::Duration;

use super::{Error, PATIENCE, wait_for_publishers};
use crate::fleet::{Endpoint, Fleet, Role};
use crate::histogram::Histogram;
use crate::media::Profile;
use crate::player::{Pace, Player};
use crate::process::Server;
use crate::report::{Special, Spread, StreamReport};

/// One run.
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    /// Where players play, when that is another server.
    pub(crate) play_at: Vec<Endpoint>,
    pub(crate) publishers: u32,
    /// Shared out evenly over the publishers.
    pub(crate) players: u32,
    pub(crate) specials: Vec<Pace>,
    pub(crate) profile: Profile,
    /// Publishing alone before the first player.
    pub(crate) warm_up: Duration,
    /// Between the first player's connecting and the last one's.
    pub(crate) ramp: Duration,
    /// Between the last player's connecting and the window.
    pub(crate) settle: Duration,
    pub(crate) window: Duration,
    pub(crate) server: Server,
}

/// How long frames sent in the window may still arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// How often the server's memory is looked at.
const SAMPLE: Duration = Duration::from_millis(500);

pub(crate) fn run(plan: &Plan) -> Result<StreamReport, Error> {
    let mut fleet = Fleet::new(plan.profile)?;
    for index in 0..plan.publishers {
        // Key frames of independent encoders do not come together.
        let offset = plan.profile.gop_duration() * index / plan.publishers;
        fleet.add_publisher(&name(plan, index), index, offset)?;
    }
    wait_for_publishers(&mut fleet, plan.publishers as usize)?;
    fleet.serve_for(plan.warm_up)?;

    let resident_before_kib = plan.server.resident_kib();
    let start = fleet.now();
    for index in 0..plan.players {
        let due = start + (plan.ramp.as_nanos() as u64 / u64::from(plan.players.max(1))) * u64::from(index);
        fleet.serve_until(due, |_| false)?;
        let elsewhere = plan.play_at.get(index as usize % plan.play_at.len().max(1));
        let at = elsewhere.cloned().unwrap_or_else(|| name(plan, index % plan.publishers));
        fleet.add_player(&at, Pace::Free)?;
    }
    for (index, pace) in plan.specials.iter().enumerate() {
        fleet.add_player(&name(plan, index as u32 % plan.publishers), *pace)?;
    }
    let deadline = fleet.now() + PATIENCE.as_nanos() as u64;
    fleet.serve_until(deadline, |fleet| free(fleet).all(|(player, ended)| player.first_key.is_some() || ended))?;
    fleet.serve_for(plan.settle)?;
    measure(fleet, plan, resident_before_kib)
}

fn name(plan: &Plan, index: u32) -> Endpoint {
    if plan.publishers == 1 {
        plan.endpoint.clone()
    } else {
        plan.endpoint.named(format!("{}{index}", plan.endpoint.name))
    }
}

/// Measures a fleet that streams.
pub(crate) fn measure(mut fleet: Fleet, plan: &Plan, resident_before_kib: u64) -> Result<StreamReport, Error> {
    let begin = fleet.now();
    let end = begin + plan.window.as_nanos() as u64;
    fleet.meter.window = begin..end;
    let (cpu, own, bytes) = (plan.server.cpu_seconds(), Server::own().cpu_seconds(), fleet.meter.media_bytes);
    let mut resident = 0;
    while fleet.now() < end {
        let next = (fleet.now() + SAMPLE.as_nanos() as u64).min(end);
        fleet.serve_until(next, |_| false)?;
        resident = resident.max(plan.server.resident_kib());
    }
    let server_cpu_seconds = plan.server.cpu_seconds() - cpu;
    let generator_cpu_seconds = Server::own().cpu_seconds() - own;
    let delivered_gb = (fleet.meter.media_bytes - bytes) as f64 / 1e9;
    let server_alive = plan.server.alive();
    fleet.serve_for(DRAIN)?;

    let sent = frames_in_window(&fleet);
    let mut report = StreamReport {
        publishers: plan.publishers,
        players: plan.players,
        seconds: plan.window.as_secs_f64(),
        latency_ms: Spread::from(&fleet.meter.latency),
        first_key_ms: first_key(&fleet),
        server_cpu_seconds,
        delivered_gb,
        cpu_seconds_per_gb: server_cpu_seconds / delivered_gb,
        resident_before_kib,
        resident_with_players_kib: resident,
        kib_per_player: resident.saturating_sub(resident_before_kib) as f64
            / (plan.players as usize + plan.specials.len()) as f64,
        generator_cpu_seconds,
        server_alive,
        ..StreamReport::default()
    };
    let mut players = fleet.members().iter().filter_map(|member| match &member.role {
        Role::Player { player, pace, .. } => Some((player, *pace, &member.ended)),
        Role::Publisher { .. } => None,
    });
    for (index, (player, pace, ended)) in players.by_ref().enumerate() {
        report.corrupt += player.corrupt;
        if pace == Pace::Free {
            let expected = sent.get(index % sent.len().max(1)).copied().unwrap_or(player.in_window);
            report.lost += expected.saturating_sub(player.in_window);
            report.missing += player.missing;
            report.disordered += player.disordered;
            report.timestamp_shifts += player.shifts;
            report.dropped_players += u32::from(ended.is_some());
        } else {
            let (frames, missing) = (player.in_window, player.missing);
            report.specials.push(Special { pace: format!("{pace:?}"), frames, missing, ended: ended.clone() });
        }
    }
    Ok(report)
}

/// Frames each publisher sent within the window.
fn frames_in_window(fleet: &Fleet) -> Vec<u64> {
    let window = &fleet.meter.window;
    let count = |member: &crate::fleet::Member| match &member.role {
        Role::Publisher { sent_at, .. } => Some(sent_at.iter().filter(|sent| window.contains(sent)).count() as u64),
        Role::Player { .. } => None,
    };
    fleet.members().iter().filter_map(count).collect()
}

fn free(fleet: &Fleet) -> impl Iterator<Item = (&Player, bool)> {
    fleet.members().iter().filter_map(|member| match &member.role {
        Role::Player { player, pace: Pace::Free, .. } => Some((player.as_ref(), member.ended.is_some())),
        _ => None,
    })
}

fn first_key(fleet: &Fleet) -> Spread {
    let mut histogram = Histogram::default();
    for (player, _) in free(fleet) {
        if let Some(at) = player.first_key {
            histogram.record((at - player.connecting) / 1000);
        }
    }
    Spread::from(&histogram)
}
