//! Page and numbers over HTTP as the settings want them, and who may take a profile.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use weir_api::http::{Front, Own, Service, Token, numbers, serve};
use weir_engine::net::ListenAddress;

use crate::bench::Bench;

/// Far longer than anything here takes; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Status and body of an answer.
async fn ask(address: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut client = TcpStream::connect(address).await.unwrap();
    let host = if header.to_lowercase().contains("host:") { String::new() } else { format!("Host: {address}\r\n") };
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{host}{header}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, client.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// The address that `front` serves `service` at, once it is another one than `before`.
async fn moved(bench: &Bench, front: &Front, service: Service, before: Option<SocketAddr>) -> SocketAddr {
    let mut events = bench.engine.context().events.listen();
    let search = async {
        loop {
            let bound = front.bound();
            let found = bound.iter().find(|(place, _)| place.service == service).and_then(|(_, all)| all.first());
            if let Some(found) = found.filter(|found| Some(**found) != before) {
                return *found;
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("it is served in time")
}

async fn closed(address: SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("the old address closes");
}

fn one() -> ListenAddress {
    ListenAddress::One((Ipv4Addr::LOCALHOST, 0).into())
}

#[tokio::test]
async fn the_addresses_of_page_and_numbers_move_while_everything_goes_on() {
    let bench = Bench::with(|config| config.http.listen = vec![one()]).await;
    let file = bench.folder.path().join("http_token");
    let front = Front::start(bench.engine.clone(), file.clone(), Vec::new());
    let page = moved(&bench, &front, Service::Page, None).await;
    let token = format!("Authorization: Bearer {}\r\n", Token::load_or_create(&file).unwrap().expose());
    assert_eq!(ask(page, "/api/v1/status", &token).await.0, 200);
    // Somebody looks at the page all the while.
    let mut events = TcpStream::connect(page).await.unwrap();
    events.write_all(format!("GET /api/v1/events HTTP/1.1\r\nHost: {page}\r\n{token}\r\n").as_bytes()).await.unwrap();
    let publisher = bench.publish("live/show");

    // metrics.listen: on, moved, off.
    let mut config = bench.engine.config();
    config.metrics.listen = Some(one());
    bench.engine.apply(config.clone()).await.unwrap();
    let first = moved(&bench, &front, Service::Numbers, None).await;
    assert!(ask(first, "/metrics", "").await.1.contains("weir_stream_live{stream=\"live/show\"} 1"));
    config.metrics.listen = Some(ListenAddress::Localhost { port: 0 });
    bench.engine.apply(config.clone()).await.unwrap();
    let second = moved(&bench, &front, Service::Numbers, Some(first)).await;
    assert!(ask(second, "/debug/vars", "").await.1.contains("rtmp_publishers_active"));
    closed(first).await;
    config.metrics.listen = None;
    bench.engine.apply(config.clone()).await.unwrap();
    closed(second).await;

    // http.names: a name more, while the page stays where it is.
    let named = format!("Host: weir.example\r\n{token}");
    assert_ne!(ask(page, "/api/v1/status", &named).await.0, 200);
    config.http.names = vec!["weir.example".to_owned()];
    bench.engine.apply(config.clone()).await.unwrap();
    let accepted = async { while ask(page, "/api/v1/status", &named).await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, accepted).await.expect("the name is taken");

    // Until here whoever looked at the page was not disturbed; only its own move ends that.
    let mut seen = String::new();
    let mut buffer = [0; 16 * 1024];
    while !seen.contains("live/show") {
        let read = tokio::time::timeout(PATIENCE, events.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "the page was cut: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    // http.listen.
    config.http.listen = vec![ListenAddress::Localhost { port: 0 }];
    bench.engine.apply(config).await.unwrap();
    let elsewhere = moved(&bench, &front, Service::Page, Some(page)).await;
    assert_eq!(ask(elsewhere, "/api/v1/status", &token).await.0, 200);
    closed(page).await;
    assert_eq!(bench.engine.streams().len(), 1);
    drop(publisher);
    front.end().await;
}

/// On an address that other devices reach, a profile needs the token; the numbers never do.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_needs_the_token_where_others_reach_it() {
    let bench = Bench::start().await;
    let token = Token::random().unwrap();
    let right = token.expose().clone();
    let served = async |token: Option<Token>| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, numbers(bench.engine.clone(), token, Own::default()), std::future::pending()));
        address
    };
    let (far, near) = (served(Some(token)).await, served(None).await);
    let taken = if cfg!(any(target_os = "linux", target_os = "macos")) { 200 } else { 501 };
    let profile = "/debug/pprof/profile?seconds=1";
    for (address, path, header, status) in [
        (far, profile.to_owned(), String::new(), 401),
        (far, format!("{profile}&token=wrong"), String::new(), 401),
        (far, profile.to_owned(), "Authorization: Bearer wrong\r\n".to_owned(), 401),
        // Nobody learns what else is wrong with the question.
        (far, "/debug/pprof/profile?seconds=0".to_owned(), String::new(), 401),
        (far, format!("{profile}&token={right}"), String::new(), taken),
        (far, profile.to_owned(), format!("Authorization: Bearer {right}\r\n"), taken),
        (far, "/metrics".to_owned(), String::new(), 200),
        (far, "/debug/vars".to_owned(), String::new(), 200),
        (near, profile.to_owned(), String::new(), taken),
        // A page of somebody else, by a name of its own or across sites, reads nothing.
        (near, "/metrics".to_owned(), "Host: evil.example\r\n".to_owned(), 421),
        (near, "/debug/vars".to_owned(), "Origin: http://evil.example\r\n".to_owned(), 403),
        (near, profile.to_owned(), "Sec-Fetch-Site: cross-site\r\n".to_owned(), 403),
        (near, "/metrics".to_owned(), "Host: localhost:1\r\n".to_owned(), 200),
    ] {
        let (answered, body) = ask(address, &path, &header).await;
        assert_eq!(answered, status, "{path} {header}: {body}");
        assert!(!body.contains(&right));
    }
}

#[tokio::test]
async fn a_collector_gets_the_form_that_it_asks_for() {
    let bench = Bench::start().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, numbers(bench.engine.clone(), None, Own::default()), std::future::pending()));
    let (_, plain) = ask(address, "/metrics", "Accept: text/plain;version=0.0.4\r\n").await;
    assert!(plain.contains("\n# TYPE weir_publishers_total counter\nweir_publishers_total "), "{plain}");
    assert!(!plain.contains("# EOF"));
    let (_, newer) = ask(address, "/metrics", "Accept: application/openmetrics-text;version=1.0.0;q=0.5\r\n").await;
    assert!(newer.contains("\n# TYPE weir_publishers counter\nweir_publishers_total "), "{newer}");
    assert!(newer.ends_with("# EOF\n") || newer.ends_with("# EOF"), "{newer}");
}

/// From one interface to another on the same port, which the old socket still holds when the new one is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_moves_to_other_addresses_of_the_same_port_and_a_token_that_cannot_be_kept_is_tried_again() {
    let bench = Bench::with(|config| config.http.listen = vec![one()]).await;
    // A folder where the token belongs: it cannot be kept until that is gone.
    let file = bench.folder.path().join("http_token");
    std::fs::create_dir(&file).unwrap();
    let front = Front::start(bench.engine.clone(), file.clone(), Vec::new());
    let told = |code: &str| bench.engine.context().problems.list().iter().any(|problem| problem.code == code);
    let refused = async {
        while !told("token_not_kept") {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it is told");
    std::fs::remove_dir(&file).unwrap();
    let page = moved(&bench, &front, Service::Page, None).await;

    // Whoever looks at the page keeps the old task for a moment.
    let mut looks = TcpStream::connect(page).await.unwrap();
    looks.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut config = bench.engine.config();
    config.http.listen = vec![ListenAddress::Localhost { port: page.port() }];
    bench.engine.apply(config.clone()).await.unwrap();
    let search = async {
        while !front.bound().iter().any(|(place, _)| place.address == config.http.listen[0]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("it moves");
    assert!(!told("port_in_use"), "{:?}", bench.engine.context().problems.list());
    front.end().await;
}
