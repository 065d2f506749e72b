//! What a destination is told to do: its settings and its key, and what of them may change without an interruption.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use weir_media::{Secret, StreamPath};
use weir_rtmp::url::PublishUrl;

use super::config::Config;

/// What a destination is told to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) config: Config,
    pub(super) key: Option<Secret<String>>,
}

impl Order {
    /// Whether a connection made under `before`, which carries `path`, cannot go on under this order.
    fn interrupts(&self, before: &Self, path: Option<&StreamPath>) -> bool {
        let (new, old) = (&self.config, &before.config);
        let other_stream = new.streams != old.streams && path.is_none_or(|path| !new.streams.matches(path));
        new.url != old.url || new.enabled != old.enabled || self.key != before.key || other_stream
    }

    pub(super) fn key_set(&self) -> bool {
        self.key.as_ref().is_some_and(Secret::is_set)
    }

    /// The address as it may be shown. User, password and query are hidden, and without a key of its own what would be
    /// sent as the key.
    pub(super) fn shown_url(&self) -> String {
        match PublishUrl::parse(&self.config.url, None) {
            Ok(url) if !self.key_set() && url.key.is_set() => url.to_string(),
            _ => hide(&self.config.url),
        }
    }
}

/// An address without what may be secret in it.
fn hide(url: &str) -> String {
    let (before, query) = url.split_once('?').map_or((url, false), |(before, _)| (before, true));
    let (scheme, rest) = before.split_once("://").map_or(("", before), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() { "•••@" } else { "" };
    let sep = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{sep}{user}{host}{path}{}", if query { "?•••" } else { "" })
}

/// A task's view of its orders.
#[derive(Debug)]
pub(super) struct Orders {
    /// Cancelled when the destination is taken away or Weir shuts down.
    pub(super) stop: CancellationToken,
    pub(super) order: watch::Receiver<Arc<Order>>,
    /// Somebody does not want to wait for the next attempt.
    pub(super) retry: Arc<Notify>,
}

impl Orders {
    /// The order in force.
    pub(super) fn current(&mut self) -> Arc<Order> {
        Arc::clone(&self.order.borrow_and_update())
    }

    /// Resolves when what is done under `order` must end: it was changed, or the destination is to stop. `on_harmless` is
    /// told of each change that interrupts nothing. Cancel-safe.
    pub(super) async fn interrupted(
        &mut self,
        order: &Order,
        path: Option<&StreamPath>,
        on_harmless: impl Fn(Arc<Order>),
    ) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = self.order.changed() => if changed.is_err() {
                    return;
                },
            }
            let new = self.current();
            if new.interrupts(order, path) {
                return;
            }
            on_harmless(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(url: &str, streams: &str, name: &str) -> Order {
        Order {
            config: Config {
                id: "a".into(),
                name: name.into(),
                url: url.into(),
                streams: streams.to_owned().try_into().unwrap(),
                enabled: true,
            },
            key: Some(Secret::new("canary".into())),
        }
    }

    #[test]
    fn only_a_change_that_matters_interrupts() {
        let before = order("rtmp://h/app", "live/*", "A");
        let path = StreamPath::parse("live/show").unwrap();
        let path = Some(&path);
        assert!(!order("rtmp://h/app", "live/*", "Another name").interrupts(&before, path));
        assert!(!order("rtmp://h/app", "*", "A").interrupts(&before, path), "the stream is still one of its own");
        assert!(order("rtmp://h/app", "other/*", "A").interrupts(&before, path));
        assert!(order("rtmp://h/app", "*", "A").interrupts(&before, None), "another stream may match now");
        assert!(order("rtmp://h/other", "live/*", "A").interrupts(&before, path));
        let mut changed = before.clone();
        changed.key = Some(Secret::new("other".into()));
        assert!(changed.interrupts(&before, path));
        changed = before.clone();
        changed.config.enabled = false;
        assert!(changed.interrupts(&before, path));
    }

    #[test]
    fn a_shown_address_holds_no_login_and_no_query() {
        for (url, shown) in [
            ("rtmp://live.twitch.tv/app", "rtmp://live.twitch.tv/app"),
            ("rtmp://me:canary@h:1935/app", "rtmp://•••@h:1935/app"),
            ("rtmp://h/app?key=canary", "rtmp://h/app?•••"),
            ("rtmp://h", "rtmp://h"),
            ("me:canary@h/app", "•••@h/app"),
        ] {
            assert_eq!(hide(url), shown);
        }
        let mut pasted = order("rtmp://h/app/canary?a=canary", "*", "A");
        pasted.key = None;
        assert_eq!(pasted.shown_url(), "rtmp://h/app/***");
        assert!(!format!("{:?}", order("rtmp://h/app", "*", "A")).contains("canary"));
    }
}
