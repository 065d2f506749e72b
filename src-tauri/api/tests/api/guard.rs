//! Who may use the API over HTTP.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use weir_api::http::{Guard, Token, guarded};

use crate::bench::{Answer, Bench, send};

const HOST: &str = "127.0.0.1:8935";

struct Door {
    _bench: Bench,
    router: Router,
    token: String,
}

impl Door {
    async fn new() -> Self {
        Self::bound("127.0.0.1").await
    }

    async fn bound(address: &str) -> Self {
        let bench = Bench::start().await;
        let token = Token::random().unwrap();
        let text = token.expose().clone();
        let guard = Guard {
            token,
            bound: vec![address.parse().unwrap()],
            names: vec!["studio.example".to_owned()].into(),
            context: None,
        };
        Self { router: guarded(bench.router.clone(), guard), token: text, _bench: bench }
    }

    async fn knock(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(self.router.clone(), request.body(Body::empty()).unwrap()).await
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let door = Door::new().await;
    let (shorter, longer) = (door.token[1..].to_owned(), format!("{}a", door.token));
    let basic = format!("Basic {}", door.token);
    let tries: &[&[(&str, &str)]] = &[
        &[],
        &[("authorization", "Bearer ")],
        &[("authorization", &format!("Bearer {shorter}"))],
        &[("authorization", &format!("Bearer {longer}"))],
        &[("authorization", &basic)],
        &[("authorization", &door.token)],
        &[("cookie", &format!("weir_8935={shorter}"))],
        &[("cookie", &format!("weir_8936={}", door.token))],
        &[("cookie", &format!("other={}", door.token))],
    ];
    for headers in tries {
        let headers: Vec<_> = headers.iter().copied().chain([("host", HOST)]).collect();
        for path in ["/api/v1/status", "/api/v1/nothing", "/api/v1/events"] {
            let answer = door.knock(Method::GET, path, &headers).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::UNAUTHORIZED, "unauthorized"),
                "{headers:?}"
            );
            assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        }
    }
    // The token opens nothing as a part of an API address: addresses are logged.
    let path = format!("/api/v1/status?token={}", door.token);
    assert_eq!(door.knock(Method::GET, &path, &[("host", HOST)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_token_opens_as_bearer_and_as_cookie() {
    let door = Door::new().await;
    for (name, value) in [
        ("authorization", door.bearer()),
        ("authorization", format!("bearer {}", door.token)),
        ("cookie", format!("weir_8935={}", door.token)),
        ("cookie", format!("theme=dark; weir_8935={}; x=y", door.token)),
    ] {
        let answer = door.knock(Method::GET, "/api/v1/status", &[("host", HOST), (name, &value)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{name} {answer:?}");
    }
}

#[tokio::test]
async fn the_start_address_is_exchanged_for_a_cookie_that_opens() {
    let door = Door::new().await;
    let start = format!("/?token={}", door.token);
    let answer = door.knock(Method::GET, &start, &[("host", HOST)]).await;
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "weir_8935="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(answer.headers[header::REFRESH], "0; url=/", "the token leaves the address bar");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert!(!String::from_utf8_lossy(&answer.body).contains(&door.token));
    let pair = cookie.split(';').next().unwrap();
    let opened = door.knock(Method::GET, "/api/v1/status", &[("host", HOST), ("cookie", pair)]).await;
    assert_eq!(opened.status, StatusCode::OK);
    let wrong = door.knock(Method::GET, "/?token=wrong", &[("host", HOST)]).await;
    assert!(!wrong.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn only_names_of_this_computer_are_answered() {
    let door = Door::new().await;
    let bearer = door.bearer();
    for (host, good) in [
        ("127.0.0.1:8935", true),
        ("localhost:8935", true),
        ("LocalHost", true),
        ("[::1]:8935", true),
        ("127.8.9.1", true),
        ("studio.example", true),
        ("STUDIO.example:8935", true),
        ("evil.example", false),
        ("evil.example:8935", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("127.0.0.1:8935@evil.example", false),
        ("user@localhost", false),
        ("192.168.1.5:8935", false),
        ("0.0.0.0:8935", false),
        ("", false),
        ("localhost:port", false),
    ] {
        let answer = door.knock(Method::GET, "/api/v1/status", &[("host", host), ("authorization", &bearer)]).await;
        if good {
            assert_eq!(answer.status, StatusCode::OK, "{host} {answer:?}");
        } else {
            let seen = (answer.status, answer.code());
            assert_eq!(seen, (StatusCode::MISDIRECTED_REQUEST, "wrong_host".to_owned()), "{host}");
        }
    }
    let none = door.knock(Method::GET, "/api/v1/status", &[("authorization", &bearer)]).await;
    assert_eq!(none.code(), "wrong_host");
    let two = [("host", HOST), ("host", "evil.example"), ("authorization", &*bearer)];
    assert_eq!(door.knock(Method::GET, "/api/v1/status", &two).await.code(), "wrong_host");
    let page = door.knock(Method::GET, "/", &[("host", "evil.example")]).await;
    assert_eq!(page.code(), "wrong_host", "the page is not shown under another name either");
}

#[tokio::test]
async fn a_server_on_every_interface_is_reached_by_address_but_not_by_a_strangers_name() {
    let door = Door::bound("0.0.0.0").await;
    let bearer = door.bearer();
    for (host, status) in [
        ("192.168.1.5:8935", StatusCode::OK),
        ("[fe80::1]:8935", StatusCode::OK),
        ("evil.example:8935", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let headers = [("host", host), ("authorization", &*bearer)];
        assert_eq!(door.knock(Method::GET, "/api/v1/status", &headers).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn another_page_is_refused_even_with_the_cookie() {
    let door = Door::new().await;
    let cookie = format!("weir_8935={}", door.token);
    for (name, value, good) in [
        ("origin", "http://127.0.0.1:8935", true),
        ("origin", "https://127.0.0.1:8935", true),
        ("origin", "http://127.0.0.1:3000", false),
        ("origin", "http://localhost:8935", false),
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
        ("origin", "", false),
        ("sec-fetch-site", "same-origin", true),
        ("sec-fetch-site", "none", true),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "cross-site", false),
    ] {
        for method in [Method::GET, Method::DELETE] {
            let headers = [("host", HOST), ("cookie", &*cookie), (name, value)];
            let answer = door.knock(method, "/api/v1/problems", &headers).await;
            if good {
                assert!(answer.status.is_success(), "{name} {value} {answer:?}");
            } else {
                let seen = (answer.status, answer.code());
                assert_eq!(seen, (StatusCode::FORBIDDEN, "wrong_origin".to_owned()), "{name} {value}");
            }
        }
    }
    // A link on another page may lead to ours.
    let link = [("host", HOST), ("sec-fetch-site", "cross-site")];
    assert_eq!(door.knock(Method::GET, "/", &link).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_to_refuse() {
    let door = Door::new().await;
    let check = |headers: &HeaderMap, what: &str| {
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{what}");
        assert!(!policy.contains("script-src 'self' 'unsafe"), "{what}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{what}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{what}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{what}");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{what}");
    };
    let bearer = door.bearer();
    for (path, headers) in [
        ("/", vec![("host", HOST)]),
        ("/api/v1/status", vec![("host", HOST)]),
        ("/api/v1/status", vec![("host", HOST), ("authorization", &*bearer)]),
        ("/", vec![("host", "evil.example")]),
    ] {
        check(&door.knock(Method::GET, path, &headers).await.headers, path);
    }
    let preflight = [("host", HOST), ("origin", "https://evil.example"), ("access-control-request-method", "PATCH")];
    let answer = door.knock(Method::OPTIONS, "/api/v1/settings", &preflight).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    check(&answer.headers, "preflight");
}

#[tokio::test]
async fn the_page_answers_every_address_but_those_of_the_api_and_of_its_files() {
    let door = Door::new().await;
    let bearer = door.bearer();
    let headers = [("host", HOST), ("authorization", &*bearer)];
    for path in ["/", "/streams/live%2Fshow", "/settings"] {
        let answer = door.knock(Method::GET, path, &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"), "{path}");
    }
    assert_eq!(door.knock(Method::GET, "/assets/gone.js", &headers).await.code(), "not_found");
    assert_eq!(door.knock(Method::GET, "/assets/..%2F..%2FCargo.toml", &headers).await.code(), "not_found");
    assert_eq!(door.knock(Method::GET, "/api/v1/nothing", &headers).await.code(), "not_found");
    assert_eq!(door.knock(Method::GET, "/api", &headers).await.code(), "not_found");
    assert_eq!(door.knock(Method::PUT, "/api/v1/status", &headers).await.code(), "method_not_allowed");
    assert_eq!(door.knock(Method::POST, "/", &headers).await.code(), "method_not_allowed");
}
