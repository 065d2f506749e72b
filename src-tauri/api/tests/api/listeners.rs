//! Where the program listens.

use std::net::{Ipv4Addr, TcpListener};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::Bench;

async fn patch(bench: &Bench, body: Value) -> crate::bench::Answer {
    bench.call(Method::PATCH, "/listeners/rtmp", Some(body)).await
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_listener_moves_to_another_port_and_stays_there() {
    let bench = Bench::start().await;
    let port = free_port();
    let listener = patch(&bench, json!({ "port": port })).await.json();
    assert_eq!(listener["state"], "listening", "{listener}");
    assert_eq!(listener["bound"], json!([format!("127.0.0.1:{port}")]));
    assert_eq!(bench.get("/listeners").await.json()["listeners"][0], listener);
    let file = std::fs::read_to_string(bench.folder.path().join("config.toml")).unwrap();
    assert!(file.contains(&format!("127.0.0.1:{port}")), "{file}");
    tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_shown_with_its_owner_and_a_free_one() {
    let bench = Bench::start().await;
    let before = bench.get("/listeners").await.json()["listeners"][0]["bound"].clone();
    let ingest = bench.get("/status").await.json()["ingest"].clone();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let answer = patch(&bench, json!({ "port": port })).await;
    assert_eq!(answer.status, StatusCode::OK);
    let listener = answer.json();
    assert_eq!((&listener["state"], &listener["bound"]), (&"port_taken".into(), &before), "it goes on where it was");
    assert_eq!(bench.get("/status").await.json()["ingest"], ingest, "and that is what encoders need");
    assert!(listener["problem"]["message"].as_str().unwrap().contains(&port.to_string()));
    if cfg!(target_os = "linux") {
        assert_eq!(listener["port_owner"]["pid"], std::process::id());
        assert_eq!(listener["port_own"], "other");
    }
    let next = listener["next_free_port"].as_u64().unwrap();
    assert_ne!(next, u64::from(port));
    drop(taken);
    let tried = patch(&bench, json!({ "enabled": true })).await.json();
    assert_eq!(
        (&tried["state"], &tried["port"], &tried["port_own"]),
        (&"listening".into(), &port.into(), &Value::Null)
    );
    // The offer can be taken.
    assert_eq!(patch(&bench, json!({ "port": next })).await.json()["state"], "listening");
}

#[tokio::test]
async fn a_listener_can_be_switched_off_and_on() {
    let bench = Bench::start().await;
    let off = patch(&bench, json!({ "enabled": false })).await.json();
    assert_eq!((&off["enabled"], &off["state"], &off["problem"]), (&false.into(), &"disabled".into(), &Value::Null));
    assert_eq!(bench.get("/status").await.json()["ingest"], json!([]));
    assert_eq!(patch(&bench, json!({ "enabled": true })).await.json()["state"], "listening");
}

#[tokio::test]
async fn the_network_is_let_in_and_out_by_one_switch() {
    let bench = Bench::start().await;
    let open = patch(&bench, json!({ "port": free_port(), "reach": "network" })).await.json();
    assert_eq!((&open["reach"], &open["state"]), (&"network".into(), &"listening".into()), "{open}");
    assert!(open["bound"][0].as_str().unwrap().starts_with("0.0.0.0:"), "{open}");
    // A taken port is no reason to keep letting it in.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let held = patch(&bench, json!({ "port": port, "reach": "this_computer" })).await.json();
    assert_eq!((&held["port"], &held["state"]), (&port.into(), &"port_taken".into()), "{held}");
    assert_eq!(held["bound"][0], format!("127.0.0.1:{}", open["port"]), "{held}");
    let open = patch(&bench, json!({ "port": open["port"], "reach": "network" })).await.json();
    assert_eq!((&open["reach"], &open["state"]), (&"network".into(), &"listening".into()), "{open}");
    let closed = patch(&bench, json!({ "reach": "this_computer" })).await.json();
    assert_eq!((&closed["reach"], &closed["state"]), (&"this_computer".into(), &"listening".into()), "{closed}");
}

#[tokio::test]
async fn what_is_no_port_or_no_listener_is_refused() {
    let bench = Bench::start().await;
    for port in [0, 65_536, 4_000_000_000_u32] {
        let answer = patch(&bench, json!({ "port": port })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value".to_owned()));
    }
    let answer = bench.call(Method::PATCH, "/listeners/none", Some(json!({}))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "listener_not_found".to_owned()));
}
