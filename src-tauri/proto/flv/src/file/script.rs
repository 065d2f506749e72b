//! The `onMetaData` tag at the head of a file, of one size from first to last so that it can be written again in place.

use bytes::{BufMut, Bytes, BytesMut};
use weir_amf0::Value;
use weir_media::{TrackId, Tracks};

use super::gap::Gap;
use super::head::Label;
use super::keyframes::KeyFrame;
use super::{TAG_HEADER, TAG_TRAILER, tag_header};
use crate::MessageKind;
use crate::egress::{described, encode_metadata};

/// Bytes of the publisher's own metadata that are kept: a title is welcome, a picture in base64 is not.
const MAX_FOREIGN: usize = 4 * 1024;

/// Bytes set aside for what the tracks tell, which may come after the head was written, and for the file's label.
const DESCRIPTION: usize = 1024;

/// A number takes 9 bytes in an array: its marker and 8 bytes.
const NUMBER: usize = 9;

/// What the writer has measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) label: Label,
    pub(crate) duration_secs: f64,
    pub(crate) file_size: u64,
    pub(crate) video_bits_per_sec: f64,
    pub(crate) audio_bits_per_sec: f64,
    pub(crate) frame_rate: Option<f64>,
    /// The file was not closed by who wrote it.
    pub(crate) repaired: bool,
    pub(crate) gaps: Vec<Gap>,
}

/// Bytes of the whole tag for an index of `capacity` key frames, the size after it included.
pub(crate) const fn reserved(capacity: usize) -> usize {
    TAG_HEADER + DESCRIPTION + MAX_FOREIGN + capacity.saturating_mul(2 * NUMBER) + TAG_TRAILER
}

/// The tag, exactly `reserved(capacity)` bytes long. What does not fit is left out: first the publisher's own entries,
/// then the last gaps, of which a full index leaves room for some dozens.
pub(crate) fn tag(tracks: &Tracks, measured: &Measured, key_frames: &[KeyFrame], capacity: usize) -> Bytes {
    let room = reserved(capacity).saturating_sub(TAG_HEADER + TAG_TRAILER);
    let mut body = fitting(tracks, measured, key_frames, room).unwrap_or_else(|| padding_alone(room));
    // `padded` returns nothing of another length; should it ever, a short body is better than a shifted file.
    if body.len() < room {
        let mut longer = BytesMut::from(body.as_ref());
        longer.resize(room, 0);
        body = longer.freeze();
    }
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut out = BytesMut::with_capacity(TAG_HEADER + body.len() + TAG_TRAILER);
    out.put_slice(&tag_header(MessageKind::Data.type_id(), size, 0));
    out.put_slice(&body);
    out.put_u32(size.saturating_add(TAG_HEADER as u32));
    out.freeze()
}

fn fitting(tracks: &Tracks, measured: &Measured, key_frames: &[KeyFrame], room: usize) -> Option<Bytes> {
    let own = own_entries(tracks, measured, key_frames);
    let mut gaps = measured.gaps.as_slice();
    loop {
        let mut own = own.clone();
        if !gaps.is_empty() {
            own.push(("cuePoints".into(), Value::StrictArray(gaps.iter().map(Gap::cue).collect())));
        }
        let mut entries = own.clone();
        entries.extend(foreign_entries(tracks, &own));
        if let Some(body) = padded(entries, room).or_else(|| padded(own, room)) {
            return Some(body);
        }
        // An empty list has no half.
        gaps = gaps.get(..gaps.len().checked_sub(1)? / 2)?;
    }
}

fn own_entries(tracks: &Tracks, measured: &Measured, key_frames: &[KeyFrame]) -> Vec<(String, Value)> {
    let number = |name: &str, value: f64| (name.to_owned(), Value::Number(value));
    let mut entries = vec![
        number("duration", measured.duration_secs),
        number("filesize", measured.file_size as f64),
        ("encoder".into(), Value::String("Weir".into())),
    ];
    entries.extend(measured.label.entries());
    if measured.repaired {
        entries.push(("repaired".into(), Value::Boolean(true)));
    }
    let mut description = described(tracks);
    // What is measured is true; what is declared is often not.
    if let Some(rate) = measured.frame_rate {
        description.retain(|(name, _)| name != "framerate");
        description.push(number("framerate", rate));
    }
    entries.extend(description);
    if tracks.find(TrackId::VIDEO).is_some() {
        entries.push(number("videodatarate", measured.video_bits_per_sec / 1000.0));
    }
    if tracks.find(TrackId::AUDIO).is_some() {
        entries.push(number("audiodatarate", measured.audio_bits_per_sec / 1000.0));
    }
    // An index of one place leads nowhere, and FFmpeg warns of it.
    if key_frames.len() > 1 {
        let array =
            |value: fn(&KeyFrame) -> f64| Value::StrictArray(key_frames.iter().map(value).map(Value::Number).collect());
        let index = vec![
            ("filepositions".to_owned(), array(|key_frame| key_frame.position as f64)),
            ("times".to_owned(), array(|key_frame| f64::from(key_frame.millis) / 1000.0)),
        ];
        entries.push(("keyframes".into(), Value::Object(index)));
    }
    entries
}

/// The publisher's entries that say something we do not: plain values, within [`MAX_FOREIGN`].
fn foreign_entries(tracks: &Tracks, own: &[(String, Value)]) -> Vec<(String, Value)> {
    const REPLACED: [&str; 11] = [
        "cuePoints",
        "fileSize",
        "keyframes",
        "framerate",
        "videodatarate",
        "audiodatarate",
        "lasttimestamp",
        "lastkeyframetimestamp",
        "datasize",
        "spare",
        "fill",
    ];
    let config = tracks.find(TrackId::DATA).and_then(|track| track.config.clone());
    let mut values = Value::decode_all(config.as_deref().unwrap_or_default()).unwrap_or_default();
    let Some(Value::EcmaArray(entries)) = values.pop() else { return Vec::new() };
    let mut left = MAX_FOREIGN;
    let fits = |(name, value): &(String, Value)| {
        let size = match value {
            // FFmpeg gives up on metadata when a string is longer than its buffer.
            Value::String(text) if text.len() < 1000 => text.len() + 3,
            Value::Number(_) => NUMBER,
            Value::Boolean(_) => 2,
            _ => return false,
        } + name.len()
            + 2;
        let known = own.iter().any(|(own, _)| own == name) || REPLACED.contains(&name.as_str());
        let fits = !known && size <= left && name.len() < 200;
        left -= if fits { size } else { 0 };
        fits
    };
    entries.into_iter().filter(fits).collect()
}

/// The message with padding so that it has `room` bytes; `None` when it does not fit.
///
/// Padding is an array of zeros and, for the rest of less than nine bytes, a string: both are short enough for FFmpeg, which
/// gives up on long strings.
fn padded(mut entries: Vec<(String, Value)>, room: usize) -> Option<Bytes> {
    entries.push(("spare".into(), Value::StrictArray(Vec::new())));
    entries.push(("fill".into(), Value::String(String::new())));
    let spare = room.checked_sub(encode_metadata(entries.clone()).len())?;
    entries.truncate(entries.len().saturating_sub(2));
    entries.push(("spare".into(), Value::StrictArray(vec![Value::Number(0.0); spare / NUMBER])));
    entries.push(("fill".into(), Value::String(" ".repeat(spare % NUMBER))));
    Some(encode_metadata(entries)).filter(|body| body.len() == room)
}

fn padding_alone(room: usize) -> Bytes {
    padded(Vec::new(), room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use weir_media::{Codec, Track};

    use super::*;

    #[test]
    fn the_tag_has_one_size_whatever_it_says() {
        let key_frame = |number: u32| KeyFrame { millis: number * 2000, position: 1 << 33 };
        let long = crate::egress::encode_metadata(vec![
            ("title".into(), Value::String("x".repeat(900))),
            ("fileSize".into(), Value::Number(1.0)),
            ("keyframes".into(), Value::Null),
        ]);
        let data = Track { config: Some(long), ..Track::new(TrackId::DATA, Codec::Script) };
        let video = Track::new(TrackId::VIDEO, Codec::H264);
        let full: Vec<_> = (0..20).map(key_frame).collect();
        for (tracks, count) in [
            (Tracks::default(), 0),
            (Tracks::default().with(video.clone()), 7),
            (Tracks::default().with(data).with(video), 20),
        ] {
            let tag = tag(&tracks, &Measured::default(), &full[..count], 20);
            assert_eq!(tag.len(), reserved(20));
            let values = Value::decode_all(&tag[TAG_HEADER..tag.len() - TAG_TRAILER]).unwrap();
            let positions = values[1].get("keyframes").and_then(|index| index.get("filepositions")?.items());
            assert_eq!(positions.map_or(0, <[Value]>::len), count);
            assert_eq!(values[1].get("title").is_some(), count == 20);
            assert!(values[1].get("fileSize").is_none());
        }
    }

    #[test]
    fn beside_a_full_index_the_head_lists_as_many_gaps_as_fit() {
        use std::time::Duration;

        use crate::file::{FileHead, GapCause};

        let key_frame = |number: u32| KeyFrame { millis: number * 2000, position: u64::from(number) << 20 };
        let gap = |number: u32| Gap {
            at_millis: number * 9000,
            missing: Duration::from_millis(1234),
            cause: GapCause::PublisherAway,
            frames: 0,
        };
        let tracks = Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H264));
        let index: Vec<_> = (0..2048).map(key_frame).collect();
        for (count, least) in [(0, 0), (1, 1), (30, 30), (255, 31)] {
            let measured = Measured { gaps: (0..count).map(gap).collect(), ..Measured::default() };
            let tag = tag(&tracks, &measured, &index, 2048);
            assert_eq!(tag.len(), reserved(2048));
            let file = [&crate::file::file_header(true, true)[..], &tag].concat();
            let head = FileHead::parse(&file);
            assert_eq!(head.key_frames.len(), 2048, "{count} gaps");
            assert!(head.gaps.len() >= least, "{count} gaps, {} of them listed", head.gaps.len());
            assert!(measured.gaps.starts_with(&head.gaps));
            // A short file has room for all of them.
            let tag = super::tag(&tracks, &measured, &index[..100], 2048);
            let head = FileHead::parse(&[&crate::file::file_header(true, true)[..], &tag].concat());
            assert_eq!((tag.len(), head.gaps), (reserved(2048), measured.gaps));
        }
    }
}
