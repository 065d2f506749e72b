//! What kind of frame an access unit is, by its NAL unit types.

use super::nal_type_of;
use crate::FrameKind;
use crate::codec::nal::{LengthPrefixed, LengthSize};

/// The kind of a frame in canonical form. `None` when it holds no slice at all.
///
/// Random access points (BLA, IDR, CRA: types 16 to 21) are key frames. A frame of nothing but sub-layer non-reference
/// slices (even types below 16) in the highest layer can be left out (H.265, 7.4.2.2).
pub fn frame_kind(data: &[u8]) -> Option<FrameKind> {
    let mut kind = None;
    for unit in LengthPrefixed::new(data, LengthSize::Four).map_while(Result::ok) {
        kind = match (nal_type_of(unit), kind) {
            (Some(16..=21), _) => return Some(FrameKind::Key),
            (Some(0 | 2 | 4 | 6 | 8 | 10 | 12 | 14), None | Some(FrameKind::Disposable)) => Some(FrameKind::Disposable),
            (Some(0..=15), _) => Some(FrameKind::Delta),
            (_, kind) => kind,
        };
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::nal;

    #[test]
    fn what_is_in_the_frame_decides_its_kind() {
        const fn unit(nal_type: u8) -> [u8; 3] {
            [nal_type << 1, 1, 0x80]
        }
        for (name, types, kind) in [
            ("an access unit delimiter and SEI before IDR", &[35, 39, 19][..], Some(FrameKind::Key)),
            ("CRA", &[21], Some(FrameKind::Key)),
            ("TRAIL_R", &[1], Some(FrameKind::Delta)),
            ("TRAIL_N", &[0], Some(FrameKind::Disposable)),
            ("RASL_N then TRAIL_R", &[8, 1], Some(FrameKind::Delta)),
            ("parameter sets only", &[32, 33, 34], None),
        ] {
            let units: Vec<_> = types.iter().copied().map(unit).collect();
            assert_eq!(frame_kind(&nal::join(units.iter().map(|unit| &unit[..]))), kind, "{name}");
        }
    }
}
