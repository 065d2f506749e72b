//! Callers and listeners over a network with faults, in virtual time: the same seed gives the same run.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

mod link;
mod recovery;
mod time;
mod world;

use std::time::Duration;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
