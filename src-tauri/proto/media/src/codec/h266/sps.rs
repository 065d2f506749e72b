//! The size that is seen, out of the sequence parameter set (ITU-T H.266, 7.3.2.4): the rest is of no use here.

use crate::codec::bits::BitReader;
use crate::codec::{Error, nal};

const RECORD: &str = "H.266 sequence parameter set";

/// `nal_unit_type` of a sequence parameter set (H.266, table 5).
pub(super) const NAL_TYPE: u8 = 15;

/// Bytes of a sequence parameter set that are read: the size comes early, and hostile ones end here.
pub(super) const MAX_SPS: usize = 1024;

/// Largest picture side that is believed: what the configuration record can say.
const MAX_SIDE: u32 = 65_535;

/// The flags of `general_constraints_info` before `gci_num_additional_bits` (H.266, 7.3.3.2).
const CONSTRAINTS: usize = 71;

/// Width and height in pixels, cropping applied. `unit` is the whole NAL unit.
pub(super) fn size(unit: &[u8]) -> Result<(u32, u32), Error> {
    let payload = nal::unescape(unit, MAX_SPS);
    let mut reader = BitReader::new(RECORD, &payload);
    // The NAL unit's header and two identities.
    reader.skip(16 + 4 + 4)?;
    let sub_layers_minus_1 = reader.small(3)?;
    let chroma_format = reader.small(2)?;
    reader.skip(2)?;
    if reader.flag()? {
        skip_profile_tier_level(&mut reader, sub_layers_minus_1)?;
    }
    reader.skip(1)?;
    if reader.flag()? {
        reader.skip(1)?;
    }
    let width = reader.ue_max("a width of", MAX_SIDE)?;
    let height = reader.ue_max("a height of", MAX_SIDE)?;
    if !reader.flag()? {
        return Ok((width, height));
    }
    let (left, right, top, bottom) = (reader.ue()?, reader.ue()?, reader.ue()?, reader.ue()?);
    // SubWidthC and SubHeightC, table 2.
    let (unit_x, unit_y) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let width = width.saturating_sub(left.saturating_add(right).saturating_mul(unit_x));
    let height = height.saturating_sub(top.saturating_add(bottom).saturating_mul(unit_y));
    Ok((width, height))
}

/// `profile_tier_level( 1, sub_layers_minus_1 )` (H.266, 7.3.3.1).
fn skip_profile_tier_level(reader: &mut BitReader<'_>, sub_layers_minus_1: u8) -> Result<(), Error> {
    // Profile, tier, level, frame-only, multilayer.
    reader.skip(7 + 1 + 8 + 1 + 1)?;
    if reader.flag()? {
        reader.skip(CONSTRAINTS)?;
        let additional = reader.bits(8)? as usize;
        reader.skip(additional)?;
    }
    reader.align();
    let mut levels = 0;
    for _ in 0..sub_layers_minus_1 {
        levels += usize::from(reader.flag()?);
    }
    reader.align();
    reader.skip(8 * levels)?;
    let sub_profiles = reader.bits(8)? as usize;
    reader.skip(32 * sub_profiles)
}
