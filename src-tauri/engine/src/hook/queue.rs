//! Which call may run next: in order for each stream and each connection, beside each other otherwise, and never more than
//! can be waited for. Pure: the tasks are in [`super::dispatch`].

use std::collections::{BTreeMap, HashSet, VecDeque};

/// What must keep its order: calls of one hook that share any of these run one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A stream.
    Stream(String),
    /// A connection.
    Connection(u64),
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub(super) hook: String,
    pub(super) keys: Vec<Key>,
    pub(super) call: T,
}

/// The calls that wait and run. Each hook has a line of its own: one that hangs takes nothing from the others.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: BTreeMap<String, Line<T>>,
    room: usize,
}

/// The calls of one hook.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<Waiting<T>>,
    busy: HashSet<Key>,
    running: usize,
}

/// What a running call keeps from others; handed back when it is over.
#[derive(Debug)]
pub(super) struct Held {
    hook: String,
    keys: Vec<Key>,
}

impl<T> Queue<T> {
    /// A queue in which at most `room` calls of each hook wait.
    pub(super) const fn new(room: usize) -> Self {
        Self { lines: BTreeMap::new(), room }
    }

    /// Takes a call in; gives it back when there is no room.
    pub(super) fn push(&mut self, call: Waiting<T>) -> Result<(), Waiting<T>> {
        let line = self.lines.entry(call.hook.clone()).or_default();
        if line.waiting.len() >= self.room {
            return Err(call);
        }
        line.waiting.push_back(call);
        Ok(())
    }

    /// The next call that may run beside at most `concurrency` others of its hook, itself included.
    pub(super) fn next(&mut self, concurrency: usize) -> Option<(T, Held)> {
        self.lines.values_mut().find_map(|line| line.next(concurrency))
    }

    /// A call is over.
    pub(super) fn done(&mut self, held: Held) {
        let Some(line) = self.lines.get_mut(&held.hook) else { return };
        for key in &held.keys {
            line.busy.remove(key);
        }
        line.running = line.running.saturating_sub(1);
        if line.is_idle() {
            self.lines.remove(&held.hook);
        }
    }

    /// Nothing waits and nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.lines.values().all(Line::is_idle)
    }

    /// Drops waiting calls of hooks that are gone.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&str) -> bool) {
        self.lines.retain(|hook, line| {
            if !is_there(hook) {
                line.waiting.clear();
            }
            !line.is_idle()
        });
    }
}

impl<T> Line<T> {
    fn next(&mut self, concurrency: usize) -> Option<(T, Held)> {
        if self.running >= concurrency {
            return None;
        }
        // What an earlier call waits for keeps later ones of its stream waiting too.
        let mut earlier: HashSet<&Key> = HashSet::new();
        let mut found = None;
        for (at, call) in self.waiting.iter().enumerate() {
            if !call.keys.iter().any(|key| earlier.contains(key) || self.busy.contains(key)) {
                found = Some(at);
                break;
            }
            earlier.extend(&call.keys);
        }
        let Waiting { hook, keys, call } = self.waiting.remove(found?)?;
        self.busy.extend(keys.iter().cloned());
        self.running += 1;
        Some((call, Held { hook, keys }))
    }

    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), busy: HashSet::new(), running: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(hook: &str, stream: Option<&str>, connection: Option<u64>, call: u32) -> Waiting<u32> {
        let keys = stream.map(|stream| Key::Stream(stream.to_owned())).into_iter();
        Waiting { hook: hook.to_owned(), keys: keys.chain(connection.map(Key::Connection)).collect(), call }
    }

    #[test]
    fn one_stream_keeps_its_order_and_others_go_beside_it() {
        let mut queue = Queue::new(10);
        for waiting in [
            call("h", None, Some(1), 1),
            call("h", Some("a"), Some(1), 2),
            call("h", Some("a"), None, 3),
            call("h", Some("b"), Some(2), 4),
            call("i", Some("a"), None, 5),
        ] {
            queue.push(waiting).unwrap();
        }
        let (first, held) = queue.next(10).unwrap();
        let (beside, held_beside) = queue.next(10).unwrap();
        let (other_hook, _) = queue.next(10).unwrap();
        assert_eq!((first, beside, other_hook), (1, 4, 5));
        assert!(queue.next(10).is_none(), "2 waits for its connection, and 3 for 2");
        queue.done(held_beside);
        assert!(queue.next(10).is_none());
        queue.done(held);
        let (second, held) = queue.next(10).unwrap();
        assert_eq!(second, 2);
        assert!(queue.next(10).is_none());
        queue.done(held);
        assert_eq!(queue.next(10).unwrap().0, 3);
    }

    #[test]
    fn both_bounds_hold() {
        let mut queue = Queue::new(2);
        queue.push(call("h", Some("a"), None, 1)).unwrap();
        queue.push(call("h", Some("b"), None, 2)).unwrap();
        assert_eq!(queue.push(call("h", Some("c"), None, 3)).unwrap_err().call, 3);
        let (_, held) = queue.next(1).unwrap();
        assert!(queue.next(1).is_none());
        queue.done(held);
        assert!(queue.next(1).is_some());
        assert!(!queue.is_idle());
    }

    #[test]
    fn a_hook_that_hangs_takes_neither_places_nor_room_of_another() {
        let mut queue = Queue::new(3);
        for number in 0..6 {
            let taken = queue.push(call("hangs", Some(&format!("s{number}")), None, number)).is_ok();
            assert_eq!(taken, number < 5, "three wait beside the two that run");
            if number < 2 {
                assert!(queue.next(2).is_some());
            }
        }
        queue.push(call("other", Some("s0"), None, 10)).unwrap();
        let (runs, held) = queue.next(2).unwrap();
        assert_eq!(runs, 10);
        queue.done(held);
        queue.keep_only(|hook| hook == "other");
        assert!(!queue.is_idle(), "what runs goes on");
        assert!(queue.next(10).is_none());
    }
}
