//! What can be wrong with a codec's headers.

/// A codec header that does not hold what its standard says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before its last field.
    #[error("the {record} ends early")]
    Truncated {
        /// What was read.
        record: &'static str,
    },
    /// A field has a value that the standard does not allow.
    #[error("the {record} has {field} {value}, which its standard does not allow")]
    Invalid {
        /// What was read.
        record: &'static str,
        /// The field.
        field: &'static str,
        /// The value that it has.
        value: u64,
    },
}
