//! The real program: its flags, its lines, its exit codes, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

#[cfg(unix)]
mod ending;
mod flags;
mod listening;
#[cfg(unix)]
mod live;
#[cfg(unix)]
mod operation;
mod page;
mod program;
#[cfg(unix)]
mod relay;
