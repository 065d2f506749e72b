//! Every marker, decoded and encoded.

use bytes::{Bytes, BytesMut};
use weir_amf0::{Decoder, Error, Limits, TypedObject, Value, encode, encode_all};

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(value, &mut out);
    out.to_vec()
}

fn avm(value: Value) -> Value {
    Value::Avm(Box::new(value))
}

struct Case {
    name: &'static str,
    decoded: Value,
    encoded: &'static [u8],
}

fn table() -> Vec<Case> {
    let case = |name, decoded, encoded| Case { name, decoded, encoded };
    vec![
        case("number", Value::Number(1.5), b"\x00\x3f\xf8\0\0\0\0\0\0"),
        case("true", Value::Boolean(true), b"\x01\x01"),
        case("false", Value::Boolean(false), b"\x01\x00"),
        case("string", Value::from("live"), b"\x02\x00\x04live"),
        case("empty string", Value::from(""), b"\x02\x00\x00"),
        case("object", Value::object([("app", "live")]), b"\x03\x00\x03app\x02\x00\x04live\x00\x00\x09"),
        case("empty object", Value::Object(vec![]), b"\x03\x00\x00\x09"),
        case("null", Value::Null, b"\x05"),
        case("undefined", Value::Undefined, b"\x06"),
        case("ecma array", Value::ecma_array([("a", Value::Null)]), b"\x08\0\0\0\x01\x00\x01a\x05\x00\x00\x09"),
        case("strict array", Value::StrictArray(vec![Value::Null, Value::from(true)]), b"\x0a\0\0\0\x02\x05\x01\x01"),
        case("date", Value::Date { millis: 2.0, zone: -60 }, b"\x0b\x40\0\0\0\0\0\0\0\xff\xc4"),
        case("unsupported", Value::Unsupported, b"\x0d"),
        case("xml", Value::Xml("<a/>".into()), b"\x0f\0\0\0\x04<a/>"),
        case(
            "typed object",
            Value::TypedObject(Box::new(TypedObject { class: "C".into(), entries: vec![("k".into(), Value::Null)] })),
            b"\x10\x00\x01C\x00\x01k\x05\x00\x00\x09",
        ),
        case("avm undefined", avm(Value::Undefined), b"\x11\x00"),
        case("avm null", avm(Value::Null), b"\x11\x01"),
        case("avm false", avm(Value::from(false)), b"\x11\x02"),
        case("avm true", avm(Value::from(true)), b"\x11\x03"),
        case("avm integer, one byte", avm(Value::from(5.0)), b"\x11\x04\x05"),
        case("avm integer, two bytes", avm(Value::from(128.0)), b"\x11\x04\x81\x00"),
        case("avm integer, three bytes", avm(Value::from(16_384.0)), b"\x11\x04\x81\x80\x00"),
        case("avm integer, four bytes", avm(Value::from(2_097_152.0)), b"\x11\x04\x80\xc0\x80\x00"),
        case("avm integer, negative", avm(Value::from(-1.0)), b"\x11\x04\xff\xff\xff\xff"),
        case("avm double", avm(Value::from(0.5)), b"\x11\x05\x3f\xe0\0\0\0\0\0\0"),
        case("avm string", avm(Value::from("ab")), b"\x11\x06\x05ab"),
        case("avm xml", avm(Value::Xml("<a/>".into())), b"\x11\x0b\x09<a/>"),
        case("avm date", avm(Value::Date { millis: 2.0, zone: 0 }), b"\x11\x08\x01\x40\0\0\0\0\0\0\0"),
        case("avm array", avm(Value::StrictArray(vec![Value::Null])), b"\x11\x09\x03\x01\x01"),
        case("avm associative array", avm(Value::ecma_array([("k", 1.0)])), b"\x11\x09\x01\x03k\x04\x01\x01"),
        case("avm object", avm(Value::object([("k", 1.0)])), b"\x11\x0a\x0b\x01\x03k\x04\x01\x01"),
        case("avm byte array", avm(Value::ByteArray(Bytes::from_static(b"\xaf\x01"))), b"\x11\x0c\x05\xaf\x01"),
    ]
}

#[test]
fn fault_13_every_marker_decodes_and_encodes() {
    for case in table() {
        assert_eq!(Value::decode_all(case.encoded), Ok(vec![case.decoded.clone()]), "{}", case.name);
        assert_eq!(encoded(&case.decoded), case.encoded, "{}", case.name);
    }
}

#[test]
fn every_cut_of_a_value_is_an_error_or_a_shorter_value_and_never_a_panic() {
    for case in table() {
        for cut in 1..case.encoded.len() {
            let bytes = &case.encoded[..cut];
            match Value::decode_all(bytes) {
                Err(Error::Truncated { offset }) => assert_eq!(offset, cut, "{}", case.name),
                Err(other) => panic!("{}: {other}", case.name),
                // An object that only lacks its end is whole.
                Ok(values) => assert!(values[0].entries().is_some(), "{} cut at {cut}", case.name),
            }
        }
    }
}

#[test]
fn strings_over_64_kib_are_written_long_and_short_long_strings_are_read() {
    let long = Value::String("x".repeat(65_536));
    assert_eq!(encoded(&long)[..5], [0x0c, 0, 1, 0, 0]);
    assert_eq!(Value::decode_all(&encoded(&long)), Ok(vec![long]));
    assert_eq!(Value::decode_all(b"\x0c\0\0\0\x02hi"), Ok(vec![Value::from("hi")]));
}

#[test]
fn movie_clip_and_record_set_are_unsupported_values() {
    assert_eq!(Value::decode_all(b"\x04\x0e\x05"), Ok(vec![Value::Unsupported, Value::Unsupported, Value::Null]));
}

#[test]
fn the_count_of_an_ecma_array_is_advisory() {
    for count in [0u32, 1, 2, 20, u32::MAX] {
        let mut bytes = vec![8];
        bytes.extend(count.to_be_bytes());
        bytes.extend(b"\x00\x01a\x05\x00\x01b\x05\x00\x00\x09\x05");
        let decoded = Value::decode_all(&bytes).unwrap();
        assert_eq!(decoded, [Value::ecma_array([("a", Value::Null), ("b", Value::Null)]), Value::Null], "{count}");
    }
}

#[test]
fn a_missing_object_end_is_forgiven_at_the_end_of_the_message() {
    let whole = Value::object([("a", Value::object([("b", Value::Null)]))]);
    let bytes = encoded(&whole);
    for cut in [bytes.len() - 1, bytes.len() - 3, bytes.len() - 4, bytes.len() - 6] {
        assert_eq!(Value::decode_all(&bytes[..cut]), Ok(vec![whole.clone()]), "cut at {cut}");
    }
}

#[test]
fn references_repeat_complex_values_in_order_of_appearance() {
    // [ {a: null} , ref 1 , ref 1 ] where the array is item 0 and the object item 1.
    let bytes = b"\x0a\0\0\0\x03\x03\x00\x01a\x05\x00\x00\x09\x07\x00\x01\x07\x00\x01";
    let object = Value::object([("a", Value::Null)]);
    let expected = Value::StrictArray(vec![object.clone(), object.clone(), object.clone()]);
    assert_eq!(Value::decode_all(bytes), Ok(vec![expected]));
    // Across the values of one message, and an object that comes after a repetition keeps its number.
    let bytes = b"\x03\x00\x01a\x05\x00\x00\x09\x07\x00\x00\x0a\0\0\0\0\x07\x00\x01";
    let empty = Value::StrictArray(vec![]);
    assert_eq!(Value::decode_all(bytes), Ok(vec![object.clone(), object, empty.clone(), empty]));
    assert_eq!(Value::decode_all(b"\x07\x00\x00"), Err(Error::BadReference { index: 0, known: 0 }));
}

#[test]
fn an_object_within_itself_is_undefined_there() {
    let bytes = b"\x03\x00\x01a\x07\x00\x00\x00\x00\x09";
    assert_eq!(Value::decode_all(bytes), Ok(vec![Value::object([("a", Value::Undefined)])]));
    // Two objects that hold each other, the inner one repeated after both are whole.
    let bytes = b"\x03\x00\x01a\x03\x00\x01b\x07\x00\x00\x00\x00\x09\x00\x00\x09\x07\x00\x01";
    assert!(Value::decode_all(bytes).is_ok());
}

#[test]
fn repetition_cannot_blow_up() {
    // Each array holds the one before it twice: 2^n values from 13 n bytes.
    let mut bytes = b"\x0a\0\0\0\x00".to_vec();
    for index in 0u16..40 {
        bytes.extend(b"\x0a\0\0\0\x02");
        bytes.push(7);
        bytes.extend(index.to_be_bytes());
        bytes.push(7);
        bytes.extend(index.to_be_bytes());
    }
    let error = Value::decode_all(&bytes).unwrap_err();
    assert!(matches!(error, Error::TooManyElements(_) | Error::TooDeep(_)), "{error}");
    // A long string repeated by reference is charged each time.
    let mut bytes = encoded(&Value::object([("k", "x".repeat(60_000))]));
    for _ in 0..1_000 {
        bytes.extend(b"\x07\x00\x00");
    }
    assert_eq!(Value::decode_all(&bytes), Err(Error::TooLarge(Limits::DATA.bytes)));
}

#[test]
fn fault_13_depth_is_limited() {
    let mut bytes = Vec::new();
    for _ in 0..100_000 {
        bytes.extend(b"\x03\x00\x01a");
    }
    assert_eq!(Value::decode_all(&bytes), Err(Error::TooDeep(Limits::DATA.depth)));
    let avm_arrays: Vec<u8> =
        std::iter::once(0x11).chain([0x09, 0x03, 0x01].into_iter().cycle().take(300_000)).collect();
    assert_eq!(Value::decode_all(&avm_arrays), Err(Error::TooDeep(Limits::DATA.depth)));
}

#[test]
fn the_number_of_elements_is_limited_and_a_huge_count_reserves_nothing() {
    let mut bytes = b"\x0a\xff\xff\xff\xff".to_vec();
    assert_eq!(Value::decode_all(&bytes), Err(Error::Truncated { offset: 5 }));
    bytes.extend([5; 2_000]);
    let limited: Result<Vec<_>, _> = Decoder::with_limits(&bytes, Limits::COMMAND).collect();
    assert_eq!(limited, Err(Error::TooManyElements(Limits::COMMAND.elements)));
}

#[test]
fn unknown_markers_are_named() {
    assert_eq!(Value::decode_all(b"\x05\x12"), Err(Error::UnknownMarker { marker: 0x12, offset: 1 }));
    assert_eq!(Value::decode_all(b"\x09"), Err(Error::UnknownMarker { marker: 0x09, offset: 0 }));
    assert_eq!(Value::decode_all(b"\x11\x12"), Err(Error::UnknownAvmMarker { marker: 0x12, offset: 1 }));
}

#[test]
fn values_before_a_bad_one_are_still_had() {
    let mut decoder = Decoder::new(b"\x02\x00\x01a\xffrest");
    assert_eq!(decoder.next(), Some(Ok(Value::from("a"))));
    assert!(matches!(decoder.next(), Some(Err(Error::UnknownMarker { .. }))));
    assert_eq!(decoder.next(), None);
}

#[test]
fn avm_tables_resolve_strings_traits_and_objects() {
    // [ {a:"x"} as sealed class C, the same traits with "x" by reference, the first object again ]
    let bytes: &[u8] = b"\x11\x09\x07\x01\x0a\x13\x03C\x03a\x06\x03x\x0a\x01\x06\x04\x0a\x02";
    let object =
        Value::TypedObject(Box::new(TypedObject { class: "C".into(), entries: vec![("a".into(), Value::from("x"))] }));
    assert_eq!(
        Value::decode_all(bytes),
        Ok(vec![avm(Value::StrictArray(vec![object.clone(), object.clone(), object]))])
    );
    assert_eq!(Value::decode_all(b"\x11\x06\x02"), Err(Error::BadReference { index: 1, known: 0 }));
}

#[test]
fn avm_vectors_dictionaries_and_array_collections_are_read() {
    let numbers = avm(Value::StrictArray(vec![Value::Number(-1.0)]));
    assert_eq!(Value::decode_all(b"\x11\x0d\x03\x00\xff\xff\xff\xff"), Ok(vec![numbers]));
    let dictionary = avm(Value::ecma_array([("k", 1.0)]));
    assert_eq!(Value::decode_all(b"\x11\x11\x03\x00\x06\x03k\x04\x01"), Ok(vec![dictionary]));
    let mut bytes = b"\x11\x0a\x07\x43flex.messaging.io.ArrayCollection".to_vec();
    bytes.extend(b"\x09\x03\x01\x01");
    assert_eq!(Value::decode_all(&bytes), Ok(vec![avm(Value::StrictArray(vec![Value::Null]))]));
    let unknown = b"\x11\x0a\x07\x03X";
    assert_eq!(Value::decode_all(unknown), Err(Error::Externalizable { offset: 2 }));
}

#[test]
fn text_that_is_no_utf8_is_replaced() {
    assert_eq!(Value::decode_all(b"\x02\x00\x01\xff"), Ok(vec![Value::from("\u{fffd}")]));
}

#[test]
fn several_values_follow_one_another() {
    let values = [Value::from("onStatus"), Value::from(0.0), Value::Null, Value::object([("code", "x")])];
    let mut out = BytesMut::new();
    encode_all(&values, &mut out);
    assert_eq!(Value::decode_all(&out).unwrap(), values);
}
