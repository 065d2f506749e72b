//! What the head of a file says: the `onMetaData` tag that stands first (FLV 10.1, E.5).

use weir_amf0::Value;

use super::gap::Gap;
use super::reader::{FileReader, TagKind};
use crate::MessageKind;

/// Longest name or date in bytes that is read: it is kept in memory for every file of a list.
const MAX_TEXT: usize = 256;

/// Most key frames that an index may name: protects memory from a damaged or hostile file.
const MAX_KEY_FRAMES: usize = 1 << 18;

/// What a file is called and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// The stream, `app/name`.
    pub stream: Option<String>,
    /// When it began, RFC 3339.
    pub created: Option<String>,
}

impl Label {
    pub(super) const STREAM: &str = "stream";
    pub(super) const CREATED: &str = "creation_time";

    pub(super) fn read(metadata: &Value) -> Self {
        let text =
            |name| metadata.get(name).and_then(Value::as_str).filter(|text| text.len() <= MAX_TEXT).map(str::to_owned);
        Self { stream: text(Self::STREAM), created: text(Self::CREATED) }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (String, Value)> {
        let fits = |text: &&String| text.len() <= MAX_TEXT;
        let stream =
            self.stream.as_ref().filter(fits).map(|text| (Self::STREAM.to_owned(), Value::String(text.clone())));
        let created =
            self.created.as_ref().filter(fits).map(|text| (Self::CREATED.to_owned(), Value::String(text.clone())));
        stream.into_iter().chain(created)
    }
}

/// What the head of a file says of the rest. Nothing of it is sure to be true.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FileHead {
    /// What it is called and when it began.
    pub label: Label,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// Frames of picture a second.
    pub frame_rate: Option<f64>,
    /// Key frames: when in seconds, and where in the file their tag begins. In the order of time.
    pub key_frames: Vec<(f64, u64)>,
    /// Where something is missing, in the order of the file.
    pub gaps: Vec<Gap>,
}

impl FileHead {
    /// Reads the head from the first bytes of a file; empty where they hold no whole metadata tag.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = FileReader::new();
        reader.push(bytes);
        match reader.next_tag() {
            Ok(Some(tag)) if tag.kind == TagKind::Message(MessageKind::Data) => Self::of_metadata(&tag.body),
            _ => Self::default(),
        }
    }

    fn of_metadata(body: &[u8]) -> Self {
        let metadata = metadata(body);
        let number = |name| metadata.get(name).and_then(Value::as_number).filter(|it| *it > 0.0 && it.is_finite());
        let list = |name| {
            metadata.get("keyframes").and_then(|index| index.get(name)).and_then(Value::items).unwrap_or_default()
        };
        let times = list("times").iter().map(Value::as_number);
        let positions = list("filepositions").iter().map(Value::as_number);
        let whole = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0);
        let mut key_frames: Vec<(f64, u64)> = times
            .zip(positions)
            .map_while(|(time, position)| Some((whole(time)?, whole(position)? as u64)))
            .take(MAX_KEY_FRAMES)
            .collect();
        // An index whose times or places run back is none.
        if !key_frames.is_sorted_by(|a, b| a.0 <= b.0 && a.1 < b.1) {
            key_frames.clear();
        }
        Self {
            label: Label::read(&metadata),
            duration: number("duration"),
            frame_rate: number("framerate"),
            key_frames,
            gaps: Gap::list(&metadata),
        }
    }
}

/// The second value of an `onMetaData` message.
pub(super) fn metadata(body: &[u8]) -> Value {
    let mut values = weir_amf0::Decoder::new(body);
    match (values.next(), values.next()) {
        (Some(Ok(name)), Some(Ok(metadata))) if name.as_str() == Some("onMetaData") => metadata,
        _ => Value::Null,
    }
}
