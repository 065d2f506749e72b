//! Settings of the encrypted listener and of its certificate.

use serde_json::json;
use tokio::net::TcpStream;
use weir_engine::Config;
use weir_engine::status::ListenerState;
use weir_engine::tls::Source;

use crate::stage::{Row, Stage, rows};

pub(crate) const ROWS: &[Row] = rows![
    "rtmps.enabled" => enabled,
    "rtmps.listen" => listen,
    "tls.names" => names,
    "tls.cert" | "tls.key" => cert_and_key,
];

fn secure(config: &mut Config) {
    config.rtmps.enabled = true;
    config.rtmps.listen = vec!["127.0.0.1:0".parse().unwrap()];
}

fn bound(stage: &Stage) -> Option<std::net::SocketAddr> {
    let listener = stage.engine().listeners().into_iter().find(|listener| listener.protocol == "rtmps")?;
    match listener.state {
        ListenerState::Listening { bound } => bound.first().copied(),
        _ => None,
    }
}

async fn enabled() {
    let mut stage = Stage::start(|config| config.rtmps.listen = vec!["127.0.0.1:0".parse().unwrap()]).await;
    assert_eq!(bound(&stage), None);
    stage.set("rtmps.enabled", true).await;
    let address = bound(&stage).unwrap();
    TcpStream::connect(address).await.unwrap();
    stage.unharmed().await;
    stage.set("rtmps.enabled", false).await;
    assert!(TcpStream::connect(address).await.is_err());
    stage.unharmed().await;
}

async fn listen() {
    let mut stage = Stage::start(secure).await;
    let before = bound(&stage).unwrap();
    stage.set("rtmps.listen", json!(["localhost:0"])).await;
    TcpStream::connect(bound(&stage).unwrap()).await.unwrap();
    assert!(TcpStream::connect(before).await.is_err());
    stage.unharmed().await;
}

async fn names() {
    let mut stage = Stage::start(secure).await;
    let certificates = stage.engine().context().certificates.clone();
    let before = certificates.status().unwrap();
    stage.set("tls.names", json!(["weir.example"])).await;
    let after = certificates.status().unwrap();
    assert!(!before.info.names.contains(&"weir.example".to_owned()));
    assert!(after.info.names.contains(&"weir.example".to_owned()), "{:?}", after.info.names);
    stage.unharmed().await;
}

async fn cert_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["mine.example".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut stage = Stage::start(secure).await;
    let certificates = stage.engine().context().certificates.clone();
    stage.set_all(&[("tls.cert", json!(cert)), ("tls.key", json!(key))]).await;
    let status = certificates.status().unwrap();
    assert_eq!((status.source, status.info.names), (Source::Files, vec!["mine.example".to_owned()]));
    stage.unharmed().await;
}
