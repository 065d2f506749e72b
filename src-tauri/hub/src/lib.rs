//! The heart of Weir: one ring of frames a stream, every output an independent reader.
//!
//! A protocol that receives a stream asks [`Hub::publish`] for a [`Publisher`] and writes [`weir_media::Frame`]s into it;
//! anything that sends a stream on (a player, a recording, a destination) asks [`Hub::subscribe`] for a [`Subscriber`] and
//! pulls batches. A reader never makes the publisher wait: one that falls behind meets its [`LagPolicy`]. A stream
//! outlives its publisher for a grace time, on one timeline that never runs backwards.

mod delivery;
mod event;
mod hub;
mod lead;
mod options;
mod publisher;
mod ring;
mod stats;
mod stream;
mod subscriber;
mod timeline;

pub use delivery::{Delivery, EndReason};
pub use event::{Event, Observer, Read, Written};
pub use hub::{Hub, PublishError, SubscribeError};
pub use lead::{Lead, Span};
pub use options::{ConnectionId, DuplicatePolicy, HubOptions, LagPolicy, Origin, Role, Start, SubscribeOptions};
pub use publisher::{Publisher, PublisherClosed};
pub use stats::{ReaderSnapshot, StreamSnapshot, StreamState, TrackSnapshot};
pub use stream::{PublisherId, StreamId};
pub use subscriber::{Subscriber, SubscriberId};
