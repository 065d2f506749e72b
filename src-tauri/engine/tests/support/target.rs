//! A server to send to, which takes streams or misbehaves as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use weir_flv::MessageKind;
use weir_rtmp::chunk::{self, MessageHeader};
use weir_rtmp::command::{Status, reply};
use weir_rtmp::message::{MediaKind, MediaMessage, kind};
use weir_rtmp::session::ServerSession;
use weir_rtmp::session::server::{Event, Output, Rejection};

use super::Tag;

/// What the server does with a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// Takes everything.
    Take,
    /// Takes everything and keeps of each message the first bytes only, which tell which one it is.
    Skim,
    /// Refuses the application, with this code and sentence.
    Deny(&'static str, &'static str),
    /// Refuses to publish.
    Refuse(Rejection, &'static str),
    /// Accepts the connection and never says a word.
    Silent,
    /// Accepts the stream, then reads no more.
    Stall,
    /// Hangs up after so many media messages.
    HangUp(usize),
    /// Ends the stream with a status after so many media messages.
    Throw(usize, Rejection, &'static str),
    /// Asks to be connected to anew after so many media messages, there or elsewhere.
    SendOn(usize, Option<&'static str>),
    /// Answers as another protocol.
    Http,
}

/// How much of a message [`Manner::Skim`] keeps.
const SKIMMED: usize = 256;

/// What the server saw of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visit {
    /// What the client called the application, and the whole address, in `connect`.
    pub(crate) app: String,
    pub(crate) tc_url: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) media: Vec<MediaMessage>,
    /// When each of them came.
    pub(crate) at: Vec<Instant>,
    /// Everything that came over the connection.
    pub(crate) bytes: u64,
    /// The client said goodbye.
    pub(crate) goodbye: bool,
    /// The connection is closed.
    pub(crate) closed: bool,
}

impl Visit {
    /// What came, as tags of a file; `@setDataFrame` taken off.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let tag = |message: &MediaMessage| {
            let kind = match message.kind {
                MediaKind::Audio => MessageKind::Audio,
                MediaKind::Video => MessageKind::Video,
                MediaKind::Data => MessageKind::Data,
            };
            let set_data_frame = b"\x02\0\x0d@setDataFrame";
            let has_it = kind == MessageKind::Data && message.payload.starts_with(set_data_frame);
            let body = message.payload.slice(if has_it { set_data_frame.len() } else { 0 }..);
            Tag { kind, millis: message.timestamp, body }
        };
        self.media.iter().map(tag).collect()
    }
}

/// The server.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl Target {
    /// Listens on a port of its own; `manner` says what happens to the `n`th connection.
    pub(crate) async fn start(manner: impl FnMut(usize) -> Manner + Send + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), manner).await
    }

    pub(crate) async fn start_at(at: SocketAddr, mut manner: impl FnMut(usize) -> Manner + Send + 'static) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        // Little room, so that a server which does not read is noticed soon.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.bind(at).unwrap();
        let listener: TcpListener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let seen = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            let mut visitors = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Visit::default());
                    seen.len() - 1
                };
                let (manner, seen) = (manner(number), Arc::clone(&seen));
                visitors.spawn(async move {
                    serve(stream, manner, |change| change(&mut seen.lock().unwrap()[number])).await;
                    seen.lock().unwrap()[number].closed = true;
                });
            }
        });
        Self { address, visits, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("rtmp://{}/app", self.address)
    }

    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, note: impl Fn(&dyn Fn(&mut Visit))) {
    match manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Http => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 4096]).await;
            return;
        }
        Manner::Deny(code, sentence) => return deny(stream, code, sentence).await,
        _ => {}
    }
    let mut session = ServerSession::new(Instant::now(), Arc::default(), Box::new([7; _]));
    let (mut buffer, mut publish, mut taken) = (vec![0; 64 * 1024], None, 0);
    loop {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Output::Event(Event::Connected(connect)) => {
                    let (app, tc_url) = (connect.app.expose().clone(), connect.tc_url.expose().clone());
                    note(&|visit| (visit.app, visit.tc_url) = (app.clone(), tc_url.clone()));
                }
                Output::Event(Event::PublishRequested(request)) => {
                    let (path, name) = (request.path.to_string(), request.name.expose().clone());
                    note(&|visit| (visit.path, visit.name) = (path.clone(), name.clone()));
                    publish = Some(request.id);
                    match manner {
                        Manner::Refuse(why, sentence) => session.reject_publish(request.id, why, sentence).unwrap(),
                        _ => session.accept_publish(request.id).unwrap(),
                    }
                }
                Output::Event(Event::Media { mut message, .. }) => {
                    taken += 1;
                    if matches!(manner, Manner::Skim) {
                        let kept = message.payload.len().min(SKIMMED);
                        message.payload = Bytes::copy_from_slice(&message.payload[..kept]);
                    }
                    note(&|visit| {
                        visit.media.push(message.clone());
                        visit.at.push(Instant::now());
                    });
                    match manner {
                        Manner::HangUp(after) if taken >= after => return,
                        Manner::SendOn(after, tc_url) if taken == after => {
                            session.request_reconnect(tc_url, "maintenance").unwrap();
                        }
                        Manner::Stall => return std::future::pending().await,
                        Manner::Throw(after, why, sentence) if taken == after => {
                            session.reject_publish(publish.unwrap(), why, sentence).unwrap();
                        }
                        _ => {}
                    }
                }
                Output::Event(Event::Ended { .. }) => note(&|visit| visit.goodbye = true),
                Output::Event(_) | Output::WakeAt(_) => {}
                Output::Close => {
                    let _ = stream.shutdown().await;
                    // Some clients read late.
                    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await;
                    return;
                }
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => {
                note(&|visit| visit.bytes += len as u64);
                session.handle_bytes(Instant::now(), &buffer[..len]).unwrap();
            }
        }
    }
}

/// A handshake without a digest, and the answer to whatever is asked first.
async fn deny(mut stream: TcpStream, code: &str, sentence: &str) {
    let mut hello = [0; 1537];
    if stream.read_exact(&mut hello).await.is_err() {
        return;
    }
    let (mut answer, mut body) = (vec![3; 1], BytesMut::new());
    answer.extend([0; 1536]);
    answer.extend(&hello[1..]);
    reply::error(1.0, &Status::error(code, sentence)).encode(&mut body);
    let header = MessageHeader { csid: 3, timestamp: 0, type_id: kind::COMMAND, stream_id: 0 };
    let error = chunk::encode_message(128, &header, &body).unwrap();
    let _ = stream.write_all(&answer).await;
    // The rest of the handshake, and the first byte of what is asked.
    if stream.read_exact(&mut [0; 1537]).await.is_ok() {
        let _ = stream.write_all(&error).await;
        while stream.read(&mut hello).await.is_ok_and(|len| len > 0) {}
    }
}
