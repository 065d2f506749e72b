//! What kind of frame an access unit is, by what is in it: the flag that came with it may be wrong.

use super::{nal_type, nal_type_of};
use crate::FrameKind;
use crate::codec::bits::BitReader;
use crate::codec::nal::{self, LengthPrefixed, LengthSize};

/// Bytes of a slice header or SEI that are read for the test: both tell what we ask in their first few.
const MAX_HEAD: usize = 64;

/// The kind of a frame in canonical form that arrived flagged as `flagged`. `None` when it holds no slice at all.
///
/// - An IDR slice makes a key frame, whatever the flag says.
/// - Without one, a frame flagged as key is believed when it carries a recovery point or nothing but I slices: streams with
///   open GOPs or intra refresh have no other point to join at. Unflagged it takes both.
/// - A frame of which no slice is a reference (`nal_ref_idc` 0) can be left out.
pub fn frame_kind(data: &[u8], flagged: FrameKind) -> Option<FrameKind> {
    let mut slices = 0usize;
    let (mut idr, mut referenced, mut recovery, mut intra) = (false, false, false, true);
    for unit in LengthPrefixed::new(data, LengthSize::Four).map_while(Result::ok) {
        match nal_type_of(unit) {
            Some(nal_type::IDR) => {
                slices += 1;
                idr = true;
            }
            Some(nal_type::SLICE | nal_type::PARTITION_A) => {
                slices += 1;
                referenced |= unit.first().is_some_and(|header| header & 0x60 != 0);
                // Reading slice types costs; only a frame that may become a key frame pays.
                intra = intra && (flagged == FrameKind::Key || recovery) && is_intra_slice(unit);
            }
            Some(nal_type::SEI) => recovery |= is_recovery_point(unit),
            _ => {}
        }
    }
    let joinable = match flagged {
        FrameKind::Key => recovery || intra,
        FrameKind::Delta | FrameKind::Disposable => recovery && intra,
    };
    match (slices, idr) {
        (0, _) => None,
        (_, true) => Some(FrameKind::Key),
        _ if joinable => Some(FrameKind::Key),
        _ if referenced => Some(FrameKind::Delta),
        _ => Some(FrameKind::Disposable),
    }
}

/// `slice_type` 2, 4, 7 or 9: I or SI (H.264, table 7-6).
fn is_intra_slice(unit: &[u8]) -> bool {
    let head = nal::unescape(unit.get(1..).unwrap_or_default(), MAX_HEAD);
    let mut reader = BitReader::new("H.264 slice header", &head);
    let slice_type = reader.ue().and_then(|_first_mb| reader.ue());
    matches!(slice_type, Ok(2 | 4 | 7 | 9))
}

/// Whether the SEI holds a recovery point message, `payloadType` 6 (H.264, D.1).
fn is_recovery_point(unit: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    let payload = unit.get(1..).unwrap_or_default();
    let mut rest = payload;
    while rest.len() > 2 {
        let Some((kind, after)) = take_sei_number(rest) else { return false };
        let Some((size, after)) = take_sei_number(after) else { return false };
        if kind == RECOVERY_POINT {
            return true;
        }
        rest = after.get(size..).unwrap_or_default();
    }
    false
}

/// A number coded as a run of `FF` bytes and a last byte (H.264, 7.3.2.3.1).
fn take_sei_number(data: &[u8]) -> Option<(usize, &[u8])> {
    let run = data.iter().position(|byte| *byte != 0xFF)?;
    let last = *data.get(run)?;
    Some((run.checked_mul(255)?.checked_add(last.into())?, data.get(run + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEI_RECOVERY: &[u8] = &[0x06, 0x06, 0x01, 0x84, 0x80];
    const SEI_USER: &[u8] = &[0x06, 0x05, 0x03, 1, 2, 3, 0x80];
    const IDR: &[u8] = &[0x65, 0x88, 0x84];
    const I_SLICE: &[u8] = &[0x41, 0x88, 0x84]; // ue 0, ue 7
    const P_SLICE: &[u8] = &[0x41, 0x9A, 0x84]; // ue 0, ue 5
    const B_SLICE: &[u8] = &[0x01, 0x9E, 0x84]; // ue 0, ue 6, not a reference

    #[test]
    fn what_is_in_the_frame_decides_its_kind() {
        use FrameKind::{Delta, Disposable, Key};
        for (name, flagged, units, kind) in [
            ("an IDR slice, flagged", Key, &[SEI_USER, IDR][..], Some(Key)),
            ("an IDR slice, not flagged", Delta, &[IDR], Some(Key)),
            ("P flagged as key", Key, &[P_SLICE], Some(Delta)),
            ("all I, flagged: open GOP", Key, &[I_SLICE, I_SLICE], Some(Key)),
            ("I and P, flagged", Key, &[I_SLICE, P_SLICE], Some(Delta)),
            ("recovery point and P, flagged: intra refresh", Key, &[SEI_RECOVERY, P_SLICE], Some(Key)),
            ("recovery point and I, not flagged", Delta, &[SEI_RECOVERY, I_SLICE], Some(Key)),
            ("recovery point and P, not flagged", Delta, &[SEI_RECOVERY, P_SLICE], Some(Delta)),
            ("P", Delta, &[P_SLICE], Some(Delta)),
            ("B that is no reference", Delta, &[B_SLICE], Some(Disposable)),
            ("P flagged as disposable", Disposable, &[P_SLICE], Some(Delta)),
            ("no slice at all", Key, &[SEI_USER], None),
            ("nothing", Key, &[], None),
        ] {
            assert_eq!(frame_kind(&nal::join(units.iter().copied()), flagged), kind, "{name}");
        }
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        assert!(is_recovery_point(&[0x06, 0x05, 0x02, 1, 2, 0x06, 0x01, 0x84, 0x80]));
        assert!(!is_recovery_point(&[0x06, 0x05, 0xFF, 0xFF]));
    }
}
