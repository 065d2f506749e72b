//! What the contract shows: one file a noun, plain data, snake_case, no secret anywhere.
//!
//! The engine's own structures are turned into these in the same file, so that the wire stays as it is when the engine
//! changes. Times are RFC 3339 strings in UTC, durations are seconds, rates are bits a second.

mod destination;
mod event;
mod listener;
mod notice;
mod problem;
mod reconnect;
mod recording;
mod settings;
mod status;
mod stream;
mod time;
mod track;

pub use destination::{Destination, DestinationCreate, DestinationList, DestinationPatch, DestinationState};
pub use event::{DestinationStats, Event, Stats, StreamStats, Topic};
pub use listener::{Listener, ListenerList, ListenerPatch, ListenerState, PortOwner, Reach};
pub use notice::Notice;
pub use problem::{Problem, ProblemList};
pub use reconnect::{Reconnect, ReconnectCreate};
pub use recording::{Recording, RecordingFolder, RecordingList, RecordingState};
pub use settings::{DuplicatePublisher, Settings, SettingsPatch};
pub use status::{IngestAddress, Status, Totals};
pub use stream::{Publisher, Reader, ReaderKind, Stream, StreamList, StreamRecording, StreamState};
pub use track::{Track, TrackKind};

pub(crate) use destination::MASK;
pub(crate) use time::{from_millis, rfc3339};
