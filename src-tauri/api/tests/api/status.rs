//! The whole at a glance.

use weir_engine::net::ListenAddress;

use crate::bench::Bench;

#[tokio::test]
async fn it_tells_what_to_type_into_an_encoder() {
    let bench = Bench::start().await;
    let status = bench.get("/status").await.json();
    assert_eq!(status["product"], "Weir");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    let listener = &bench.get("/listeners").await.json()["listeners"][0];
    let bound = listener["bound"][0].as_str().unwrap();
    let ingest = status["ingest"].as_array().unwrap();
    assert_eq!(ingest.len(), 1, "a loopback listener is for this computer only: {ingest:?}");
    assert_eq!(ingest[0]["server"], format!("rtmp://{bound}/live"));
    assert_eq!(ingest[0]["key"], "stream");
    assert_eq!(ingest[0]["reach"], "this_computer");
    assert!(status["disk_free_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_listener_for_the_network_is_offered_to_this_computer_first() {
    let bench = Bench::with(|config| config.rtmp.listen = vec![ListenAddress::All { port: 0 }]).await;
    let ingest = bench.get("/status").await.json()["ingest"].clone();
    let server = ingest[0]["server"].as_str().unwrap();
    assert!(server.starts_with("rtmp://127.0.0.1:") && !server.contains(":0/"), "{server}");
    for open in ingest.as_array().unwrap().iter().skip(1) {
        let server = open["server"].as_str().unwrap();
        assert_eq!(open["reach"], "network");
        assert!(!server.contains("0.0.0.0") && !server.contains("127.0.0.1"), "{server}");
    }
}

#[tokio::test]
async fn what_is_live_is_counted() {
    let bench = Bench::start().await;
    let mut encoder = bench.publish("live/show");
    encoder.write(2);
    let totals = bench.get("/status").await.json()["totals"].clone();
    assert_eq!(totals["streams_live"], 1);
    assert_eq!(totals["readers"], 0);
    assert!(totals["bitrate_in"].as_u64().unwrap() > 0);
}
