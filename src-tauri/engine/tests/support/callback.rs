//! A server for `auth.callback` that answers as a test says.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use weir_engine::Config;
use weir_engine::auth::Mode;

/// A callback server that answers as told and keeps what it was asked.
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Callback {
    /// `answer` is given the body of each request; `None` never answers.
    pub(crate) async fn start(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/auth", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, answer) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    loop {
                        let text = String::from_utf8_lossy(&request).into_owned();
                        if let Some((head, body)) = text.split_once("\r\n\r\n") {
                            let length = head.to_lowercase().split("content-length: ").nth(1).map(str::to_owned);
                            let length: usize = length.unwrap().split("\r\n").next().unwrap().parse().unwrap();
                            if body.len() >= length {
                                heard.lock().unwrap().push(body.to_owned());
                                let Some(bytes) = answer(body) else { return std::future::pending().await };
                                let _ = stream.write_all(&bytes).await;
                                return;
                            }
                        }
                        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, asked, task }
    }

    /// One that lets in whoever's question holds one of `words`.
    pub(crate) async fn allowing(words: &'static [&'static str]) -> Self {
        Self::start(|body| answer(if words.iter().any(|word| body.contains(word)) { "200 OK" } else { "403 No" })).await
    }

    pub(crate) fn config(&self) -> impl FnOnce(&mut Config) + use<> {
        let url = self.url.clone();
        move |config| {
            config.auth.mode = Mode::Callback;
            config.auth.callback = Some(url);
        }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with this status line.
pub(crate) fn answer(line: &str) -> Option<Vec<u8>> {
    Some(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes())
}
