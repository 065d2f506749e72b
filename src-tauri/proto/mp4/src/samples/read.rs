//! Reading the sample tables of a closed file (ISO/IEC 14496-12, 8.6 and 8.7).

use super::{Chunk, Run, SampleTable};
use crate::reader::{Fields, child};

/// Most samples of all tracks together: protects memory from a damaged or hostile file. A day of sound is eight million.
pub(crate) const MAX_SAMPLES: u32 = 1 << 24;

/// Most samples of one size: their table has no entries, so nothing but the number says how many they are. A day of AC-3 is
/// below three million.
const MAX_EQUAL: u32 = 1 << 22;

impl SampleTable {
    /// Reads the content of an `stbl` box with `most` samples. `None` when a table is missing or promises more than it holds.
    pub(crate) fn parse(stbl: &[u8], most: u32) -> Option<Self> {
        let sizes = sizes(child(stbl, b"stsz")?, most)?;
        let count = u32::try_from(sizes.len()).ok()?;
        let syncs = match child(stbl, b"stss") {
            Some(content) => numbers(content)?,
            None => (1..=count).collect(),
        };
        let durations: Vec<_> = runs(child(stbl, b"stts")?)?;
        let offsets = match child(stbl, b"ctts") {
            Some(content) => {
                runs(content)?.into_iter().map(|run| Run { count: run.count, value: run.value as i32 }).collect()
            }
            None => Vec::new(),
        };
        let positions = match (child(stbl, b"co64"), child(stbl, b"stco")) {
            (Some(content), _) => wide_numbers(content)?,
            (None, Some(content)) => numbers(content)?.into_iter().map(u64::from).collect(),
            (None, None) => return None,
        };
        let chunks = chunks(child(stbl, b"stsc")?, positions)?;
        let all = durations.iter().map(|run| u64::from(run.count) * u64::from(run.value));
        let duration = all.fold(0, u64::saturating_add);
        Some(Self { durations, offsets, sizes, syncs, chunks, duration, begin: 0, shown_until: duration })
    }
}

fn sizes(stsz: &[u8], most: u32) -> Option<Vec<u32>> {
    let mut fields = Fields(stsz);
    fields.version_flags()?;
    let (size, count) = (fields.u32()?, fields.u32()?);
    if count > most {
        return None;
    }
    if size > 0 {
        if count > MAX_EQUAL {
            return None;
        }
        return Some(vec![size; usize::try_from(count).ok()?]);
    }
    list(&mut fields, count, 4, Fields::u32)
}

fn numbers(content: &[u8]) -> Option<Vec<u32>> {
    let mut fields = Fields(content);
    fields.version_flags()?;
    let count = fields.u32()?;
    list(&mut fields, count, 4, Fields::u32)
}

fn wide_numbers(content: &[u8]) -> Option<Vec<u64>> {
    let mut fields = Fields(content);
    fields.version_flags()?;
    let count = fields.u32()?;
    list(&mut fields, count, 8, Fields::u64)
}

fn runs(content: &[u8]) -> Option<Vec<Run<u32>>> {
    let mut fields = Fields(content);
    fields.version_flags()?;
    let count = fields.u32()?;
    list(&mut fields, count, 8, |fields| Some(Run { count: fields.u32()?, value: fields.u32()? }))
}

/// As many entries as the table says, if it is long enough for them.
fn list<'a, T>(
    fields: &mut Fields<'a>,
    count: u32,
    size: usize,
    read: impl Fn(&mut Fields<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::try_from(count).ok()?;
    if fields.0.len() / size < count {
        return None;
    }
    (0..count).map(|_| read(fields)).collect()
}

fn chunks(stsc: &[u8], positions: Vec<u64>) -> Option<Vec<Chunk>> {
    let mut fields = Fields(stsc);
    fields.version_flags()?;
    let count = fields.u32()?;
    let runs = list(&mut fields, count, 12, |fields| {
        let (first, samples, _description) = (fields.u32()?, fields.u32()?, fields.u32()?);
        Some((first, samples))
    })?;
    let mut runs = runs.into_iter().peekable();
    let mut samples = 0;
    let chunk = |(number, position): (u32, u64)| {
        while let Some((_, count)) = runs.next_if(|(first, _)| *first <= number) {
            samples = count;
        }
        Chunk { position, samples }
    };
    Some((1_u32..).zip(positions).map(chunk).collect())
}
