//! Reading a `moof`: which samples it holds and where their bytes lie.

use super::{BoxType, Fields, child, children};
use crate::Error;
use crate::fragment::SYNC;
use crate::samples::Sample;

/// Most samples one fragment may name: protects memory from a damaged or hostile file. A second holds some hundreds.
const MAX_SAMPLES: u32 = 1 << 20;
/// The sample flag that says other samples are needed.
const IS_NOT_SYNC: u32 = 0x1_0000;

/// What one track has in a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TrackRun {
    pub(crate) track_id: u32,
    /// Decoding time of the first sample, in ticks.
    pub(crate) start: u64,
    /// First byte of the samples, counted from the `moof`.
    pub(crate) data_at: u64,
    pub(crate) samples: Vec<Sample>,
}

impl TrackRun {
    /// The first byte after the samples, counted from the `moof`.
    pub(crate) fn data_end(&self) -> u64 {
        let len: u64 = self.samples.iter().map(|sample| u64::from(sample.size)).sum();
        self.data_at.saturating_add(len)
    }
}

/// Reads the content of a `moof` box.
pub(crate) fn parse_fragment(content: &[u8]) -> Result<Vec<TrackRun>, Error> {
    let runs: Option<Vec<_>> =
        children(content).filter(|(kind, _)| kind.0 == *b"traf").map(|(_, traf)| parse_track(traf)).collect();
    runs.ok_or(Error::Damaged(BoxType(*b"traf"), "a field is missing or out of range"))
}

fn parse_track(traf: &[u8]) -> Option<TrackRun> {
    let mut header = Fields(child(traf, b"tfhd")?);
    header.version_flags()?;
    let track_id = header.u32()?;
    let mut time = Fields(child(traf, b"tfdt")?);
    let (version, _) = time.version_flags()?;
    let start = time.sized(version)?;
    let mut run = Fields(child(traf, b"trun")?);
    let (_, flags) = run.version_flags()?;
    let count = run.u32()?;
    if count > MAX_SAMPLES || flags & 0xF01 != 0xF01 {
        return None;
    }
    let data_at = u64::from(run.u32()?);
    if flags & 0x4 != 0 {
        run.skip(4)?;
    }
    let mut samples = Vec::new();
    for _ in 0..count {
        let (duration, size, flags) = (run.u32()?, run.u32()?, run.u32()?);
        let offset = run.u32()? as i32;
        samples.push(Sample { size, duration, offset, sync: flags & IS_NOT_SYNC == 0 || flags == SYNC });
    }
    Some(TrackRun { track_id, start, data_at, samples })
}
