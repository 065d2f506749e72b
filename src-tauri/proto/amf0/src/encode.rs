//! Writing AMF0.

use bytes::{BufMut, BytesMut};

use crate::avm;
use crate::marker;
use crate::value::Value;

/// Appends `value`. ECMA arrays carry their right count; strings over 65,535 bytes become long strings, and keys over
/// that are cut, since AMF0 has no long key.
pub fn encode(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Number(number) => {
            out.put_u8(marker::NUMBER);
            out.put_f64(*number);
        }
        Value::Boolean(flag) => {
            out.put_u8(marker::BOOLEAN);
            out.put_u8(u8::from(*flag));
        }
        Value::String(text) => {
            if let Ok(length) = u16::try_from(text.len()) {
                out.put_u8(marker::STRING);
                out.put_u16(length);
                out.put_slice(text.as_bytes());
            } else {
                out.put_u8(marker::LONG_STRING);
                put_long(text, out);
            }
        }
        Value::Object(entries) => {
            out.put_u8(marker::OBJECT);
            put_entries(entries, out);
        }
        Value::EcmaArray(entries) => {
            out.put_u8(marker::ECMA_ARRAY);
            out.put_u32(count(entries.len()));
            put_entries(entries, out);
        }
        Value::StrictArray(items) => {
            out.put_u8(marker::STRICT_ARRAY);
            out.put_u32(count(items.len()));
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Null => out.put_u8(marker::NULL),
        Value::Undefined => out.put_u8(marker::UNDEFINED),
        Value::Date { millis, zone } => {
            out.put_u8(marker::DATE);
            out.put_f64(*millis);
            out.put_i16(*zone);
        }
        Value::Xml(text) => {
            out.put_u8(marker::XML_DOCUMENT);
            put_long(text, out);
        }
        Value::TypedObject(object) => {
            out.put_u8(marker::TYPED_OBJECT);
            put_key(&object.class, out);
            put_entries(&object.entries, out);
        }
        Value::Unsupported | Value::ByteArray(_) => out.put_u8(marker::UNSUPPORTED),
        Value::Avm(inner) => {
            out.put_u8(marker::AVM_PLUS);
            avm::encode(inner, out);
        }
    }
}

/// Appends `values` one after another, as a message body holds them.
pub fn encode_all<'a>(values: impl IntoIterator<Item = &'a Value>, out: &mut BytesMut) {
    values.into_iter().for_each(|value| encode(value, out));
}

fn put_entries(entries: &[(String, Value)], out: &mut BytesMut) {
    for (key, value) in entries {
        put_key(key, out);
        encode(value, out);
    }
    out.put_u16(0);
    out.put_u8(marker::OBJECT_END);
}

fn put_key(key: &str, out: &mut BytesMut) {
    let cut = (0..=key.len().min(usize::from(u16::MAX))).rev().find(|end| key.is_char_boundary(*end));
    let key = key.get(..cut.unwrap_or_default()).unwrap_or_default();
    out.put_u16(u16::try_from(key.len()).unwrap_or_default());
    out.put_slice(key.as_bytes());
}

fn put_long(text: &str, out: &mut BytesMut) {
    // 4 GiB of text cannot come out of this process; cutting keeps length and bytes in step all the same.
    let length = count(text.len());
    out.put_u32(length);
    out.put_slice(text.as_bytes().get(..length as usize).unwrap_or_default());
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
