//! The value type, and how to read from it without caring how a client spelt it.

use bytes::Bytes;

use crate::{Decoder, Error};

/// One AMF value.
///
/// Strings are UTF-8; bytes that are not are replaced (U+FFFD), since a bad title must not end a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A double (0x00). AMF3 integers become numbers too.
    Number(f64),
    /// A boolean (0x01).
    Boolean(bool),
    /// A string or long string (0x02, 0x0C): the length decides which is written.
    String(String),
    /// An anonymous object (0x03); entries in wire order, keys may repeat.
    Object(Vec<(String, Value)>),
    /// An ECMA array (0x08); entries in wire order. The count on the wire is advisory when read and right when written.
    EcmaArray(Vec<(String, Value)>),
    /// A strict array (0x0A).
    StrictArray(Vec<Value>),
    /// Null (0x05).
    Null,
    /// Undefined (0x06), and what a reference to an object within itself decodes to.
    Undefined,
    /// A date (0x0B).
    Date {
        /// Milliseconds since 1970-01-01 UTC.
        millis: f64,
        /// The time zone field, which AMF0 section 2.13 reserves: to be ignored.
        zone: i16,
    },
    /// An XML document (0x0F).
    Xml(String),
    /// An object of a named class (0x10).
    TypedObject(Box<TypedObject>),
    /// The unsupported marker (0x0D), and the reserved movie clip (0x04) and record set (0x0E), which carry nothing.
    Unsupported,
    /// An AMF3 byte array. AMF0 has none: outside [`Value::Avm`] it is written as unsupported.
    ByteArray(Bytes),
    /// A value written in AMF3 (0x11). Accessors look through it.
    Avm(Box<Value>),
}

/// An object of a named class.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedObject {
    /// The class name.
    pub class: String,
    /// Entries in wire order.
    pub entries: Vec<(String, Value)>,
}

impl Value {
    /// Decodes every value of a message, within [`crate::Limits::DATA`].
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        Decoder::new(bytes).collect()
    }

    /// An object from entries.
    pub fn object<K: Into<String>, V: Into<Self>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// An ECMA array from entries.
    pub fn ecma_array<K: Into<String>, V: Into<Self>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::EcmaArray(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// The text of a string or XML document.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Xml(text) => Some(text),
            Self::Avm(inner) => inner.as_str(),
            _ => None,
        }
    }

    /// The value as a number: numbers, dates, booleans (0 and 1) and strings that spell a number, since clients mix
    /// them.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Date { millis, .. } => Some(*millis),
            Self::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            Self::String(text) => text.trim().parse().ok(),
            Self::Avm(inner) => inner.as_number(),
            _ => None,
        }
    }

    /// The value as a boolean: booleans, numbers (not zero), and the strings `true`, `false`, `1`, `0`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(flag) => Some(*flag),
            Self::Number(number) => Some(*number != 0.0),
            Self::String(text) => match text.as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            Self::Avm(inner) => inner.as_bool(),
            _ => None,
        }
    }

    /// The entries of an object, typed object or ECMA array.
    pub fn entries(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(entries) | Self::EcmaArray(entries) => Some(entries),
            Self::TypedObject(object) => Some(&object.entries),
            Self::Avm(inner) => inner.entries(),
            _ => None,
        }
    }

    /// The items of a strict array.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::StrictArray(items) => Some(items),
            Self::Avm(inner) => inner.items(),
            _ => None,
        }
    }

    /// The last entry called `key` of an object-like value.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The bytes of a byte array.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::ByteArray(bytes) => Some(bytes),
            Self::Avm(inner) => inner.as_bytes(),
            _ => None,
        }
    }

    /// Whether the value says nothing: null, undefined or unsupported.
    pub fn is_nullish(&self) -> bool {
        match self {
            Self::Null | Self::Undefined | Self::Unsupported => true,
            Self::Avm(inner) => inner.is_nullish(),
            _ => false,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_the_client_spelt_them() {
        assert_eq!(Value::from("30").as_number(), Some(30.0));
        assert_eq!(Value::from(true).as_number(), Some(1.0));
        assert_eq!(Value::Avm(Box::new(Value::Number(2.0))).as_number(), Some(2.0));
        assert_eq!(Value::from("fast").as_number(), None);
        assert_eq!(Value::from(1.0).as_bool(), Some(true));
        assert_eq!(Value::from("false").as_bool(), Some(false));
    }

    #[test]
    fn the_last_entry_of_a_name_counts() {
        let object = Value::object([("a", 1.0), ("b", 2.0), ("a", 3.0)]);
        assert_eq!(object.get("a").and_then(Value::as_number), Some(3.0));
        assert_eq!(object.get("c"), None);
        assert!(Value::Null.get("a").is_none());
    }

    #[test]
    fn a_value_stays_small() {
        assert!(std::mem::size_of::<Value>() <= 40, "{}", std::mem::size_of::<Value>());
    }
}
