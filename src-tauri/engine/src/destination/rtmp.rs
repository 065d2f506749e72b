//! Carrying a stream to an RTMP server.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use weir_hub::{Hub, Origin, SubscribeOptions};
use weir_media::StreamPath;
use weir_rtmp::url::{PublishUrl, Scheme};

use super::board::{Board, Standing};
use super::connection::{Connection, End};
use super::failure::{Failure, FailureCode};
use super::order::{Order, Orders};
use super::state::Step;
use super::task::{self, Outcome};
use crate::net::dial;

/// Bytes the operating system may hold for one connection. Without a bound it takes megabytes: seconds of a stream that
/// the lag policy could no longer leave out. Linux doubles it; that is 40 Mbit/s at a round trip of 200 ms.
const SEND_BUFFER: usize = 512 * 1024;

/// After so long without a byte from the server the OS asks whether it is still there, and again so often.
const KEEPALIVE: Duration = Duration::from_secs(15);

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
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(failure) => return Outcome::Failed(failure),
        };
        // Only now, so that it begins at what is the newest key frame now. A stream that has ended meanwhile is not waited for.
        let origin = Origin { agent: Some(order.config.name.clone()), ..Origin::internal("rtmp") };
        let options = SubscribeOptions { wait: Some(Duration::ZERO), ..SubscribeOptions::destination(origin) };
        let Ok(subscriber) = self.hub.subscribe(path, options) else { return Outcome::StreamEnded };
        board.stands(Standing::Live);
        tracing::info!(destination = order.config.id, stream = %path, "live");
        let interrupted = orders.interrupted(order, Some(path), |new| board.ordered(new));
        match connection.run(subscriber, board, interrupted).await {
            End::StreamEnded => Outcome::StreamEnded,
            End::Interrupted => Outcome::Interrupted,
            End::AskedToReconnect => Outcome::Again,
            End::Failed(failure) => Outcome::Failed(failure),
        }
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
