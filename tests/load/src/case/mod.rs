//! What can be measured: one file per question.

pub(crate) mod kernel;
pub(crate) mod prelude;
pub(crate) mod silent;
pub(crate) mod srt;
pub(crate) mod stream;

use std::time::Duration;

use crate::fleet::Fleet;
use crate::wire::session::Stage;

/// How long a server may take to accept a publish or a play before the run is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Why a run cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("publisher {index} was not let in: {reason}")]
    Publish { index: usize, reason: String },
    #[error("the kernel's own server did not say its port")]
    NoPort,
}

/// Serves until every member up to `count` streams, or says which one does not.
pub(crate) fn wait_for_publishers(fleet: &mut Fleet, count: usize) -> Result<(), Error> {
    let deadline = fleet.now() + PATIENCE.as_nanos() as u64;
    let live = |fleet: &Fleet| fleet.members().iter().take(count).all(|member| *member.stage() == Stage::Live);
    if fleet.serve_until(deadline, live)? {
        return Ok(());
    }
    let (index, member) = fleet
        .members()
        .iter()
        .enumerate()
        .find(|(_, member)| *member.stage() != Stage::Live)
        .unwrap_or_else(|| unreachable!());
    let reason = member.ended.clone().unwrap_or_else(|| format!("no answer at stage {:?}", member.stage()));
    Err(Error::Publish { index, reason })
}
