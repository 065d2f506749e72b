//! Numbers for monitoring: counters, gauges and histograms of the whole engine, without secrets.
//!
//! What can be counted in the hub is counted there; the life cycle counts who comes and goes. Both forms are written from one
//! look at everything, so that they never disagree.

mod config;
mod gather;
mod profile;
mod prometheus;
pub(crate) mod sample;
mod timings;
mod vars;

pub use config::Config;
pub(crate) use gather::Floor;
pub use gather::{Counters, Gathered, gather};
pub use profile::{ProfileError, SECONDS as PROFILE_SECONDS, profile};
pub use prometheus::{Form, prometheus};
pub use timings::{Histogram, Seen, Timings};
pub use vars::vars;
