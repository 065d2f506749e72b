//! Colour as all video standards number it (ITU-T H.273).

/// Whether `transfer_characteristics` means high dynamic range: PQ (16) or HLG (18).
pub(crate) const fn is_hdr(transfer_characteristics: u8) -> bool {
    matches!(transfer_characteristics, 16 | 18)
}
