//! Commands (RTMP 1.0, section 7.2): calls by name with AMF values, and what they mean.

mod address;
mod body;
mod capabilities;
pub mod code;
mod connect;
mod error;
mod query;
pub mod reply;
mod request;
mod status;

pub use address::Address;
pub use body::Command;
pub use capabilities::{Capabilities, caps_ex};
pub use connect::Connect;
pub use error::Error;
pub use query::Query;
pub(crate) use query::percent_decode;
pub use request::{PlayRange, Request};
pub use status::{Level, Status};
