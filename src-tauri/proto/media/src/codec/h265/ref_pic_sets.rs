//! Short-term reference picture sets (H.265, 7.3.7): read only because what we want lies behind them.

use crate::codec::Error;
use crate::codec::bits::BitReader;

/// Most sets in a sequence parameter set (H.265, 7.4.3.2.1).
const MAX_SETS: u32 = 64;

/// Most pictures in a set: the decoded picture buffer holds 16 (H.265, A.4.2).
const MAX_PICTURES: u32 = 16;

/// Passes over all sets of a sequence parameter set.
pub(super) fn skip(reader: &mut BitReader<'_>) -> Result<(), Error> {
    let mut pictures_before = 0;
    for index in 0..reader.ue_max("reference picture sets numbering", MAX_SETS)? {
        pictures_before = skip_one(reader, index, pictures_before)?;
    }
    Ok(())
}

/// Passes over set `index` and returns how many pictures it has, on which the coding of the next one depends.
fn skip_one(reader: &mut BitReader<'_>, index: u32, pictures_before: u32) -> Result<u32, Error> {
    let predicted = index > 0 && reader.flag()?;
    if predicted {
        reader.flag()?;
        reader.ue()?;
        let mut pictures = 0;
        for _ in 0..=pictures_before {
            let used = reader.flag()?;
            if used || reader.flag()? {
                pictures += 1;
            }
        }
        return Ok(pictures);
    }
    let negative = reader.ue_max("negative pictures numbering", MAX_PICTURES)?;
    let positive = reader.ue_max("positive pictures numbering", MAX_PICTURES)?;
    for _ in 0..negative + positive {
        reader.ue()?;
        reader.flag()?;
    }
    Ok(negative + positive)
}
