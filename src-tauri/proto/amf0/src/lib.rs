//! AMF0, the typed values RTMP commands and FLV script data are made of, and as much of AMF3 as RTMP clients send.
//!
//! Decoding is forgiving where real encoders are sloppy (wrong ECMA array counts, a missing final object end) and
//! strict where memory or time is at stake: depth, number of elements and decoded bytes all have [`Limits`].
//!
//! ```
//! use weir_amf0::Value;
//! let values = Value::decode_all(b"\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00")?;
//! assert_eq!(values[0].as_str(), Some("connect"));
//! assert_eq!(values[1].as_number(), Some(1.0));
//! # Ok::<(), weir_amf0::Error>(())
//! ```
#![warn(clippy::indexing_slicing)]

mod avm;
mod decode;
mod encode;
mod error;
mod input;
mod limits;
mod marker;
mod value;

pub use decode::Decoder;
pub use encode::{encode, encode_all};
pub use error::Error;
pub use limits::Limits;
pub use value::{TypedObject, Value};
