//! Asking clients to connect anew, here or elsewhere: before a planned stop, or to spread load (Enhanced RTMP v2,
//! "Reconnect Request").
//!
//! Only clients that announced that they understand it are known here; others would take the request for noise, and cost
//! nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use weir_hub::SubscriberId;
use weir_media::{Secret, StreamPath};
use weir_rtmp::url::{self, FollowError, PublishUrl};

/// Where clients are sent: `rtmp://host/app`, or relative to where they are (`//host/app`, `/app`). Shown without what may
/// be secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct ReconnectUrl(Secret<String>);

impl FromStr for ReconnectUrl {
    type Err = FollowError;

    fn from_str(text: &str) -> Result<Self, FollowError> {
        if text.trim().is_empty() {
            return Err(url::Error::NoHost.into());
        }
        // As any client would read it that is somewhere already.
        let somewhere = PublishUrl::parse("rtmp://localhost/live", None)?;
        somewhere.follow(text)?;
        Ok(Self(Secret::new(text.trim().to_owned())))
    }
}

impl fmt::Debug for ReconnectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before_query = self.0.expose().split('?').next().unwrap_or_default();
        f.write_str(if before_query.contains('@') { "•••" } else { before_query })
    }
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Everybody who is connected.
    Everyone,
    /// The publisher of a stream.
    Publisher(StreamPath),
    /// One reader.
    Reader(SubscriberId),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Publisher(path) => write!(f, "the publisher of {path}"),
            Self::Reader(id) => write!(f, "reader {}", id.0),
        }
    }
}

/// What a client does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Doing {
    #[default]
    Nothing,
    Publishing(StreamPath),
    Playing(SubscriberId),
}

/// The clients that can be asked.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<Vec<Weak<Client>>>);

/// One of them, held by its connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    doing: Mutex<Doing>,
    /// Where to, once it is asked.
    asked: Mutex<Option<Option<ReconnectUrl>>>,
    is_asked: AtomicBool,
    notify: Notify,
}

impl Clients {
    /// A client that understands requests has connected.
    pub(crate) fn admit(&self) -> Arc<Client> {
        let client = Arc::default();
        let mut clients = lock(&self.0);
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&client));
        client
    }

    /// Asks those who are meant to go to `url`, or to connect to the same address again. Returns how many.
    pub(crate) fn ask(&self, whom: &Whom, url: Option<&ReconnectUrl>) -> usize {
        let clients: Vec<_> = lock(&self.0).iter().filter_map(Weak::upgrade).collect();
        let meant = clients.iter().filter(|client| client.is(whom));
        meant.map(|client| client.ask(url)).count()
    }
}

impl Client {
    /// Notes what the client does from now on.
    pub(crate) fn does(&self, doing: Doing) {
        *lock(&self.doing) = doing;
    }

    /// Where the client is to be sent, once; the inner `None` means the same address.
    pub(crate) fn take_request(&self) -> Option<Option<ReconnectUrl>> {
        // Looked at in every turn of a connection, so it must cost nothing while there is none.
        if !self.is_asked.swap(false, Ordering::Acquire) {
            return None;
        }
        lock(&self.asked).take()
    }

    /// Resolves when there may be a request. Cancel-safe.
    pub(crate) async fn asked(&self) {
        self.notify.notified().await;
    }

    fn is(&self, whom: &Whom) -> bool {
        match (whom, &*lock(&self.doing)) {
            (Whom::Everyone, _) => true,
            (Whom::Publisher(meant), Doing::Publishing(path)) => meant == path,
            (Whom::Reader(meant), Doing::Playing(id)) => meant == id,
            _ => false,
        }
    }

    fn ask(&self, url: Option<&ReconnectUrl>) {
        *lock(&self.asked) = Some(url.cloned());
        self.is_asked.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

impl ReconnectUrl {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_meant_is_asked_and_once() {
        let clients = Clients::default();
        let (publisher, player, idle) = (clients.admit(), clients.admit(), clients.admit());
        let path = StreamPath::parse("live/show").unwrap();
        publisher.does(Doing::Publishing(path.clone()));
        player.does(Doing::Playing(SubscriberId(7)));
        let url: ReconnectUrl = "rtmp://other/live".parse().unwrap();
        assert_eq!(clients.ask(&Whom::Publisher(path), Some(&url)), 1);
        assert_eq!((publisher.take_request(), publisher.take_request()), (Some(Some(url)), None));
        assert_eq!(clients.ask(&Whom::Reader(SubscriberId(7)), None), 1);
        assert_eq!((player.take_request(), idle.take_request()), (Some(None), None));
        assert_eq!(clients.ask(&Whom::Reader(SubscriberId(8)), None), 0);
        drop(player);
        assert_eq!(clients.ask(&Whom::Everyone, None), 2);
    }

    #[test]
    fn an_address_is_read_before_anybody_is_sent_there() {
        for good in ["rtmp://h/live", "rtmps://h:1/live?a=1", "//h/live", "/live"] {
            good.parse::<ReconnectUrl>().unwrap();
        }
        for bad in ["http://h/live", "rtmp://h", "rtmp://h:0/live", "rtmp://h/a b", ""] {
            assert!(bad.parse::<ReconnectUrl>().is_err(), "{bad}");
        }
        let url: ReconnectUrl = "rtmp://h/live?key=canary".parse().unwrap();
        assert_eq!(format!("{url:?}"), "rtmp://h/live");
    }
}
