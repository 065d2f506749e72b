//! HTTP over real sockets.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use weir_api::http::serve;

use crate::bench::Bench;

/// Far longer than anything here takes; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(end) {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end_and_then_frees_the_port() {
    let bench = Bench::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, bench.router.clone(), async {
        ended.await.ok();
    }));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert!(read_until(&mut client, "\"product\":\"Weir\"").await.starts_with("HTTP/1.1 200 OK\r\n"));
    // Kept alive, then an endless answer on the same connection.
    client.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut client, "event: stats").await;
    let idle = TcpStream::connect(address).await.unwrap();

    end.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap();
    // Whoever is left is cut off, the endless answer too.
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await.unwrap().ok();
    drop(idle);
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let bench = Bench::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, bench.router.clone(), std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let line = [b"X-A: ".as_slice(), &[b'a'; 900], b"\r\n"].concat();
    let mut sent = 0;
    while sent < (1 << 20) && client.write_all(&line).await.is_ok() {
        sent += line.len();
    }
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, client.read_to_end(&mut answer)).await.unwrap().ok();
    assert!(sent < (1 << 20) || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}
