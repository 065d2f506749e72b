//! AAC (ISO/IEC 14496-3).

mod adts;
mod config;

pub use adts::Adts;
pub use config::{AudioSpecificConfig, SAMPLE_RATES};
