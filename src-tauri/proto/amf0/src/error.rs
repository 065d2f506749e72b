//! Why bytes are no AMF value.

/// Why bytes could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message ends inside a value.
    #[error("the AMF data ends inside a value at byte {offset}; the message is cut or its length is wrong")]
    Truncated {
        /// Where the missing bytes should have been.
        offset: usize,
    },
    /// A type marker that AMF0 does not define.
    #[error("byte {offset} of the AMF data is {marker:#04x}, which marks no AMF0 type")]
    UnknownMarker {
        /// The byte.
        marker: u8,
        /// Where it stands.
        offset: usize,
    },
    /// A type marker that AMF3 does not define.
    #[error("byte {offset} of the AMF data is {marker:#04x}, which marks no AMF3 type")]
    UnknownAvmMarker {
        /// The byte.
        marker: u8,
        /// Where it stands.
        offset: usize,
    },
    /// An AMF3 object that writes itself in a form only its class knows.
    #[error("the AMF3 object at byte {offset} is of a class with its own wire form, which is not supported")]
    Externalizable {
        /// Where the object stands.
        offset: usize,
    },
    /// A reference to something that was not sent before.
    #[error("the AMF data refers to item {index}, but only {known} were sent")]
    BadReference {
        /// The index referred to.
        index: usize,
        /// How many items the table holds.
        known: usize,
    },
    /// More nesting than [`crate::Limits::depth`].
    #[error("the AMF data nests deeper than {0} levels")]
    TooDeep(usize),
    /// More values than [`crate::Limits::elements`].
    #[error("the AMF data holds more than {0} values")]
    TooManyElements(usize),
    /// More text than [`crate::Limits::bytes`].
    #[error("the AMF data holds more than {0} bytes of text")]
    TooLarge(usize),
}
