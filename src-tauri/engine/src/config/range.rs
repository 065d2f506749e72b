//! Values that a setting may have: what is outside is refused in a sentence, when it is read and not when it hurts.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Seconds;

/// Shortest time for what must be given some: at nothing at all everything is too late, or is asked without a pause.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// A time of at least [`SHORTEST`].
pub(crate) fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
    let time = Seconds::deserialize(deserializer)?;
    if time.duration() >= SHORTEST {
        return Ok(time);
    }
    let (least, given) = (SHORTEST.as_secs_f64(), time.duration().as_secs_f64());
    Err(D::Error::custom(format!("this time must be {least} seconds or more, not {given}")))
}

/// At least one: none would shut everybody out.
pub(crate) fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("this number must be 1 or more, not 0")),
        number => Ok(number),
    }
}

/// A number of `range`; `what` and `unit` name it.
pub(crate) fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    what: &str,
    unit: &str,
    range: RangeInclusive<u32>,
) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if range.contains(&value) {
        return Ok(value);
    }
    Err(D::Error::custom(format!("{what} must be between {} and {} {unit}, not {value}", range.start(), range.end())))
}

/// The path of a file or folder, if there is one.
pub(crate) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = Option::<PathBuf>::deserialize(deserializer)?;
    if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        return Err(D::Error::custom("the path is empty; write one, or leave the line out"));
    }
    Ok(path)
}

/// Names and addresses of computers.
pub(crate) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| !crate::tls::is_name(name)) {
        Some(name) => Err(D::Error::custom(format!(
            "{name:?} is neither a name nor an address; write it without port and spaces"
        ))),
        None => Ok(names),
    }
}
