//! A client of Weir's API: as much HTTP as the tests need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Outcome, PATIENCE};

pub(crate) struct Api {
    address: String,
    token: String,
}

impl Api {
    /// From the address that `weir serve` prints: `http://127.0.0.1:8935/?token=...`.
    pub(crate) fn at(url: &str) -> Option<Self> {
        let (address, rest) = url.strip_prefix("http://")?.split_once('/')?;
        let token = rest.split_once("token=")?.1;
        let token = token.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        Some(Self { address: address.to_owned(), token })
    }

    pub(crate) fn read(&self, path: &str) -> Outcome<Value> {
        self.call("GET", path, None)
    }

    /// A request whose answer must be a success; `null` when the answer has no body.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let (status, answer) =
            self.exchange(method, path, body).map_err(|error| format!("{method} {path}: {error}"))?;
        if !(200..300).contains(&status) {
            return Err(format!("{method} {path}: status {status}: {answer}"));
        }
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&answer).map_err(|error| format!("{method} {path}: {error}: {answer}"))
    }

    /// Reads `path` until `look` finds what it waits for.
    pub(crate) fn until<T>(&self, what: &str, path: &str, look: impl Fn(&Value) -> Option<T>) -> Outcome<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.read(path)?;
            if let Some(found) = look(&answer) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(format!("waited in vain for {what}; {path} says {answer:#}"));
            }
            thread::sleep(Duration::from_millis(25));
        }
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(
            socket,
            "{method} /api/v1{path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len(),
        )?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let content = answer.split_once("\r\n\r\n").map(|(_, content)| content.to_owned()).unwrap_or_default();
        Ok((status, content))
    }
}
