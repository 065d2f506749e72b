//! Points in time and spans as the wire writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC with milliseconds; the epoch for a time that cannot be written (after the year 9999).
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let millis = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The same of milliseconds since 1970.
pub(crate) fn from_millis(millis: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| String::from("1970-01-01T00:00:00Z"))
}

/// A moment that lies `age` back.
pub(crate) fn ago(age: Duration) -> String {
    rfc3339(SystemTime::now().checked_sub(age).unwrap_or(UNIX_EPOCH))
}

/// Seconds, rounded to milliseconds so that the wire shows no noise digits.
pub(crate) fn seconds(span: Duration) -> f64 {
    rounded(span.as_secs_f64())
}

/// Three digits after the point.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(from_millis(0), "1970-01-01T00:00:00Z");
        assert_eq!(from_millis(1_795_356_290_125), "2026-11-22T14:04:50.125Z");
        assert_eq!(from_millis(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
