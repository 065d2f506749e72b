//! What a destination is told to do: its settings, its keys and what people do by hand, and what of it may change without an
//! interruption.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use weir_media::{Secret, StreamPath};

use super::config::{BackupUse, Config, Selection, StartRule};
use super::kept::Kept;
use super::target::{HIDDEN, Target, hide, hide_all};
use super::{Failure, FailureCode, srt_call};
use crate::preset::Finding;

/// Which of the two addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Primary,
    Backup,
}

/// What people do by hand. It holds until the stream is over.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Wish {
    /// Started, or stopped; `None` leaves it to the start rule.
    pub(super) go: Option<bool>,
    /// The stream that was chosen.
    pub(super) chosen: Option<StreamPath>,
}

/// What a destination is told to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) config: Config,
    /// What is kept for its address, and for its second one.
    pub(super) kept: Kept,
    pub(super) backup_kept: Kept,
    pub(super) wish: Wish,
}

impl Order {
    pub(super) fn new(config: Config) -> Self {
        Self { config, kept: Kept::default(), backup_kept: Kept::default(), wish: Wish::default() }
    }

    /// Whether a connection made under `before`, which carries `path`, cannot go on under this order.
    fn interrupts(&self, before: &Self, path: Option<&StreamPath>) -> bool {
        let (new, old) = (&self.config, &before.config);
        let selection = (&new.streams, &self.wish.chosen) != (&old.streams, &before.wish.chosen);
        let other_stream = selection && path.is_none_or(|path| !self.takes(path));
        (&new.url, &new.backup_url, new.backup, new.enabled) != (&old.url, &old.backup_url, old.backup, old.enabled)
            || new.trusted_certificate != old.trusted_certificate
            || (&self.kept, &self.backup_kept) != (&before.kept, &before.backup_kept)
            || self.runs() != before.runs()
            || (new.start == StartRule::Always) != (old.start == StartRule::Always)
            || new.preset != old.preset
            || other_stream
    }

    /// Whether it is to send what it takes; without, it waits for somebody to start it.
    pub(super) fn runs(&self) -> bool {
        let chosen = self.config.streams != Selection::ByHand || self.wish.chosen.is_some();
        chosen && self.wish.go.unwrap_or(self.config.start != StartRule::ByHand)
    }

    /// Whether it is to send this stream.
    pub(super) fn takes(&self, path: &StreamPath) -> bool {
        self.config.streams.takes(path, self.wish.chosen.as_ref())
    }

    /// The address to use when `address` has failed.
    pub(super) fn other(&self, address: Address) -> Option<Address> {
        let other = if address == Address::Primary { Address::Backup } else { Address::Primary };
        (self.config.backup_url.is_some() && self.config.backup == BackupUse::TakeOver).then_some(other)
    }

    fn own(&self, address: Address) -> &Kept {
        if address == Address::Primary { &self.kept } else { &self.backup_kept }
    }

    pub(super) fn has_own_key(&self, address: Address) -> bool {
        self.own(address).key.as_ref().is_some_and(Secret::is_set)
    }

    /// What goes with an address. Services use one key for both, so it is the first one's where the second has none; what
    /// belongs into the first one's address is no business of the second's server.
    fn kept(&self, address: Address) -> Kept {
        let Kept { login, query, key } = self.own(address).clone();
        Kept { login, query, key: key.filter(Secret::is_set).or_else(|| self.kept.key.clone()) }
    }

    fn url(&self, address: Address) -> &str {
        match address {
            Address::Primary => &self.config.url,
            Address::Backup => self.config.backup_url.as_deref().unwrap_or_default(),
        }
    }

    /// Where to, or why that is no address.
    pub(super) fn target(&self, address: Address) -> Result<Target, Failure> {
        Target::read(self.url(address), &self.kept(address)).map_err(|error| {
            Failure::new(FailureCode::InvalidUrl, format!("Nothing can be sent there: {error}."), error.hint())
        })
    }

    /// What looks like a mistake in its addresses, although they can be used; the first one's goes before the second's.
    pub(super) fn finding(&self) -> Option<Finding> {
        let backup = self.config.backup_url.as_ref().map(|_| Address::Backup);
        let of = |address| match self.target(address) {
            Ok(Target::Srt(target)) => srt_call::finding(&target.parameters),
            _ => None,
        };
        [Some(Address::Primary), backup].into_iter().flatten().find_map(of)
    }

    /// The address as it may be shown. User, password and query are hidden, and without a key of its own what would be
    /// sent as the key.
    pub(super) fn shown_url(&self, address: Address) -> String {
        let (url, kept) = (self.url(address), self.kept(address));
        let whole = kept.whole(url);
        let key = kept.key.clone().filter(Secret::is_set);
        match Target::read(url, &Kept { key: None, ..kept }) {
            Ok(Target::Rtmp(parsed)) if key.is_none() && parsed.key.is_set() => {
                parsed.to_string().replace("***", HIDDEN)
            }
            Ok(_) => without_key(hide(whole.expose()), key.as_ref()),
            // Whoever wrote it may have meant any part of it as the key.
            Err(_) => hide_all(url),
        }
    }
}

/// An address without the key at its end, where somebody wrote the kept key there as well.
fn without_key(shown: String, key: Option<&Secret<String>>) -> String {
    let Some(key) = key else { return shown };
    let name = key.expose().trim_matches('/').split('?').next().unwrap_or_default();
    let (path, query) = shown.split_at(shown.find('?').unwrap_or(shown.len()));
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((app, last)) if last == name && app.matches('/').count() > 2 => format!("{app}/{HIDDEN}{query}"),
        _ => shown,
    }
}

/// A task's view of its orders.
#[derive(Debug)]
pub(super) struct Orders {
    /// Cancelled when the destination is taken away or Weir shuts down.
    pub(super) stop: CancellationToken,
    pub(super) order: watch::Receiver<Arc<Order>>,
    /// Somebody does not want to wait for the next attempt.
    pub(super) retry: Arc<Notify>,
    /// Cancelled when the present attempt is to end, although the orders stand.
    pub(super) halt: CancellationToken,
}

impl Orders {
    pub(super) fn new(stop: CancellationToken, order: watch::Receiver<Arc<Order>>, retry: Arc<Notify>) -> Self {
        Self { stop, order, retry, halt: CancellationToken::new() }
    }

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
                () = self.halt.cancelled() => return,
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

    fn kept(stored: &str) -> Kept {
        Kept::read(Some(&Secret::new(stored.to_owned())))
    }

    fn order(url: &str, streams: &str, name: &str) -> Order {
        let streams = streams.to_owned().try_into().unwrap();
        let config = Config { name: name.into(), streams, ..Config::new("a", url) };
        Order { kept: kept("canary"), ..Order::new(config) }
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
        changed.kept = kept("other");
        assert!(changed.interrupts(&before, path));
        changed = before.clone();
        changed.kept = kept("query\ncanary");
        assert!(changed.interrupts(&before, path));
        changed = before.clone();
        changed.config.enabled = false;
        assert!(changed.interrupts(&before, path));
        changed = before.clone();
        changed.wish.go = Some(true);
        assert!(!changed.interrupts(&before, path), "it runs already");
        changed.wish.go = Some(false);
        assert!(changed.interrupts(&before, path));
        changed = before.clone();
        changed.wish.chosen = Some(StreamPath::parse("live/other").unwrap());
        assert!(changed.interrupts(&before, path));
    }

    #[test]
    fn it_runs_by_its_rule_unless_somebody_says_otherwise() {
        let mut order = order("rtmp://h/app", "*", "A");
        assert!(order.runs());
        order.config.start = StartRule::ByHand;
        assert!(!order.runs());
        order.wish.go = Some(true);
        assert!(order.runs());
        order.config.streams = Selection::ByHand;
        assert!(!order.runs(), "nobody has said which stream");
        order.wish.chosen = Some(StreamPath::parse("live/show").unwrap());
        assert!(order.runs());
    }

    #[test]
    fn a_second_address_has_the_first_ones_key_unless_it_has_its_own() {
        let mut order = order("rtmp://h/app", "*", "A");
        assert_eq!(order.other(Address::Primary), None);
        order.config.backup_url = Some("rtmp://b/app".into());
        assert_eq!(order.other(Address::Primary), Some(Address::Backup));
        let sent = |order: &Order, address| match order.target(address).unwrap() {
            Target::Rtmp(url) => (url.app.expose().clone(), url.key.expose().clone()),
            Target::Srt(_) => panic!("no RTMP"),
        };
        let is = |app: &str, key: &str| (app.to_owned(), key.to_owned());
        assert_eq!(sent(&order, Address::Backup), is("app", "canary"));
        order.kept = kept("auth=first\ncanary");
        assert_eq!(sent(&order, Address::Primary), is("app?auth=first", "canary"));
        assert_eq!(sent(&order, Address::Backup), is("app", "canary"), "a query is for its own server");
        order.kept = kept("me:pw\nauth=first\ncanary");
        let login = |order: &Order, address| match order.target(address).unwrap() {
            Target::Rtmp(url) => url.credentials.is_some(),
            Target::Srt(_) => panic!("no RTMP"),
        };
        assert!(login(&order, Address::Primary) && !login(&order, Address::Backup), "a login is for its own server");
        order.backup_kept = kept("auth=second\n");
        assert_eq!(sent(&order, Address::Backup), is("app?auth=second", "canary"));
        assert!(!order.has_own_key(Address::Backup), "a query is no key");
        order.backup_kept = kept("own");
        assert_eq!(sent(&order, Address::Backup), is("app", "own"));
        assert!(order.has_own_key(Address::Backup));
        order.config.backup = BackupUse::Both;
        assert_eq!(order.other(Address::Primary), None);
    }

    #[test]
    fn a_shown_address_holds_no_key() {
        let mut pasted = order("rtmp://h/app/canary?a=canary", "*", "A");
        pasted.kept = Kept::default();
        assert_eq!(pasted.shown_url(Address::Primary), "rtmp://h/app/•••");
        for (url, stored, shown) in [
            ("rtmp://h/app", "canary=canary\ncanary", "rtmp://h/app?•••"),
            ("rtmp://h/app", "canary=canary\n", "rtmp://h/app?•••"),
            ("rtmp://h/app?canary", "canary", "rtmp://h/app?•••"),
            ("rtmp://h/live2?backup=1", "canary", "rtmp://h/live2?backup=1"),
            ("rtmp://h/a/canary", "canary=canary\n", "rtmp://h/a/•••"),
            ("rtmp://h/app", "canary:canary\n\ncanary", "rtmp://•••@h/app"),
            ("rtmp://h:1936/app", "canary\ncanary\n", "rtmp://•••@h:1936/app?•••"),
            ("srt://h:9000?latency=20", "canary=canary\nstreamid=canary", "srt://h:9000?latency=20&•••"),
            ("srt://h:9000", "streamid=canary", "srt://h:9000"),
            // Written there by hand.
            ("rtmp://h/app/canary", "canary?a=1", "rtmp://h/app/•••"),
            ("rtmp://h/app/canary/?canary", "canary", "rtmp://h/app/•••?•••"),
            ("rtmp://h/live", "live", "rtmp://h/live"),
        ] {
            pasted.config.url = url.to_owned();
            pasted.kept = kept(stored);
            assert_eq!(pasted.shown_url(Address::Primary), shown, "{url}");
        }
        assert!(!format!("{:?}", order("rtmp://h/app", "*", "A")).contains("canary"));
    }
}
