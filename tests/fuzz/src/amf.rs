//! AMF values: any bytes are read or refused, and what was read survives being written and read again.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use weir_amf0::{Value, encode_all};

fuzz_target!(|input: &[u8]| {
    let Ok(values) = Value::decode_all(input) else { return };
    let written = write(&values);
    let again = Value::decode_all(&written).expect("our own bytes are readable");
    // As bytes, since a number may be NaN.
    assert_eq!(write(&again), written, "{values:?}");
});

fn write(values: &[Value]) -> BytesMut {
    let mut out = BytesMut::new();
    encode_all(values, &mut out);
    out
}
