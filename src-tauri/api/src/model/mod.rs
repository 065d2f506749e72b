//! What the contract shows: one file a noun, plain data, snake_case, no secret anywhere.
//!
//! The engine's own structures are turned into these in the same file, so that the wire stays as it is when the engine
//! changes. Times are RFC 3339 strings in UTC, durations are seconds, rates are bits a second.

mod access;
mod certificate;
mod config;
mod desktop;
mod destination;
mod event;
mod health;
mod history;
mod hook;
mod listener;
mod log;
mod notice;
mod preset;
mod problem;
mod reconnect;
mod recording;
mod recording_job;
mod recording_media;
mod recording_settings;
mod secret;
mod settings;
mod srt;
mod status;
mod stream;
mod stream_key;
mod time;
mod track;

pub use access::{Access, AccessMode, AccessPatch};
pub use certificate::{Certificate, CertificateCreate, CertificateSource, TrustStep};
pub use config::ConfigDocument;
pub use desktop::{Desktop, DesktopPatch};
pub use destination::{
    BackupUse, Destination, DestinationBackup, DestinationCreate, DestinationError, DestinationLine, DestinationList,
    DestinationPatch, DestinationStart, DestinationState, DestinationStep, StartRule,
};
pub use event::{DestinationStats, Event, Stats, StreamStats, Topic};
pub use health::{Encoder, Finding, Health, HealthLevel};
pub use history::{DestinationHistory, DestinationSeries, StreamEvent, StreamHistory, StreamSeries};
pub use hook::{Hook, HookCreate, HookKind, HookList, HookPatch, HookResult, HookTest};
pub use listener::{Listener, ListenerList, ListenerPatch, ListenerState, OwnService, PortOwner, Reach};
pub use log::{LogLevel, LogLine, LogList, LogQuery};
pub use notice::Notice;
pub use preset::{
    Preset, PresetCheckQuery, PresetFindings, PresetKeyOption, PresetKind, PresetLimits, PresetList, PresetServer,
};
pub use problem::{Problem, ProblemList};
pub use reconnect::{Reconnect, ReconnectCreate};
pub use recording::{
    Order, Recording, RecordingContainer, RecordingFolder, RecordingList, RecordingPatch, RecordingQuery,
    RecordingRemoval, RecordingSort, RecordingState, RecordingTrack,
};
pub use recording_job::{RecordingJob, RecordingJobCreate, RecordingJobKind, RecordingJobList, RecordingJobState};
pub use recording_media::{
    RecordingChoice, RecordingFragment, RecordingInitialization, RecordingMedia, RecordingPicture,
};
pub use recording_settings::{
    ContainerChoice, OnReturn, RecordingRule, RecordingSettings, RecordingSettingsPatch, WhenFull,
};
pub use settings::{DuplicatePublisher, Settings, SettingsPatch};
pub use srt::{
    BareStreamId, SrtDelivery, SrtEncryption, SrtLink, SrtPassphrase, SrtPassphraseCreate, SrtPassphraseFile,
    SrtPassphraseList, SrtPatch, SrtSettings, SrtStatistics, TransportFaults,
};
pub use status::{IngestAddress, SecretStorage, Status, Totals};
pub use stream::{Publisher, Reader, ReaderKind, Stream, StreamList, StreamRecording, StreamState};
pub use stream_key::{StreamKey, StreamKeyAction, StreamKeyCreate, StreamKeyList, StreamKeySecret};
pub use track::{Track, TrackKind};

pub(crate) use access::of_engine as access_notice;
pub(crate) use destination::MASK;
pub(crate) use stream::Recorded;
pub(crate) use time::{from_millis, rfc3339};
