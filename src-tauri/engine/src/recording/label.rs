//! What a file says of where it comes from, so that a list can be made of the files alone.

/// The stream, and when the file began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Label {
    /// `app/name`.
    pub(super) stream: Option<String>,
    /// Milliseconds since 1970.
    pub(super) started_ms: Option<u64>,
}

impl Label {
    /// A file of `stream` that begins now.
    pub(super) fn now(stream: &weir_media::StreamPath) -> Self {
        Self { stream: Some(stream.as_str().to_owned()), started_ms: Some(crate::problem::now_millis()) }
    }
}

impl From<&Label> for weir_mp4::Label {
    fn from(label: &Label) -> Self {
        Self { title: label.stream.clone(), created: label.started_ms.map(|millis| millis / 1000) }
    }
}

impl From<&Label> for weir_flv::file::Label {
    fn from(label: &Label) -> Self {
        let date = |millis: u64| jiff::Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok();
        Self { stream: label.stream.clone(), created: label.started_ms.and_then(date).map(|date| date.to_string()) }
    }
}
