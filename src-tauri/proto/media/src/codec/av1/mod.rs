//! AV1 (AV1 Bitstream & Decoding Process Specification; AV1 Codec ISO Media File Format Binding).

mod config;
mod sequence;

pub use config::DecoderConfig;
pub use sequence::SequenceHeader;
