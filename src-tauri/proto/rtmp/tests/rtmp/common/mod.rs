//! What several tests share.

pub(crate) mod raw;
pub(crate) mod rig;
