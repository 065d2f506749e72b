//! What a desktop says and does beside the window: how things stand at a glance, what is worth a notification, in which
//! words, and the few things people do without the window. It reads the same API as the page and knows no toolkit, so
//! that it is tested without one; the shell shows it.

pub mod act;
#[cfg(feature = "awake")]
mod awake;
mod core;
mod face;
mod notice;
mod seen;
mod words;

#[cfg(feature = "awake")]
pub use awake::Guard;
pub use core::{Core, DATA_DIR, variable};
pub use face::{Face, Leg};
pub use notice::notices;
pub use seen::{Destination, DestinationState, Listener, Mood, Reason, Seen, Settings, Stream, StreamState};
pub use words::{Key, Words, of_system};
