//! What happens between Weir and other people's programs.

pub(crate) mod codecs;
pub(crate) mod comparison;
pub(crate) mod lifecycle;
pub(crate) mod play;
pub(crate) mod relay;
pub(crate) mod return_of_the_publisher;
