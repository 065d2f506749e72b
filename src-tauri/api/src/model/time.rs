//! Points in time and spans as the wire writes them.

use std::time::{Duration, SystemTime};

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC with milliseconds; the epoch for a clock that cannot be written (before year 0, after 9999).
pub(super) fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let at = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_else(|_| String::from("1970-01-01T00:00:00Z"))
}

/// Seconds, rounded to milliseconds so that the wire shows no noise digits.
pub(super) fn seconds(span: Duration) -> f64 {
    rounded(span.as_secs_f64())
}

/// Three digits after the point.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
