//! Carrying a stream to an RTMP server.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use weir_hub::{Hub, Origin, Start, SubscribeOptions};
use weir_media::StreamPath;
use weir_rtmp::url::{PublishUrl, Scheme};

use super::board::{Board, Standing};
use super::connection::{Connection, End, Reading, Until};
use super::failure::{Failure, FailureCode};
use super::order::{Order, Orders};
use super::state::Step;
use super::task::{self, Outcome};
use crate::event::Events;
use crate::net::dial;

/// Bytes the operating system may hold for one connection. Without a bound it takes megabytes: seconds of a stream that
/// the lag policy could no longer leave out. Linux doubles it; that is 40 Mbit/s at a round trip of 200 ms.
const SEND_BUFFER: usize = 512 * 1024;

/// After so long without a byte from the server the OS asks whether it is still there, and again so often.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How often in a row servers may send us on shortly after we came: they must not send us to and fro for ever.
const MAX_QUICK_MOVES: u32 = 5;

/// A stream this young is carried from its first key frame: the destination was waiting for it and only had to connect.
const JUST_BEGUN: Duration = Duration::from_secs(5);

/// Carries streams by RTMP over TCP.
#[derive(Debug)]
pub(super) struct Carrier {
    hub: Hub,
}

impl Carrier {
    pub(super) const fn new(hub: Hub) -> Self {
        Self { hub }
    }
}

impl task::Carrier for Carrier {
    async fn carry(&mut self, order: &Arc<Order>, path: &StreamPath, board: &Board, orders: &mut Orders) -> Outcome {
        let url = match address(order) {
            Ok(url) => url,
            Err(failure) => return Outcome::Hopeless(failure),
        };
        let opened = tokio::select! {
            opened = open(&url, board) => opened,
            () = orders.interrupted(order, Some(path), |new| board.ordered(new)) => return Outcome::Interrupted,
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(failure) => return Outcome::Failed(failure),
        };
        // Only now, so that it begins where the stream is now. A stream that has ended meanwhile is not waited for.
        let Some(reading) = self.read(path, order) else { return Outcome::StreamEnded };
        board.stands(Standing::Live);
        tracing::info!(destination = order.config.id, stream = %path, "live");
        let mut leg =
            Leg { carrier: self, order, path, board, url, connection, reading, since: Instant::now(), moves: 0 };
        let end = leg.run(orders).await;
        if !matches!(end, End::Failed(_)) {
            leg.connection.end(board).await;
        }
        match end {
            End::StreamEnded => Outcome::StreamEnded,
            End::Interrupted => Outcome::Interrupted,
            End::AskedToReconnect(_) | End::AtKeyFrame => Outcome::Again,
            End::Failed(failure) => Outcome::Failed(failure),
        }
    }
}

impl Carrier {
    /// A reader of the stream that begins at the newest key frame, or at the first of a stream that has only just begun:
    /// connecting must not cost its beginning. `None` when there is no such stream any more.
    fn read(&self, path: &StreamPath, order: &Order) -> Option<Reading> {
        let origin = Origin { agent: Some(order.config.name.clone()), ..Origin::internal("rtmp") };
        let session = self.hub.stream(path).map(|stream| stream.session);
        let start = session.filter(|session| *session <= JUST_BEGUN).map_or(Start::NewestKey, Start::Back);
        let options = SubscribeOptions { start, wait: Some(Duration::ZERO), ..SubscribeOptions::destination(origin) };
        self.hub.subscribe(path, options).ok().map(Reading::new)
    }
}

/// A stream that is being sent, and the connection it is sent over, which the server may wish to exchange.
struct Leg<'a> {
    carrier: &'a Carrier,
    order: &'a Arc<Order>,
    path: &'a StreamPath,
    board: &'a Board,
    url: PublishUrl,
    connection: Connection<TcpStream>,
    reading: Reading,
    /// When this connection went live.
    since: Instant,
    /// How often the server was exchanged, each time soon after the time before.
    moves: u32,
}

impl Leg<'_> {
    /// Sends until something ends it for good.
    async fn run(&mut self, orders: &mut Orders) -> End {
        loop {
            let end = self.send(Until::TheEnd, orders).await;
            let End::AskedToReconnect(to) = end else { return end };
            self.moves = if self.since.elapsed() < task::AGAIN_AT_ONCE { self.moves + 1 } else { 1 };
            if self.moves > MAX_QUICK_MOVES {
                return End::AskedToReconnect(to);
            }
            let to = match self.url.follow(to.as_ref().map_or("", |to| to.expose())) {
                Ok(to) => to,
                Err(error) => {
                    tracing::warn!(destination = self.order.config.id, %error, "staying with this connection");
                    continue;
                }
            };
            tracing::info!(destination = self.order.config.id, %to, "the server asks us to connect anew");
            if let Err(end) = self.move_to(to, orders).await {
                return end;
            }
        }
    }

    async fn send(&mut self, until: Until, orders: &mut Orders) -> End {
        let board = self.board;
        let interrupted = orders.interrupted(self.order, Some(self.path), |new| board.ordered(new));
        self.connection.run(&mut self.reading, until, board, interrupted).await
    }

    /// Opens a connection to `to` while the old one goes on, and moves over at a key frame. Where that cannot be, the old one
    /// goes on.
    async fn move_to(&mut self, to: PublishUrl, orders: &mut Orders) -> Result<(), End> {
        // Its steps are nobody's business while the old connection is live.
        let quiet = Board::new(Arc::clone(self.order), Events::default());
        let opened = {
            let opening = open(&to, &quiet);
            tokio::pin!(opening);
            tokio::select! {
                opened = &mut opening => opened,
                end = self.send(Until::TheEnd, orders) => match end {
                    // It could not wait; then without it.
                    End::Failed(_) | End::AskedToReconnect(_) => {
                        let opened = self.unless_interrupted(opening, orders).await?;
                        return self.begin_anew(opened, to.clone()).await;
                    }
                    end => return Err(end),
                },
            }
        };
        let connection = match opened {
            Ok(connection) => connection,
            // The server takes one of us at a time.
            Err(failure) if failure.code == FailureCode::AlreadyPublishing => {
                return self.move_after_goodbye(to, orders).await;
            }
            Err(failure) => {
                tracing::warn!(destination = self.order.config.id, %failure, "staying with the old connection");
                return Ok(());
            }
        };
        match self.send(Until::KeyFrame, orders).await {
            End::AtKeyFrame => {
                let old = self.exchange(connection, to);
                old.end(self.board).await;
                Ok(())
            }
            End::Failed(_) | End::AskedToReconnect(_) => self.begin_anew(connection, to).await,
            end => {
                connection.end(self.board).await;
                Err(end)
            }
        }
    }

    /// Goes on over `connection` from the newest key frame.
    async fn begin_anew(&mut self, connection: Connection<TcpStream>, to: PublishUrl) -> Result<(), End> {
        let Some(reading) = self.carrier.read(self.path, self.order) else {
            connection.end(self.board).await;
            return Err(End::StreamEnded);
        };
        self.reading = reading;
        drop(self.exchange(connection, to));
        Ok(())
    }

    async fn unless_interrupted(
        &self,
        opening: impl Future<Output = Result<Connection<TcpStream>, Failure>>,
        orders: &mut Orders,
    ) -> Result<Connection<TcpStream>, End> {
        tokio::select! {
            opened = opening => opened.map_err(End::Failed),
            () = orders.interrupted(self.order, Some(self.path), |new| self.board.ordered(new)) => Err(End::Interrupted),
        }
    }

    async fn move_after_goodbye(&mut self, to: PublishUrl, orders: &mut Orders) -> Result<(), End> {
        self.connection.say_goodbye(self.board).await;
        let connection = self.unless_interrupted(open(&to, self.board), orders).await?;
        self.board.stands(Standing::Live);
        self.begin_anew(connection, to).await
    }

    fn exchange(&mut self, connection: Connection<TcpStream>, to: PublishUrl) -> Connection<TcpStream> {
        (self.url, self.since) = (to, Instant::now());
        tracing::info!(destination = self.order.config.id, to = %self.url, "moved to another connection");
        std::mem::replace(&mut self.connection, connection)
    }
}

/// Where to, or why that is no address.
fn address(order: &Order) -> Result<PublishUrl, Failure> {
    let url = PublishUrl::parse(&order.config.url, order.key.as_ref()).map_err(|error| {
        let hint = "Copy the whole server address from the service, for example rtmp://live.twitch.tv/app.";
        Failure::new(FailureCode::InvalidUrl, format!("Nothing can be sent there: {error}."), hint)
    })?;
    match url.scheme {
        Scheme::Rtmp => Ok(url),
        Scheme::Rtmps => Err(Failure::new(
            FailureCode::InvalidUrl,
            "Encrypted addresses (rtmps://) are not supported yet.",
            "Use the service's rtmp:// address.",
        )),
    }
}

async fn open(url: &PublishUrl, board: &Board) -> Result<Connection<TcpStream>, Failure> {
    board.stands(Standing::Connecting(Step::Dns));
    let addresses = dial::resolve(&url.host, url.port).await.map_err(|error| Failure::of_dial(&error))?;
    board.stands(Standing::Connecting(Step::Tcp));
    let stream = dial::connect(&url.host, addresses).await.map_err(|error| Failure::of_dial(&error))?;
    tune(&stream);
    Connection::publish(stream, url.clone(), board).await
}

/// Settings of the socket. None of them is worth failing for.
fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    let results =
        [socket.set_tcp_nodelay(true), socket.set_send_buffer_size(SEND_BUFFER), socket.set_tcp_keepalive(&keepalive)];
    for error in results.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket option was not taken");
    }
}

#[cfg(test)]
mod tests {
    use weir_media::Secret;

    use super::super::config::Config;
    use super::*;

    fn order(url: &str, key: Option<&str>) -> Order {
        let config =
            Config { id: "a".into(), name: String::new(), url: url.into(), streams: Default::default(), enabled: true };
        Order { config, key: key.map(|key| Secret::new(key.to_owned())) }
    }

    /// Fault 19 of the predecessor: the query of the key was lost, and the whole address with the key was in tcUrl.
    #[test]
    fn the_key_keeps_its_query_and_stays_out_of_the_address() {
        let url = address(&order("rtmp://h/app/", Some("key?token=canary"))).unwrap();
        assert_eq!(url.key.expose(), "key?token=canary");
        assert_eq!((url.app.expose().as_str(), url.tc_url.expose().as_str()), ("app/", "rtmp://h/app/"));
        assert!(!format!("{url} {url:?}").contains("canary"));
    }

    #[test]
    fn an_address_that_cannot_work_is_said_without_repeating_it() {
        for url in ["canary", "http://h/canary", "rtmp://h", "rtmps://h/app/canary", "rtmp://h:99999/canary"] {
            let failure = address(&order(url, None)).unwrap_err();
            assert_eq!(failure.code, FailureCode::InvalidUrl, "{url}");
            assert!(!format!("{failure:?}").contains("canary"));
        }
    }
}
