//! What a server is told of the stream beside its frames.

use bytes::{Bytes, BytesMut};
use weir_amf0::Value;
use weir_flv::egress;
use weir_media::Tracks;

/// Makes a server keep what follows and hand it to everyone who joins (RTMP, as Flash Media Server defined it).
const SET_DATA_FRAME: &str = "@setDataFrame";

/// Messages beside the metadata that mean the same everywhere; others are agreements between one encoder and one platform
/// (OBS before 30.2 sent its second sound track as such) and would be noise to another.
const PASSED_ON: [&str; 6] = ["onTextData", "onCaption", "onCaptionInfo", "onCuePoint", "onFI", "onTimecode"];

/// `@setDataFrame` with what the publisher said of its stream, or with what the tracks tell when it said nothing.
pub(super) fn announcement(tracks: &Tracks) -> Bytes {
    let mut message = BytesMut::new();
    weir_amf0::encode(&SET_DATA_FRAME.into(), &mut message);
    message.extend_from_slice(&egress::metadata(tracks));
    message.freeze()
}

/// Whether a data message of the stream is sent to a destination.
pub(super) fn is_passed_on(message: &[u8]) -> bool {
    let name = weir_amf0::Decoder::new(message).next().and_then(Result::ok);
    name.as_ref().and_then(Value::as_str).is_some_and(|name| PASSED_ON.contains(&name))
}

#[cfg(test)]
mod tests {
    use weir_media::{Codec, Track, TrackId};

    use super::*;

    #[test]
    fn the_publishers_words_are_passed_on_as_they_are() {
        let mut data = Track::new(TrackId::DATA, Codec::Script);
        let mut said = BytesMut::new();
        weir_amf0::encode_all(&["onMetaData".into(), Value::ecma_array([("title", "show")])], &mut said);
        data.config = Some(said.freeze());
        let values = Value::decode_all(&announcement(&Tracks::default().with(data))).unwrap();
        assert_eq!(values[0].as_str(), Some("@setDataFrame"));
        assert_eq!(values[1].as_str(), Some("onMetaData"));
        assert_eq!(values[2].get("title").and_then(Value::as_str), Some("show"));
    }

    #[test]
    fn private_messages_of_an_encoder_stay_here() {
        let message = |name: &str| {
            let mut bytes = BytesMut::new();
            weir_amf0::encode(&name.into(), &mut bytes);
            bytes
        };
        assert!(is_passed_on(&message("onTextData")));
        assert!(!is_passed_on(&message("additionalMedia")));
        assert!(!is_passed_on(&[0xFF, 0xFF]) && !is_passed_on(&[]));
    }
}
