//! The OpenAPI document.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use weir_api::Code;

use crate::bench::Bench;

#[test]
fn the_document_of_the_ui_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api/openapi.json");
    let kept = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let fresh = format!("{}\n", weir_api::openapi().to_pretty_json().unwrap());
    assert!(kept == fresh, "{} is old: run `cargo run -p weir-api --example openapi`", path.display());
}

#[tokio::test]
async fn the_document_is_served_and_names_each_operation_once() {
    let bench = Bench::start().await;
    let document = bench.get("/openapi.json").await.json();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "{method} {path} has the identity of another");
            assert!(operation["summary"].is_string(), "{method} {path} has no description");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} does not describe its errors");
        }
    }
    assert!(seen.len() >= 23, "{seen:?}");
}

#[test]
fn every_code_is_documented_with_a_word_of_its_own() {
    let words: BTreeSet<String> =
        Code::ALL.iter().map(|code| serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()).collect();
    assert_eq!(words.len(), Code::ALL.len());
    let document = serde_json::to_value(weir_api::openapi()).unwrap();
    let documented = document["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
    assert_eq!(documented.iter().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<_>>(), words);
    assert!(Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error()));
}
