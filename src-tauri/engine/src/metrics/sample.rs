//! What is looked at once a second, because counting it for each packet would cost more than it tells.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use weir_hub::{Hub, Role};

use super::timings::Timings;
use crate::supervise::{End, Supervisor};

/// How often the readers are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Looks until the engine ends.
pub(crate) async fn sample(hub: Hub, timings: Timings, tasks: Supervisor) -> End {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = tasks.stopping().cancelled() => return End::Stopped,
        }
        for reader in hub.streams().iter().flat_map(|stream| &stream.readers) {
            match reader.role {
                Role::Player => timings.player_lag().observe(reader.lag),
                Role::Destination => timings.destination_lag().observe(reader.lag),
                Role::Recording => timings.recording_lag().observe(reader.lag),
                Role::Preview => {}
            }
        }
    }
}
