//! What happens between Weir and other people's programs.

pub(crate) mod codecs;
pub(crate) mod comparison;
pub(crate) mod lifecycle;
pub(crate) mod play;
pub(crate) mod relay;
pub(crate) mod return_of_the_publisher;
pub(crate) mod secure;
pub(crate) mod srt_codecs;
pub(crate) mod srt_events;
pub(crate) mod srt_flood;
pub(crate) mod srt_keys;
pub(crate) mod srt_media;
pub(crate) mod srt_refusals;
