//! An event that did not happen, for trying a hook.

use std::time::Duration;

use weir_hub::{ConnectionId, EndReason, Read, Written};
use weir_media::{StreamPath, TrackId};

use crate::auth::Action;
use crate::lifecycle::{Event, Kind, Role, What};
use crate::problem::now_millis;

/// A sample of `kind`, with values as a real session has them.
pub(super) fn sample(kind: Kind) -> Event {
    let (minute, protocol) = (Duration::from_secs(60), "rtmp");
    let peer = Some(([127, 0, 0, 1], 50_000).into());
    let file = Some("live_sample_20260101_200000.flv".to_owned());
    let id = "sample".to_owned();
    let what = match kind {
        Kind::ConnectionAccept => What::ConnectionAccept { protocol, peer, tls: false },
        Kind::ConnectionClose => What::ConnectionClose { protocol, role: Role::Publisher, lasted: minute },
        Kind::HandshakeComplete => What::HandshakeComplete,
        Kind::StreamCreate => What::StreamCreate,
        Kind::StreamDelete => What::StreamDelete { reason: EndReason::PublisherLeft },
        Kind::PublishStart => What::PublishStart { protocol, peer, resumed: false },
        Kind::PublishStop => What::PublishStop {
            protocol,
            written: Written { audio_frames: 2_813, video_frames: 1_800, data_frames: 1, bytes: 45_000_000 },
            audio_codec: Some("AAC".to_owned()),
            video_codec: Some("H.264".to_owned()),
            lasted: minute,
            reason: EndReason::PublisherLeft,
        },
        Kind::PlayStart => What::PlayStart { protocol, peer },
        Kind::PlayStop => {
            let read = Read { lasted: minute, frames: 4_613, skipped: 0, bytes: 45_200_000 };
            What::PlayStop { protocol, read }
        }
        Kind::CodecDetected => What::CodecDetected { track: TrackId::VIDEO, codec: "H.264".to_owned() },
        Kind::SubscriberCount => What::SubscriberCount { count: 1 },
        Kind::AuthFailed => What::AuthFailed { action: Action::Publish, error: "the token is wrong".to_owned() },
        Kind::RecordingStart => What::RecordingStart { id, file },
        Kind::RecordingComplete => What::RecordingComplete { id, file, bytes: 45_100_000, lasted: minute },
        Kind::RecordingError => {
            What::RecordingError { id, file, code: "disk_full".to_owned(), error: "The disk is full.".to_owned() }
        }
        Kind::DestinationState => {
            let (name, state) = ("Sample".to_owned(), "live".to_owned());
            What::DestinationState { id, name, state, error: None, backup: false }
        }
        Kind::StreamHealth => What::StreamHealth { health: "good".to_owned(), reason: String::new() },
    };
    let connection = match kind {
        Kind::StreamDelete
        | Kind::SubscriberCount
        | Kind::RecordingStart
        | Kind::RecordingComplete
        | Kind::RecordingError
        | Kind::DestinationState
        | Kind::StreamHealth => None,
        _ => Some(ConnectionId(0)),
    };
    let of_stream = !matches!(kind, Kind::ConnectionAccept | Kind::HandshakeComplete);
    let path = StreamPath::parse("live/sample").ok().filter(|_| of_stream);
    Event { at: now_millis(), connection, path, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sample_of_every_kind() {
        for kind in Kind::ALL {
            assert_eq!(sample(*kind).kind(), *kind);
        }
    }
}
