//! Places of a recording to jump to, of either container in one form.

/// A place to jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Where, in milliseconds of playing.
    pub at_millis: u64,
    /// What is there, as the file has it.
    pub title: String,
    /// What is missing there, where it stands for that.
    pub gap: Option<Gap>,
}

/// Something is missing. Time goes on over it: the picture stands still meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How much, in milliseconds.
    pub missing_millis: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why something is missing in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The encoder was away.
    EncoderAway,
    /// The disk was slower than the stream.
    DiskSlow,
}

impl GapCause {
    /// As an MP4 file says it.
    pub(in super::super) const fn words(self) -> &'static str {
        match self {
            Self::EncoderAway => "the encoder was away",
            Self::DiskSlow => "the disk was too slow",
        }
    }
}

impl From<&weir_mp4::Chapter> for Chapter {
    fn from(chapter: &weir_mp4::Chapter) -> Self {
        let gap = chapter.gap.as_ref().and_then(|gap| {
            let cause = [GapCause::EncoderAway, GapCause::DiskSlow].into_iter().find(|it| it.words() == gap.reason)?;
            Some(Gap { missing_millis: gap.missing_millis, cause })
        });
        Self { at_millis: chapter.at_millis, title: chapter.title.clone(), gap }
    }
}

impl Chapter {
    /// The gap of an FLV file, which is at `at_millis` of playing.
    pub(super) fn of_flv(at_millis: u64, gap: &weir_flv::file::Gap) -> Self {
        let cause = match gap.cause {
            weir_flv::file::GapCause::PublisherAway => GapCause::EncoderAway,
            weir_flv::file::GapCause::DiskSlow => GapCause::DiskSlow,
        };
        let title = format!("{:.1} s missing: {}", gap.missing.as_secs_f64(), cause.words());
        let missing_millis = u64::try_from(gap.missing.as_millis()).unwrap_or(u64::MAX);
        Self { at_millis, title, gap: Some(Gap { missing_millis, cause }) }
    }
}
