//! The sample tables of one track, kept small: a day of video and audio is some sixty megabytes.

mod cursor;
mod read;

pub(crate) use cursor::{Cursor, Placed};
pub(crate) use read::MAX_SAMPLES;

use crate::boxes::Boxes;

/// One sample as a fragment holds it, in ticks of the track's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) size: u32,
    pub(crate) duration: u32,
    /// Composition offset: presentation minus decoding time.
    pub(crate) offset: i32,
    pub(crate) sync: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run<T> {
    count: u32,
    value: T,
}

fn push_run<T: PartialEq>(runs: &mut Vec<Run<T>>, value: T) {
    match runs.last_mut() {
        Some(run) if run.value == value && run.count < u32::MAX => run.count += 1,
        _ => runs.push(Run { count: 1, value }),
    }
}

/// A run of samples that lie one after the other in the file.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    position: u64,
    samples: u32,
}

#[derive(Debug, Default)]
pub(crate) struct SampleTable {
    durations: Vec<Run<u32>>,
    offsets: Vec<Run<i32>>,
    sizes: Vec<u32>,
    /// Numbers of the sync samples, from 1.
    syncs: Vec<u32>,
    chunks: Vec<Chunk>,
    duration: u64,
    /// Where the first sample stands in the fragments, in ticks: the tables count from it.
    begin: u64,
    /// When the sample that is shown last has been shown, in ticks.
    shown_until: u64,
}

impl SampleTable {
    /// Adds samples that lie one after the other from `position` on.
    pub(crate) fn add_chunk(&mut self, position: u64, samples: impl IntoIterator<Item = Sample>) {
        let before = self.sizes.len();
        for sample in samples {
            push_run(&mut self.durations, sample.duration);
            push_run(&mut self.offsets, sample.offset);
            self.sizes.push(sample.size);
            if sample.sync {
                self.syncs.push(self.len());
            }
            self.duration += u64::from(sample.duration);
            self.shown_until = self.shown_until.max(self.duration.saturating_add_signed(i64::from(sample.offset)));
        }
        let added = self.sizes.len() - before;
        if added > 0 {
            self.chunks.push(Chunk { position, samples: u32::try_from(added).unwrap_or(u32::MAX) });
        }
    }

    /// Says where the first sample stands in the fragments, in ticks. False when there is one already.
    pub(crate) fn begins_at(&mut self, start: u64) -> bool {
        let begins = self.sizes.is_empty();
        if begins {
            self.begin = start;
        }
        begins
    }

    /// Lets the last sample last until `start`, in ticks, when what follows begins only then: what was between is lost.
    pub(crate) fn reach(&mut self, start: u64) {
        let reached = self.begin.saturating_add(self.duration);
        let missing = start.checked_sub(reached).and_then(|missing| u32::try_from(missing).ok());
        let Some((missing, last)) = missing.filter(|missing| *missing > 0).zip(self.durations.last_mut()) else {
            return;
        };
        let Some(longer) = last.value.checked_add(missing) else { return };
        last.count -= 1;
        if last.count == 0 {
            self.durations.pop();
        }
        push_run(&mut self.durations, longer);
        self.duration += u64::from(missing);
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// Sum of all durations, in ticks.
    pub(crate) const fn duration(&self) -> u64 {
        self.duration
    }

    /// When the sample that is shown last has been shown, in ticks.
    pub(crate) const fn shown_until(&self) -> u64 {
        self.shown_until
    }

    /// Writes the boxes of an `stbl` that follow `stsd` (ISO/IEC 14496-12, 8.6, 8.7).
    pub(crate) fn write(&self, boxes: &mut Boxes) {
        boxes.put_full(b"stts", 0, 0, |boxes| {
            boxes.u32(count(&self.durations));
            for run in &self.durations {
                boxes.u32(run.count);
                boxes.u32(run.value);
            }
        });
        if self.offsets.iter().any(|run| run.value != 0) {
            boxes.put_full(b"ctts", 1, 0, |boxes| {
                boxes.u32(count(&self.offsets));
                for run in &self.offsets {
                    boxes.u32(run.count);
                    boxes.i32(run.value);
                }
            });
        }
        if self.syncs.len() < self.sizes.len() {
            boxes.put_full(b"stss", 0, 0, |boxes| {
                boxes.u32(count(&self.syncs));
                self.syncs.iter().for_each(|number| boxes.u32(*number));
            });
        }
        boxes.put_full(b"stsz", 0, 0, |boxes| {
            boxes.u32(0);
            boxes.u32(self.len());
            self.sizes.iter().for_each(|size| boxes.u32(*size));
        });
        self.write_chunks(boxes);
    }

    fn write_chunks(&self, boxes: &mut Boxes) {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (number, chunk) in (1_u32..).zip(&self.chunks) {
            if runs.last().is_none_or(|(_, samples)| *samples != chunk.samples) {
                runs.push((number, chunk.samples));
            }
        }
        boxes.put_full(b"stsc", 0, 0, |boxes| {
            boxes.u32(count(&runs));
            for (first_chunk, samples) in runs {
                boxes.u32(first_chunk);
                boxes.u32(samples);
                boxes.u32(1);
            }
        });
        // Always 64 bits: a recording may pass 4 GiB at any time.
        boxes.put_full(b"co64", 0, 0, |boxes| {
            boxes.u32(count(&self.chunks));
            self.chunks.iter().for_each(|chunk| boxes.u64(chunk.position));
        });
    }
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
