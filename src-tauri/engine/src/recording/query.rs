//! Finding recordings: what is searched for, in which order, which page of it.

use std::cmp::Ordering;

use super::index::{Entry, EntryState};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Words that must all occur in the name, the stream or a codec, whatever their case. Empty: everything.
    pub search: String,
    /// Only files in this state.
    pub state: Option<EntryState>,
    /// Only those whose recording failed while the engine ran, or only the others. Such a file is whole as far as it goes.
    pub failed: Option<bool>,
    /// What comes first.
    pub sort: Sort,
    /// Small before large, old before new, A before Z; the reverse otherwise.
    pub ascending: bool,
    /// How many are left out at the beginning.
    pub offset: usize,
    /// How many are given at most.
    pub limit: usize,
}

/// By what recordings are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// When they began.
    #[default]
    Time,
    /// Their name.
    Name,
    /// How long they are; what does not tell comes last.
    Duration,
    /// Their size.
    Size,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The page.
    pub entries: Vec<Entry>,
    /// How many were found on all pages.
    pub matched: usize,
    /// Bytes of all that were found.
    pub matched_bytes: u64,
    /// How many there are.
    pub total: usize,
    /// Bytes of all there are.
    pub total_bytes: u64,
    /// Some are not looked at yet: look again later.
    pub is_partial: bool,
}

impl Query {
    /// Finds among `entries`; `failed` says whose recording failed.
    pub(super) fn find(&self, entries: Vec<Entry>, failed: impl Fn(&Entry) -> bool) -> Found {
        let (total, total_bytes) = (entries.len(), entries.iter().map(|entry| entry.size).sum());
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let fits = |entry: &Entry| {
            self.state.is_none_or(|state| entry.state == state)
                && self.failed.is_none_or(|wanted| failed(entry) == wanted)
                && has_all(entry, &words)
        };
        let mut found: Vec<Entry> = entries.into_iter().filter(fits).collect();
        let (matched, matched_bytes) = (found.len(), found.iter().map(|entry| entry.size).sum());
        found.sort_by(|a, b| self.compare(a, b).then_with(|| a.name.cmp(&b.name)));
        let entries = found.into_iter().skip(self.offset).take(self.limit).collect();
        Found { entries, matched, matched_bytes, total, total_bytes, is_partial: false }
    }

    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        let order = match self.sort {
            Sort::Time => a.time_ms().cmp(&b.time_ms()),
            Sort::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Sort::Size => a.size.cmp(&b.size),
            Sort::Duration => match (a.duration_seconds, b.duration_seconds) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                // Last in both directions.
                (a, b) => return b.is_some().cmp(&a.is_some()),
            },
        };
        if self.ascending { order } else { order.reverse() }
    }
}

fn has_all(entry: &Entry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let codecs = entry.about.tracks.iter().map(|track| track.codec.as_str());
    let text = [entry.name.as_str(), entry.about.stream.as_deref().unwrap_or_default()].into_iter().chain(codecs);
    let text = text.collect::<Vec<_>>().join("\n").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::about::About;
    use super::*;

    fn entry(name: &str, size: u64, seconds: Option<f64>, stream: &str) -> Entry {
        let about = About { stream: Some(stream.to_owned()), started_ms: Some(size * 10), ..About::default() };
        Entry {
            name: name.to_owned(),
            size,
            modified_ms: 0,
            duration_seconds: seconds,
            state: if size > 2 { EntryState::Complete } else { EntryState::Damaged },
            about: Arc::new(about),
        }
    }

    fn names(query: &Query) -> Vec<String> {
        let entries = vec![
            entry("b.flv", 3, Some(2.0), "live/show"),
            entry("Évening/A.mp4", 1, None, "live/camera"),
            entry("c.mp4", 2, Some(7.0), "site/Show"),
        ];
        query.find(entries, |entry| entry.name == "b.flv").entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn all_words_must_occur_and_each_order_goes_both_ways() {
        let all = Query { limit: 10, ..Query::default() };
        for (query, expected) in [
            (all.clone(), vec!["b.flv", "c.mp4", "Évening/A.mp4"]),
            (Query { ascending: true, ..all.clone() }, vec!["Évening/A.mp4", "c.mp4", "b.flv"]),
            (Query { sort: Sort::Name, ascending: true, ..all.clone() }, vec!["b.flv", "c.mp4", "Évening/A.mp4"]),
            (Query { sort: Sort::Duration, ..all.clone() }, vec!["c.mp4", "b.flv", "Évening/A.mp4"]),
            (Query { sort: Sort::Duration, ascending: true, ..all.clone() }, vec!["b.flv", "c.mp4", "Évening/A.mp4"]),
            (Query { search: "SHOW".to_owned(), ..all.clone() }, vec!["b.flv", "c.mp4"]),
            (Query { search: "show mp4".to_owned(), ..all.clone() }, vec!["c.mp4"]),
            (Query { search: "éven".to_owned(), ..all.clone() }, vec!["Évening/A.mp4"]),
            (Query { state: Some(EntryState::Damaged), ..all.clone() }, vec!["c.mp4", "Évening/A.mp4"]),
            (Query { failed: Some(true), ..all.clone() }, vec!["b.flv"]),
            (Query { state: Some(EntryState::Complete), failed: Some(false), ..all.clone() }, vec![]),
            (Query { offset: 1, limit: 1, ..all.clone() }, vec!["c.mp4"]),
            (Query { offset: 9, ..all }, vec![]),
        ] {
            assert_eq!(names(&query), expected, "{query:?}");
        }
    }

    #[test]
    fn a_page_says_how_many_there_are_in_all() {
        let entries = vec![entry("a", 5, None, "x"), entry("b", 6, None, "y"), entry("c", 7, None, "y")];
        let found = Query { search: "y".to_owned(), limit: 1, ..Query::default() }.find(entries, |_| false);
        assert_eq!((found.entries.len(), found.matched, found.total), (1, 2, 3));
        assert_eq!((found.matched_bytes, found.total_bytes), (13, 18));
    }
}
