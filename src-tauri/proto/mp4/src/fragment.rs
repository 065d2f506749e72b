//! One fragment: `moof` and `mdat` (ISO/IEC 14496-12, 8.8).

use bytes::Bytes;

use crate::boxes::Boxes;
use crate::samples::Sample;
use crate::user_data::Gap;

/// The samples of one track in a fragment.
#[derive(Debug)]
pub(crate) struct Run {
    /// Index of the track in the movie.
    pub(crate) track: usize,
    pub(crate) track_id: u32,
    /// Decoding time of the first sample, in ticks.
    pub(crate) start: u64,
    pub(crate) samples: Vec<Sample>,
    pub(crate) data: Vec<Bytes>,
}

/// Decoding can begin here; nothing else is needed.
pub(crate) const SYNC: u32 = 0x0200_0000;
/// Needs other samples.
pub(crate) const NOT_SYNC: u32 = 0x0101_0000;

/// `trun`: data offset, and for each sample duration, size, flags and composition offset.
const TRUN_FLAGS: u32 = 0x1 | 0x100 | 0x200 | 0x400 | 0x800;
/// `tfhd`: offsets count from the `moof`.
const DEFAULT_BASE_IS_MOOF: u32 = 0x2_0000;

/// A fragment's bytes, and where in it the data of each run begins.
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    pub(crate) data_at: Vec<u64>,
}

pub(crate) fn write(sequence: u32, runs: &[Run], gaps: &[Gap]) -> Written {
    let mut boxes = Boxes::default();
    let mut offset_places = Vec::with_capacity(runs.len());
    boxes.put(b"moof", |boxes| {
        boxes.put_full(b"mfhd", 0, 0, |boxes| boxes.u32(sequence));
        for run in runs {
            boxes.put(b"traf", |boxes| {
                boxes.put_full(b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |boxes| boxes.u32(run.track_id));
                boxes.put_full(b"tfdt", 1, 0, |boxes| boxes.u64(run.start));
                boxes.put_full(b"trun", 1, TRUN_FLAGS, |boxes| {
                    boxes.u32(u32::try_from(run.samples.len()).unwrap_or(u32::MAX));
                    offset_places.push(boxes.position());
                    boxes.u32(0);
                    for sample in &run.samples {
                        boxes.u32(sample.duration);
                        boxes.u32(sample.size);
                        boxes.u32(if sample.sync { SYNC } else { NOT_SYNC });
                        boxes.i32(sample.offset);
                    }
                });
            });
        }
        if !gaps.is_empty() {
            boxes.put(b"udta", |boxes| gaps.iter().for_each(|gap| gap.write(boxes)));
        }
    });
    let mut data_at = Vec::with_capacity(runs.len());
    let mut at = boxes.position() as u64 + 8;
    for (run, place) in runs.iter().zip(offset_places) {
        boxes.patch_u32(place, u32::try_from(at).unwrap_or(u32::MAX));
        data_at.push(at);
        at += run.data.iter().map(|data| data.len() as u64).sum::<u64>();
    }
    boxes.put(b"mdat", |boxes| {
        for data in runs.iter().flat_map(|run| &run.data) {
            boxes.bytes(data);
        }
    });
    Written { bytes: boxes.finish().freeze(), data_at }
}
