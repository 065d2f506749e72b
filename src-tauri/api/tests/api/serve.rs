//! HTTP over real sockets.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use weir_api::http::{Guard, Names, Token, guarded, serve};

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

/// 127.0.0.2 is this computer too, on Linux without further ado.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_address_that_holds_all_it_can_leaves_room_for_others() {
    let bench = Bench::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, bench.router.clone(), std::future::pending()));
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: h\r\n\r\n").await?;
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.map(|_| answer)
    };
    let (mut held, mut closed) = (Vec::new(), 0);
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        match tokio::time::timeout(PATIENCE, ask(&mut stream)).await.unwrap() {
            Ok(answer) => held.push((stream, answer)),
            Err(_) => closed += 1,
        }
    }
    assert_eq!((held.len(), closed), (128, 172));
    assert!(held.iter().all(|(_, answer)| answer == b"HTTP/1.1 200 OK"));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).unwrap();
    let mut other = socket.connect(address).await.unwrap();
    assert_eq!(&tokio::time::timeout(PATIENCE, ask(&mut other)).await.unwrap().unwrap(), b"HTTP/1.1 200 OK");
    // A place that is given back is there again.
    held.truncate(1);
    let again = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if ask(&mut stream).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
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

#[tokio::test]
async fn wrong_tokens_are_listed_with_their_address_and_who_guesses_on_is_shut_out() {
    let bench = Bench::start().await;
    let token = Token::random().unwrap();
    let right = token.expose().clone();
    let context = Some(bench.engine.context().clone());
    let guard = Guard { token, bound: vec![Ipv4Addr::LOCALHOST.into()], names: Names::default(), context };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, guarded(bench.router.clone(), guard), std::future::pending()));
    let ask = async |header: &str| {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/v1/status HTTP/1.0\r\nHost: {address}\r\n{header}\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut client, "\r\n").await.split(' ').nth(1).unwrap().to_owned()
    };
    for _ in 0..20 {
        assert_eq!(ask("Cookie: weir_80=old").await, "401", "an old cookie is no guess");
    }
    let answers: Vec<String> = {
        let mut answers = Vec::new();
        for guess in 0..20 {
            answers.push(ask(&format!("Authorization: Bearer guess{guess}")).await);
        }
        answers
    };
    assert_eq!((answers[0].as_str(), answers[9].as_str(), answers[19].as_str()), ("401", "401", "429"), "{answers:?}");
    assert_eq!(ask(&format!("Authorization: Bearer {right}")).await, "200", "who has the token is let in all the same");
    let listed = bench.engine.context().problems.list();
    let wrong = listed.iter().find(|problem| problem.code == "wrong_token").unwrap();
    assert_eq!((wrong.peer.as_deref(), wrong.count >= 10), (Some("127.0.0.1"), true));
    assert!(!format!("{listed:?}").contains("guess1"));
}
