//! Sets of packets that are kept as ranges: what is lost comes in runs.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of packet positions; ranges in it neither overlap nor touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct RangeSet(BTreeMap<i64, i64>);

impl RangeSet {
    /// Adds a range.
    pub(crate) fn insert(&mut self, range: Range<i64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        if let Some((&before, &before_end)) = self.0.range(..=start).next_back()
            && before_end >= start
        {
            (start, end) = (before, end.max(before_end));
        }
        while let Some((&next, &next_end)) = self.0.range(start..=end).next() {
            end = end.max(next_end);
            self.0.remove(&next);
        }
        self.0.insert(start, end);
    }

    /// Takes a range out; says how many were in the set.
    pub(crate) fn remove(&mut self, range: Range<i64>) -> i64 {
        let mut removed = 0;
        if range.is_empty() {
            return removed;
        }
        // From the last range that begins before the end backwards.
        while let Some((&start, &end)) = self.0.range(..range.end).next_back() {
            if end <= range.start {
                break;
            }
            self.0.remove(&start);
            if end > range.end {
                self.0.insert(range.end, end);
            }
            if start < range.start {
                self.0.insert(start, range.start);
            }
            removed += end.min(range.end) - start.max(range.start);
        }
        removed
    }

    /// Takes everything before `position` out.
    pub(crate) fn remove_before(&mut self, position: i64) -> i64 {
        self.remove(i64::MIN..position)
    }

    /// Where the range ends that a position is in.
    pub(crate) fn end_of(&self, position: i64) -> Option<i64> {
        let (_, &end) = self.0.range(..=position).next_back()?;
        (end > position).then_some(end)
    }

    /// The first range.
    pub(crate) fn first(&self) -> Option<Range<i64>> {
        self.0.first_key_value().map(|(&start, &end)| start..end)
    }

    /// Takes the first position out.
    pub(crate) fn pop_first(&mut self) -> Option<i64> {
        let (start, end) = self.0.pop_first()?;
        if start + 1 < end {
            self.0.insert(start + 1, end);
        }
        Some(start)
    }

    /// The parts of the set within a range.
    pub(crate) fn within(&self, range: Range<i64>) -> impl Iterator<Item = Range<i64>> + '_ {
        let before = self.0.range(..range.start).next_back();
        let (from, to) = (range.start, range.end.max(range.start));
        let parts = before.into_iter().chain(self.0.range(from..to));
        parts.map(move |(&start, &end)| start.max(from)..end.min(to)).filter(|part| !part.is_empty())
    }

    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = Range<i64>> + '_ {
        self.0.iter().map(|(&start, &end)| start..end)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(steps in prop::collection::vec((any::<bool>(), 0_i64..60, 0_i64..20), 0..60)) {
            let (mut ranges, mut plain) = (RangeSet::default(), BTreeSet::new());
            for (insert, start, len) in steps {
                if insert {
                    ranges.insert(start..start + len);
                    plain.extend(start..start + len);
                } else {
                    let before = plain.len();
                    plain.retain(|position| !(start..start + len).contains(position));
                    prop_assert_eq!(ranges.remove(start..start + len), (before - plain.len()) as i64);
                }
                prop_assert!(ranges.iter().flatten().eq(plain.iter().copied()));
                prop_assert!(ranges.within(20..40).flatten().eq(plain.range(20..40).copied()));
                for position in 0..80 {
                    let mut after = (position..).skip_while(|next| plain.contains(next));
                    let end = plain.contains(&position).then(|| after.next().unwrap());
                    prop_assert_eq!(ranges.end_of(position), end);
                }
                let all: Vec<_> = ranges.iter().collect();
                prop_assert!(all.windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }
    }
}
