//! Colour as all video standards number it (ITU-T H.273), and what tells a screen how bright HDR pictures are meant to be.

/// How the numbers of a picture become light. 2 is "unspecified" in all three tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    /// `colour_primaries` (H.273, table 2).
    pub primaries: u8,
    /// `transfer_characteristics` (table 3).
    pub transfer: u8,
    /// `matrix_coefficients` (table 4).
    pub matrix: u8,
    /// Black is 0 and white the largest number, as in photographs; without, video levels.
    pub full_range: bool,
}

impl Color {
    /// Nothing is declared.
    pub const UNSPECIFIED: Self = Self { primaries: 2, transfer: 2, matrix: 2, full_range: false };

    /// High dynamic range: PQ (16) or HLG (18).
    pub const fn is_hdr(&self) -> bool {
        matches!(self.transfer, 16 | 18)
    }

    /// What is declared, if anything is.
    pub fn declared(self) -> Option<Self> {
        (self != Self::UNSPECIFIED).then_some(self)
    }
}

/// The screen on which a film was made (SMPTE ST 2086).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mastering {
    /// Red, green, blue and white: CIE 1931 x and y, in 0.00002.
    pub red: [u16; 2],
    /// Likewise.
    pub green: [u16; 2],
    /// Likewise.
    pub blue: [u16; 2],
    /// Likewise.
    pub white: [u16; 2],
    /// Brightest white, in 0.0001 cd/m².
    pub max_luminance: u32,
    /// Darkest black, in 0.0001 cd/m².
    pub min_luminance: u32,
}

/// How bright the pictures get (CTA-861.3), in cd/m².
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LightLevel {
    /// The brightest pixel of all (MaxCLL).
    pub max: u16,
    /// The brightest picture on average (MaxFALL).
    pub average: u16,
}

/// What a sender says of a video track's colours beside the codec's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColorInfo {
    /// Its colours; the range is not said there.
    pub color: Option<Color>,
    /// The screen it was made on.
    pub mastering: Option<Mastering>,
    /// How bright it gets.
    pub light: Option<LightLevel>,
}
