//! Carrying a stream to an RTMP server.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use weir_hub::Hub;
use weir_media::StreamPath;
use weir_rtmp::url::{PublishUrl, Scheme};

use super::board::{Board, Standing};
use super::carrier::{Attempt, Outcome};
use super::config::StartRule;
use super::connection::{Connection, End, Opened, Until};
use super::failure::{Failure, FailureCode};
use super::network::Network;
use super::order::{Order, Orders};
use super::reading::Reading;
use super::state::Step;
use super::task;
use crate::event::Events;
use crate::net::dial;
use crate::net::gauge::Gauge;
use crate::net::outgoing::Outgoing;
use crate::tls::{self, Fingerprint};

/// Bytes the operating system may hold for one connection. Without a bound it takes megabytes: seconds of a stream that
/// the lag policy could no longer leave out. Linux doubles it; that is 40 Mbit/s at a round trip of 200 ms.
const SEND_BUFFER: usize = 512 * 1024;

/// After so long without a byte from the server the OS asks whether it is still there, and again so often.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How often in a row servers may send us on shortly after we came: they must not send us to and fro for ever.
const MAX_QUICK_MOVES: u32 = 5;

/// How often a server may ask who comes: for the name, and for a proof of the password.
const LOGIN_QUESTIONS: usize = 2;

/// How long agreeing on the encryption may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Carries streams by RTMP over TCP or TLS.
#[derive(Debug)]
pub(super) struct Carrier {
    hub: Hub,
    /// A connection that waits for a stream.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    url: PublishUrl,
    trusted: Option<Fingerprint>,
    connection: Connection<Outgoing>,
}

impl Carrier {
    pub(super) const fn new(hub: Hub) -> Self {
        Self { hub, kept: None }
    }

    /// Connects to `url` and sends until something ends it.
    pub(super) async fn carry(&mut self, url: PublishUrl, mut attempt: Attempt<'_>) -> Outcome {
        let (board, order, path) = (attempt.board, attempt.order, attempt.path);
        let trusted = order.config.trusted_certificate;
        let kept = self.take_kept(&url, trusted, board).await;
        let opened = match kept {
            Some(connection) => Ok(connection),
            None => tokio::select! {
                opened = open(&url, trusted, board) => opened,
                () = attempt.interrupted() => return Outcome::Interrupted,
            },
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(failure) => return Outcome::Failed(failure),
        };
        // Only now, so that it begins where the stream is now. A stream that has ended meanwhile is not waited for.
        let Some(mut reading) = self.read(path, order, board) else {
            self.keep(order, url, connection, board).await;
            return Outcome::StreamEnded;
        };
        reading.epoch = attempt.epoch.cloned();
        board.stands(Standing::Live);
        tracing::info!(destination = order.config.id, stream = %path, "the server takes the stream");
        let mut leg =
            Leg { carrier: self, order, path, board, url, connection, reading, since: Instant::now(), moves: 0 };
        let end = leg.run(attempt.orders).await;
        let Leg { url, connection, reading, .. } = leg;
        board.leaves(reading.point());
        match end {
            End::StreamEnded => {
                self.keep(order, url, connection, board).await;
                Outcome::StreamEnded
            }
            End::Interrupted => {
                connection.end(board).await;
                Outcome::Interrupted
            }
            End::AskedToReconnect(_) | End::AtKeyFrame => {
                connection.end(board).await;
                Outcome::Again
            }
            End::Failed(failure) => Outcome::Failed(failure),
        }
    }

    /// Opens a connection before there is a stream, and cares for it.
    pub(super) async fn stand_by(&mut self, url: PublishUrl, order: &Order, board: &Board) -> Failure {
        let trusted = order.config.trusted_certificate;
        let connection = match self.take_kept(&url, trusted, board).await {
            Some(connection) => connection,
            None => match open(&url, trusted, board).await {
                Ok(connection) => connection,
                Err(failure) => return failure,
            },
        };
        board.stands(Standing::Live);
        let kept = self.kept.insert(Kept { url, trusted, connection });
        let failure = kept.connection.idle(board).await;
        self.kept = None;
        failure
    }

    /// Ends the connection that waits for a stream.
    pub(super) async fn release(&mut self, board: &Board) {
        if let Some(kept) = self.kept.take() {
            kept.connection.end(board).await;
        }
    }

    /// The connection that waits, where it leads to `url`.
    async fn take_kept(
        &mut self,
        url: &PublishUrl,
        trusted: Option<Fingerprint>,
        board: &Board,
    ) -> Option<Connection<Outgoing>> {
        let kept = self.kept.take()?;
        if kept.url == *url && kept.trusted == trusted {
            return Some(kept.connection);
        }
        kept.connection.end(board).await;
        None
    }

    /// Keeps a connection whose stream is over, where the start rule says so.
    async fn keep(&mut self, order: &Order, url: PublishUrl, mut connection: Connection<Outgoing>, board: &Board) {
        if order.config.start == StartRule::Always {
            connection.goes_on();
            self.kept = Some(Kept { url, trusted: order.config.trusted_certificate, connection });
        } else {
            connection.end(board).await;
        }
    }

    fn read(&self, path: &StreamPath, order: &Order, board: &Board) -> Option<Reading> {
        Reading::of(&self.hub, path, order, board, "rtmp")
    }
}

/// A stream that is being sent, and the connection it is sent over, which the server may wish to exchange.
struct Leg<'a> {
    carrier: &'a Carrier,
    order: &'a Arc<Order>,
    path: &'a StreamPath,
    board: &'a Board,
    url: PublishUrl,
    connection: Connection<Outgoing>,
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
        let quiet = Board::new(Arc::clone(self.order), Events::default(), Network::default());
        let opened = {
            let opening = open(&to, self.order.config.trusted_certificate, &quiet);
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
    async fn begin_anew(&mut self, connection: Connection<Outgoing>, to: PublishUrl) -> Result<(), End> {
        self.board.leaves(self.reading.point());
        let Some(reading) = self.carrier.read(self.path, self.order, self.board) else {
            connection.end(self.board).await;
            return Err(End::StreamEnded);
        };
        let epoch = self.reading.epoch.take();
        self.reading = Reading { epoch, ..reading };
        drop(self.exchange(connection, to));
        self.board.loses();
        Ok(())
    }

    async fn unless_interrupted(
        &self,
        opening: impl Future<Output = Result<Connection<Outgoing>, Failure>>,
        orders: &mut Orders,
    ) -> Result<Connection<Outgoing>, End> {
        tokio::select! {
            opened = opening => opened.map_err(End::Failed),
            () = orders.interrupted(self.order, Some(self.path), |new| self.board.ordered(new)) => Err(End::Interrupted),
        }
    }

    async fn move_after_goodbye(&mut self, to: PublishUrl, orders: &mut Orders) -> Result<(), End> {
        self.connection.say_goodbye(self.board).await;
        let connection =
            self.unless_interrupted(open(&to, self.order.config.trusted_certificate, self.board), orders).await?;
        self.board.stands(Standing::Live);
        self.begin_anew(connection, to).await
    }

    fn exchange(&mut self, connection: Connection<Outgoing>, to: PublishUrl) -> Connection<Outgoing> {
        (self.url, self.since) = (to, Instant::now());
        tracing::info!(destination = self.order.config.id, to = %self.url, "moved to another connection");
        std::mem::replace(&mut self.connection, connection)
    }
}

/// Opens a connection that the server takes, telling it who comes where it asks.
async fn open(url: &PublishUrl, trusted: Option<Fingerprint>, board: &Board) -> Result<Connection<Outgoing>, Failure> {
    let mut answering = url.clone();
    for _ in 0..=LOGIN_QUESTIONS {
        match call(&answering, trusted, board).await? {
            Opened::Publishing(connection) => return Ok(*connection),
            Opened::LoginAsked(query) => answering = url.with_query(&query),
        }
    }
    Err(Failure::login_refused())
}

async fn call(url: &PublishUrl, trusted: Option<Fingerprint>, board: &Board) -> Result<Opened<Outgoing>, Failure> {
    board.stands(Standing::Connecting(Step::Dns));
    let addresses = dial::resolve(&url.host, url.port).await.map_err(|error| Failure::of_dial(&error))?;
    board.stands(Standing::Connecting(Step::Tcp));
    let stream = dial::connect(&url.host, addresses).await.map_err(|error| Failure::of_dial(&error))?;
    tune(&stream);
    let mut gauge = Gauge::of(&stream);
    let stream = match url.scheme {
        Scheme::Rtmp => Outgoing::Plain(stream),
        Scheme::Rtmps => {
            board.stands(Standing::Connecting(Step::Tls));
            gauge = gauge.behind_tls();
            let agreed = timeout(TLS_TIMEOUT, tls::connect(stream, &url.host, trusted)).await;
            let agreed = agreed.map_err(|_| Failure::slow_step(Step::Tls, TLS_TIMEOUT))?;
            Outgoing::Tls(Box::new(agreed.map_err(|error| Failure::of_tls(&error, &url.host))?))
        }
    };
    Connection::publish(stream, gauge, url.clone(), board).await
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
    use super::super::kept::Kept;
    use super::super::order::Address;
    use super::super::target::Target;
    use super::*;

    fn order(url: &str, key: Option<&str>) -> Order {
        let key = key.map(|key| Secret::new(key.to_owned()));
        Order { kept: Kept::read(key.as_ref()), ..Order::new(Config::new("a", url)) }
    }

    /// Fault 19 of the predecessor: the query of the key was lost, and the whole address with the key was in tcUrl.
    #[test]
    fn fault_19_the_key_keeps_its_query_and_stays_out_of_the_address() {
        let Ok(Target::Rtmp(url)) = order("rtmp://h/app/", Some("key?token=canary")).target(Address::Primary) else {
            panic!("not an address");
        };
        assert_eq!(url.key.expose(), "key?token=canary");
        assert_eq!((url.app.expose().as_str(), url.tc_url.expose().as_str()), ("app/", "rtmp://h/app/"));
        assert!(!format!("{url} {url:?}").contains("canary"));
    }

    #[test]
    fn an_address_that_cannot_work_is_said_without_repeating_it() {
        for url in ["canary", "http://h/canary", "rtmp://h", "rtmp://h:99999/canary", "srt://h/canary"] {
            let failure = order(url, None).target(Address::Primary).unwrap_err();
            assert_eq!(failure.code, FailureCode::InvalidUrl, "{url}");
            assert!(!format!("{failure:?}").contains("canary"));
        }
    }
}
