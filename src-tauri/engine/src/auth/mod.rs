//! Who may publish and who may watch, whatever protocol they come by.
//!
//! Every protocol asks one [`Gate`] before it admits anybody, tells a refused peer in its own words why, and watches the
//! [`Grant`] for as long as it serves: a key that is revoked ends what it opened.

mod attempt;
mod callback;
mod config;
pub mod file;
mod gate;
mod guests;
mod keys;
mod no;
mod rules;
mod shares;
mod tokens;

pub use attempt::{Action, Attempt, Grant, Refusal, Why};
pub use callback::{CALLBACK_SECRET, CallbackError, check_callback, shown_callback, split_callback};
pub use config::{Config, Mode};
pub use file::FileError;
pub use gate::{FileStatus, Gate};
pub use keys::{KeysError, MAX_KEYS, MAX_NAME, StreamKey};
pub use tokens::Given;
