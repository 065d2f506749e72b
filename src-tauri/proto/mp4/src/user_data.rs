//! What a file says of itself to people: its title, when it began, and where something is missing in it.

use crate::boxes::Boxes;
use crate::reader::{Fields, child, children};

/// Seconds from 1904, from which MP4 counts, to 1970.
const EPOCH: u64 = 2_082_844_800;

/// Longest title in bytes that is read: it is kept in memory for every file of a list.
const MAX_TITLE: usize = 1024;

/// Most chapters: their number has one byte (and a recording with more gaps than that has other problems).
const MAX_CHAPTERS: usize = 255;

/// A millisecond in the units of 100 ns in which chapters count.
const UNITS: u64 = 10_000;

/// What stands between how much is missing and why.
const MISSING: &str = " s missing: ";

/// What a file is called and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// The title that players show (`©nam`).
    pub title: Option<String>,
    /// When it began, in seconds since 1970 (`mvhd`, `creation_time`).
    pub created: Option<u64>,
}

impl Label {
    /// The creation time as the file counts it; 0 where it is not known.
    pub(crate) fn created_since_1904(&self) -> u64 {
        self.created.map_or(0, |seconds| seconds.saturating_add(EPOCH))
    }

    pub(crate) fn parse(moov: &[u8]) -> Self {
        let created = child(moov, b"mvhd").and_then(|mvhd| {
            let mut fields = Fields(mvhd);
            let (version, _) = fields.version_flags()?;
            fields.sized(version)?.checked_sub(EPOCH)
        });
        Self { title: title(moov), created }
    }
}

/// A place in a file that players can jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Where, in milliseconds from the beginning of the file.
    pub at_millis: u64,
    /// What is there.
    pub title: String,
    /// Where it stands for something that is missing: that.
    pub gap: Option<Gap>,
}

/// Something is missing: the publisher was away, or the disk was too slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where, in milliseconds from the beginning of the file.
    pub at_millis: u64,
    /// How much is missing, in milliseconds.
    pub missing_millis: u64,
    /// Why, in a word or two.
    pub reason: String,
}

impl Gap {
    /// As players show it. A closed file keeps nothing else of it, so that [`Gap::of_words`] reads it back.
    fn words(&self) -> String {
        format!("{:.1}{MISSING}{}", self.missing_millis as f64 / 1e3, self.reason)
    }

    /// The gap at `at_millis` that these words tell of, to the tenth of a second; `None` for what others call their chapters.
    fn of_words(at_millis: u64, words: &str) -> Option<Self> {
        let (seconds, reason) = words.split_once(MISSING)?;
        let missing = std::time::Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
        let missing_millis = u64::try_from(missing.as_millis()).ok()?;
        Some(Self { at_millis, missing_millis, reason: reason.to_owned() })
    }

    fn chapter(&self) -> Chapter {
        Chapter { at_millis: self.at_millis, title: self.words(), gap: Some(self.clone()) }
    }

    /// Within a `moof`, where a repair finds it: a `udta` box, which every reader passes over.
    pub(crate) fn write(&self, boxes: &mut Boxes) {
        boxes.put(b"gap ", |boxes| {
            boxes.u64(self.at_millis);
            boxes.u64(self.missing_millis);
            boxes.bytes(self.reason.as_bytes());
        });
    }

    pub(crate) fn parse_all(moof: &[u8]) -> Vec<Self> {
        let gap = |content: &[u8]| {
            let mut fields = Fields(content);
            let (at_millis, missing_millis) = (fields.u64()?, fields.u64()?);
            let reason = fields.0.get(..MAX_TITLE.min(fields.0.len()))?;
            Some(Self { at_millis, missing_millis, reason: String::from_utf8_lossy(reason).into_owned() })
        };
        let gaps = children(child(moof, b"udta").unwrap_or_default()).filter(|(kind, _)| kind.0 == *b"gap ");
        gaps.filter_map(|(_, content)| gap(content)).take(MAX_CHAPTERS).collect()
    }
}

/// The `udta` of a movie: the title as iTunes writes it, the gaps as chapters, which players show and editors keep.
pub(crate) fn write(boxes: &mut Boxes, label: &Label, gaps: &[Gap]) {
    if label.title.is_none() && gaps.is_empty() {
        return;
    }
    boxes.put(b"udta", |boxes| {
        if let Some(title) = &label.title {
            write_title(boxes, title);
        }
        if !gaps.is_empty() {
            write_chapters(boxes, label, gaps);
        }
    });
}

fn write_title(boxes: &mut Boxes, title: &str) {
    boxes.put_full(b"meta", 0, 0, |boxes| {
        boxes.put_full(b"hdlr", 0, 0, |boxes| {
            boxes.u32(0);
            boxes.bytes(b"mdirappl");
            boxes.zeros(9);
        });
        boxes.put(b"ilst", |boxes| {
            boxes.put(b"\xA9nam", |boxes| {
                boxes.put(b"data", |boxes| {
                    // UTF-8, in no special language.
                    boxes.u32(1);
                    boxes.u32(0);
                    boxes.bytes(title.as_bytes());
                });
            });
        });
    });
}

/// The chapters of a file with these gaps: its beginning, and each of them. None without gaps.
pub(crate) fn chapters_of(label: &Label, gaps: &[Gap]) -> Vec<Chapter> {
    if gaps.is_empty() {
        return Vec::new();
    }
    let title = label.title.clone().unwrap_or_else(|| "Start".to_owned());
    let first = Chapter { at_millis: 0, title, gap: None };
    std::iter::once(first).chain(gaps.iter().map(Gap::chapter)).take(MAX_CHAPTERS).collect()
}

/// The chapters that a `moov` tells of, whoever wrote it.
pub(crate) fn parse_chapters(moov: &[u8]) -> Vec<Chapter> {
    let found = child(moov, b"udta").and_then(|udta| child(udta, b"chpl")).and_then(|content| {
        let mut fields = Fields(content);
        let (version, _) = fields.version_flags()?;
        // Version 0 has no reserved word before the count.
        if version > 0 {
            fields.skip(4)?;
        }
        let [count] = fields.take::<1>()?;
        let chapter = |_| {
            let at_millis = fields.u64()? / UNITS;
            let [len] = fields.take::<1>()?;
            let title = fields.0.get(..usize::from(len))?;
            fields.skip(usize::from(len))?;
            let title = String::from_utf8_lossy(title).into_owned();
            Some(Chapter { at_millis, gap: Gap::of_words(at_millis, &title), title })
        };
        Some((0..count).map_while(chapter).collect())
    });
    found.unwrap_or_default()
}

/// `chpl`, the chapters of Nero.
fn write_chapters(boxes: &mut Boxes, label: &Label, gaps: &[Gap]) {
    let chapters = chapters_of(label, gaps);
    boxes.put_full(b"chpl", 1, 0, |boxes| {
        boxes.u32(0);
        boxes.u8(u8::try_from(chapters.len()).unwrap_or(u8::MAX));
        for Chapter { at_millis, title: mut words, .. } in chapters {
            let mut end = words.len().min(usize::from(u8::MAX));
            while !words.is_char_boundary(end) {
                end -= 1;
            }
            words.truncate(end);
            boxes.u64(at_millis.saturating_mul(UNITS));
            boxes.u8(u8::try_from(words.len()).unwrap_or(0));
            boxes.bytes(words.as_bytes());
        }
    });
}

fn title(moov: &[u8]) -> Option<String> {
    let meta = child(child(moov, b"udta")?, b"meta")?.get(4..)?;
    let data = child(child(child(meta, b"ilst")?, b"\xA9nam")?, b"data")?.get(8..)?;
    let text = std::str::from_utf8(data).ok()?;
    (!text.is_empty() && text.len() <= MAX_TITLE).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_read_as_they_were_written() {
        let label = Label { title: Some("live/show".to_owned()), created: None };
        let gap = |at_millis| Gap { at_millis, missing_millis: 2_000, reason: "the encoder was away".to_owned() };
        let gaps = [gap(3_000), gap(7_250)];
        let mut boxes = Boxes::default();
        write(&mut boxes, &label, &gaps);
        let written = boxes.finish().freeze();
        let read = parse_chapters(&written);
        assert_eq!(read, chapters_of(&label, &gaps));
        assert_eq!((read.len(), read[2].at_millis), (3, 7_250));
        for end in 0..written.len() {
            // Whatever is cut off, what is read is a beginning of it.
            let cut = parse_chapters(&written[..end]);
            assert!(read.starts_with(&cut), "{end}: {cut:?}");
        }
        assert!(chapters_of(&label, &[]).is_empty());
    }

    #[test]
    fn what_is_missing_is_read_from_its_words() {
        let words = |missing_millis| Gap { at_millis: 7, missing_millis, reason: "why: so".to_owned() }.words();
        let read = |millis| Gap::of_words(7, &words(millis)).map(|gap| (gap.at_millis, gap.missing_millis, gap.reason));
        for (millis, told) in [(0, 0), (49, 0), (2_000, 2_000), (86_400_060, 86_400_100)] {
            assert_eq!(read(millis), Some((7, told, "why: so".to_owned())));
        }
        for words in ["", "live/show", " s missing: ", "-1 s missing: x", "NaN s missing: x", "1e300 s missing: x"] {
            assert_eq!(Gap::of_words(0, words), None, "{words:?}");
        }
    }
}
