//! MPEG transport streams (ISO/IEC 13818-1), as encoders send them over SRT.
//!
//! [`Demuxer`] turns bytes, cut and damaged anywhere, into tracks and frames in canonical form; [`Muxer`] writes those as
//! packets of one program.
#![warn(clippy::indexing_slicing)]

mod clock;
mod demux;
mod descriptor;
mod es;
mod framing;
mod mux;
mod packet;
mod pes;
mod psi;

pub use demux::{Demuxer, Faults, Item};
pub use mux::Muxer;
pub use packet::{PACKET_LEN, Pid, SYNC_BYTE};
