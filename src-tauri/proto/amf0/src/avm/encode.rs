//! Writing AMF3, always inline: references save bytes, and nothing we write is large.

use bytes::{BufMut, BytesMut};

use super::marker;
use crate::value::Value;

/// What 29 bits hold, signed and unsigned.
const MIN_INTEGER: f64 = -268_435_456.0;
const MAX_INTEGER: f64 = 268_435_455.0;
const MAX_LENGTH: usize = 0x0FFF_FFFF;

/// An inline anonymous object: dynamic, no sealed members (section 3.12).
const DYNAMIC_OBJECT: u32 = 0b1011;

/// Appends one AMF3 value, marker included.
pub(crate) fn encode(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Undefined | Value::Unsupported => out.put_u8(marker::UNDEFINED),
        Value::Null => out.put_u8(marker::NULL),
        Value::Boolean(flag) => out.put_u8(if *flag { marker::TRUE } else { marker::FALSE }),
        Value::Number(number) => put_number(*number, out),
        Value::String(text) => {
            out.put_u8(marker::STRING);
            put_sized(text.as_bytes(), out);
        }
        Value::Xml(text) => {
            out.put_u8(marker::XML);
            put_sized(text.as_bytes(), out);
        }
        Value::ByteArray(bytes) => {
            out.put_u8(marker::BYTE_ARRAY);
            put_sized(bytes, out);
        }
        Value::Date { millis, .. } => {
            out.put_slice(&[marker::DATE, 1]);
            out.put_f64(*millis);
        }
        Value::StrictArray(items) => {
            out.put_u8(marker::ARRAY);
            let items = items.get(..items.len().min(MAX_LENGTH)).unwrap_or_default();
            put_length(items.len(), out);
            put_sized(b"", out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::EcmaArray(entries) => {
            out.put_u8(marker::ARRAY);
            put_length(0, out);
            put_entries(entries, out);
        }
        Value::Object(entries) => put_object("", entries, out),
        Value::TypedObject(object) => put_object(&object.class, &object.entries, out),
        Value::Avm(inner) => encode(inner, out),
    }
}

fn put_number(number: f64, out: &mut BytesMut) {
    let negative_zero = number == 0.0 && number.is_sign_negative();
    if number.fract() == 0.0 && (MIN_INTEGER..=MAX_INTEGER).contains(&number) && !negative_zero {
        out.put_u8(marker::INTEGER);
        put_u29((number as i32 as u32) & 0x1FFF_FFFF, out);
    } else {
        out.put_u8(marker::DOUBLE);
        out.put_f64(number);
    }
}

fn put_object(class: &str, entries: &[(String, Value)], out: &mut BytesMut) {
    out.put_u8(marker::OBJECT);
    put_u29(DYNAMIC_OBJECT, out);
    put_sized(class.as_bytes(), out);
    put_entries(entries, out);
}

/// AMF3 ends named values with an empty key, so an entry without a name cannot be said and is left out.
fn put_entries(entries: &[(String, Value)], out: &mut BytesMut) {
    for (key, value) in entries.iter().filter(|(key, _)| !key.is_empty()) {
        put_sized(key.as_bytes(), out);
        encode(value, out);
    }
    put_sized(b"", out);
}

fn put_sized(bytes: &[u8], out: &mut BytesMut) {
    let bytes = bytes.get(..bytes.len().min(MAX_LENGTH)).unwrap_or_default();
    put_length(bytes.len(), out);
    out.put_slice(bytes);
}

/// The header of an inline item: its length and the bit that says "inline".
fn put_length(length: usize, out: &mut BytesMut) {
    put_u29((length as u32) << 1 | 1, out);
}

fn put_u29(value: u32, out: &mut BytesMut) {
    let high = |shift: u32| (value >> shift) as u8 & 0x7F | 0x80;
    match value {
        0..=0x7F => out.put_u8(value as u8),
        0x80..=0x3FFF => out.put_slice(&[high(7), value as u8 & 0x7F]),
        0x4000..=0x1F_FFFF => out.put_slice(&[high(14), high(7), value as u8 & 0x7F]),
        _ => out.put_slice(&[high(22), high(15), high(8), value as u8]),
    }
}
