//! Walking through a sample table from anywhere, without spreading it out: a place in it is a few numbers.

use super::{Run, Sample, SampleTable};

/// A place in a [`SampleTable`], before a sample.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    sample: usize,
    time: u64,
    duration: Place,
    offset: Place,
    sync: usize,
    chunk: usize,
    in_chunk: u32,
    position: u64,
}

/// A place in a list of runs.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    run: usize,
    used: u32,
}

impl Place {
    fn next<T: Copy>(&mut self, runs: &[Run<T>]) -> Option<T> {
        while let Some(run) = runs.get(self.run) {
            if self.used < run.count {
                self.used += 1;
                return Some(run.value);
            }
            *self = Self { run: self.run + 1, used: 0 };
        }
        None
    }
}

/// A sample with where and when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) position: u64,
    /// Decoding time in ticks.
    pub(crate) time: u64,
    pub(crate) sample: Sample,
}

impl SampleTable {
    /// The sample at the cursor, which then stands behind it.
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Option<Placed> {
        let size = *self.sizes.get(cursor.sample)?;
        let mut chunk = self.chunks.get(cursor.chunk)?;
        while cursor.in_chunk >= chunk.samples {
            cursor.chunk += 1;
            cursor.in_chunk = 0;
            chunk = self.chunks.get(cursor.chunk)?;
        }
        let position = if cursor.in_chunk == 0 { chunk.position } else { cursor.position };
        let duration = cursor.duration.next(&self.durations).unwrap_or(0);
        let offset = cursor.offset.next(&self.offsets).unwrap_or(0);
        let number = u32::try_from(cursor.sample + 1).unwrap_or(u32::MAX);
        while self.syncs.get(cursor.sync).is_some_and(|sync| *sync < number) {
            cursor.sync += 1;
        }
        let sync = self.syncs.get(cursor.sync) == Some(&number);
        let placed = Placed { position, time: cursor.time, sample: Sample { size, duration, offset, sync } };
        cursor.sample += 1;
        cursor.time = cursor.time.saturating_add(u64::from(duration));
        cursor.in_chunk += 1;
        cursor.position = position.saturating_add(u64::from(size));
        Some(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::Boxes;

    #[test]
    fn what_was_written_is_read_and_walked_through_from_anywhere() {
        let mut table = SampleTable::default();
        let sample = |number: u32| Sample {
            size: 10 + number % 3,
            duration: if number == 7 { 5 } else { 40 },
            offset: if number.is_multiple_of(2) { 80 } else { -40 },
            sync: number.is_multiple_of(5),
        };
        let mut expected = Vec::new();
        let mut time = 0;
        for chunk in 0..4_u32 {
            let mut position = 1 << 33 | u64::from(chunk) << 10;
            let samples: Vec<_> = (0..=chunk).map(|index| sample(chunk * 4 + index)).collect();
            for sample in &samples {
                expected.push(Placed { position, time, sample: *sample });
                position += u64::from(sample.size);
                time += u64::from(sample.duration);
            }
            table.add_chunk(1 << 33 | u64::from(chunk) << 10, samples);
        }
        let mut boxes = Boxes::default();
        table.write(&mut boxes);
        let bytes = boxes.finish();
        let read = SampleTable::parse(&bytes, 100).unwrap();
        let mut cursor = Cursor::default();
        for (at, expected) in expected.iter().enumerate() {
            let mut here = cursor;
            assert_eq!(read.next(&mut cursor).as_ref(), Some(expected), "sample {at}");
            assert_eq!(read.next(&mut here).as_ref(), Some(expected), "sample {at} again");
        }
        assert_eq!(read.next(&mut cursor), None);
        for cut in 0..bytes.len() {
            // Cut anywhere, an answer and no panic.
            let _ = SampleTable::parse(bytes.get(..cut).unwrap(), 100);
        }
    }
}
