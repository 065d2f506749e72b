//! Any value survives encoding and decoding, and any bytes are survived.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use weir_amf0::{TypedObject, Value, encode_all};

fn key() -> impl Strategy<Value = String> + Clone {
    "[a-zA-Z0-9_ü]{1,12}"
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1e300..1e300f64).prop_map(Value::Number),
        (-300_000_000i32..300_000_000).prop_map(|n| Value::Number(f64::from(n))),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,40}".prop_map(Value::String),
        ".{0,40}".prop_map(Value::Xml),
        Just(Value::Null),
        Just(Value::Undefined),
    ]
}

fn nested(leaf: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    leaf.prop_recursive(5, 64, 8, |inner| {
        let entries = prop::collection::vec((key(), inner.clone()), 0..6);
        prop_oneof![
            entries.clone().prop_map(Value::Object),
            // An empty associative array reads as a dense one in AMF3.
            prop::collection::vec((key(), inner.clone()), 1..6).prop_map(Value::EcmaArray),
            prop::collection::vec(inner, 0..6).prop_map(Value::StrictArray),
            (key(), entries).prop_map(|(class, entries)| Value::TypedObject(Box::new(TypedObject { class, entries }))),
        ]
    })
    .boxed()
}

fn value() -> impl Strategy<Value = Value> {
    let amf3_leaf = prop_oneof![
        leaf(),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::ByteArray(Bytes::from(bytes))),
    ];
    let amf0_leaf = prop_oneof![
        leaf(),
        Just(Value::Unsupported),
        (0.0..1e15f64, any::<i16>()).prop_map(|(millis, zone)| Value::Date { millis, zone }),
        nested(amf3_leaf.boxed()).prop_map(|value| Value::Avm(Box::new(value))),
    ];
    nested(amf0_leaf.boxed())
}

proptest! {
    #[test]
    fn values_survive_the_round_trip(values in prop::collection::vec(value(), 0..4)) {
        let mut out = BytesMut::new();
        encode_all(&values, &mut out);
        prop_assert_eq!(Value::decode_all(&out), Ok(values));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Value::decode_all(&bytes);
    }

    #[test]
    fn likely_bytes_are_survived(bytes in prop::collection::vec(prop_oneof![0u8..0x12, any::<u8>()], 0..300)) {
        if let Ok(values) = Value::decode_all(&bytes) {
            let mut out = BytesMut::new();
            encode_all(&values, &mut out);
            prop_assert!(Value::decode_all(&out).is_ok());
        }
    }
}
