//! Who is in, so that a change of who may enter can be held against them too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::attempt::{Attempt, Grant};

/// Least number of entries before those of people who left are swept out; after that it is done whenever their number doubled.
const SWEEP: usize = 64;

/// Somebody who was let in and has not left.
#[derive(Debug)]
pub(super) struct Guest {
    /// What was wanted, and what was shown for it.
    pub(super) attempt: Attempt,
    end: CancellationToken,
}

impl Guest {
    /// Ends what was granted.
    pub(super) fn put_out(&self) {
        self.end.cancel();
    }
}

/// Everybody who is in.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    guests: Vec<Weak<Guest>>,
    sweep_at: usize,
}

impl Guests {
    /// Writes down who is let in for as long as the grant, or a clone of it, is kept.
    pub(super) fn let_in(&self, attempt: Attempt, grant: Grant) -> Grant {
        let end = grant.end();
        let guest = Arc::new(Guest { attempt, end: end.clone() });
        let mut book = self.book();
        if book.guests.len() >= book.sweep_at {
            book.guests.retain(|guest| guest.strong_count() > 0);
            book.sweep_at = SWEEP.max(book.guests.len() * 2);
        }
        book.guests.push(Arc::downgrade(&guest));
        drop(book);
        grant.held(guest, end)
    }

    /// Everybody who is in now.
    pub(super) fn all(&self) -> Vec<Arc<Guest>> {
        self.book().guests.iter().filter_map(Weak::upgrade).filter(|guest| !guest.end.is_cancelled()).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use weir_media::StreamPath;

    use super::super::attempt::Action;
    use super::*;

    fn attempt() -> Attempt {
        let path = StreamPath::parse("live/a").unwrap();
        Attempt { action: Action::Play, path, token: None, peer: None, protocol: "rtmp", agent: None }
    }

    #[test]
    fn who_left_is_forgotten_and_who_is_put_out_is_told() {
        let guests = Guests::default();
        let stays = guests.let_in(attempt(), Grant::open());
        let again = stays.clone();
        drop(stays);
        for _ in 0..10_000 {
            drop(guests.let_in(attempt(), Grant::open()));
        }
        assert!(guests.book().guests.len() <= 2 * SWEEP, "{}", guests.book().guests.len());
        let all = guests.all();
        assert_eq!(all.len(), 1, "a clone of the grant counts");
        all[0].put_out();
        assert!(again.is_revoked() && guests.all().is_empty());
    }

    #[test]
    fn a_key_that_is_revoked_ends_what_it_opened() {
        let (guests, key) = (Guests::default(), CancellationToken::new());
        let grant = guests.let_in(attempt(), Grant::until(key.clone()));
        assert!(grant.was_asked_for() && !grant.is_revoked());
        key.cancel();
        assert!(grant.is_revoked());
    }
}
