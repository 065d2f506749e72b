//! Every answer that is not a success has the same three parts.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::bench::Bench;

/// Method, address, media type and body of a request; status and code of its answer.
type Row<'a> = (Method, &'a str, Option<&'a str>, &'a str, StatusCode, &'a str);

#[tokio::test]
async fn every_refusal_has_code_message_and_hint() {
    let bench = Bench::start().await;
    let large = json!({ "record_dir": "x".repeat(70_000) }).to_string();
    let json = Some("application/json");
    let table: &[Row<'_>] = &[
        (Method::GET, "/nothing", None, "", StatusCode::NOT_FOUND, "not_found"),
        (Method::GET, "", None, "", StatusCode::NOT_FOUND, "not_found"),
        (Method::GET, "/status/", None, "", StatusCode::NOT_FOUND, "not_found"),
        (Method::PUT, "/status", None, "", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (Method::POST, "/settings", json, "{}", StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (Method::PATCH, "/settings", None, "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        (
            Method::PATCH,
            "/settings",
            Some("text/plain"),
            "{}",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
        ),
        (Method::PATCH, "/settings", json, "", StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::PATCH, "/settings", json, "{", StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::PATCH, "/settings", json, "[]", StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::PATCH, "/settings", json, r#"{"canary":1}"#, StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::PATCH, "/settings", json, r#"{"record_all":"canary"}"#, StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::PATCH, "/settings", json, &large, StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        (Method::POST, "/destinations", json, "{}", StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"),
        (Method::POST, "/destinations", json, r#"{"url":["canary"]}"#, StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::GET, "/streams/live%2Fshow", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
        (Method::GET, "/streams/%FF", None, "", StatusCode::BAD_REQUEST, "invalid_request"),
        (Method::GET, "/streams/..%2F..", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
        (Method::POST, "/streams/live%2Fshow/record", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
        (Method::DELETE, "/streams/live%2Fshow/record", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
        (Method::DELETE, "/streams/live%2Fshow/publisher", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
        (Method::DELETE, "/streams/live%2Fshow/readers/1", None, "", StatusCode::NOT_FOUND, "stream_not_found"),
    ];
    for (method, path, media_type, body, status, code) in table {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, *media_type);
        }
        let answer = bench.send(request.body(Body::from((*body).to_owned())).unwrap()).await;
        assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{method} {path} {answer:?}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{method} {path}");
        assert!(!answer.json()["message"].as_str().unwrap().contains("\"canary"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_even_when_its_length_is_not_declared() {
    let bench = Bench::start().await;
    let parts = (0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000]));
    let request = Request::patch("/api/v1/settings")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(futures_util::stream::iter(parts)))
        .unwrap();
    assert_eq!(bench.send(request).await.code(), "body_too_large");
}
