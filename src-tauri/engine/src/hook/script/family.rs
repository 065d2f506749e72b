//! Everything that one call of a script has started, and its end.
//!
//! A process group is not all of it: `setsid` and daemons leave theirs. On Linux whatever a call started is found by a mark in its
//! environment, which every process hands down, and by who started whom, for those that were given another environment. On
//! Windows the job object holds them all; on macOS there is the group and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::problem::now_millis;

/// The name of the mark.
pub(super) const MARK: &str = "WEIR_HOOK_CALL";

/// A mark that no other call has or had.
pub(super) fn new_mark() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}-{}", std::process::id(), now_millis(), CALLS.fetch_add(1, Ordering::Relaxed))
}

/// Ends a call with everything it started when it is dropped, which it is not when the program ended by itself.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems hold a call together by themselves"))]
pub(super) struct Leash {
    mark: String,
    leader: Option<u32>,
    loose: bool,
}

impl Leash {
    /// For the program `leader`, which was started with `mark`.
    pub(super) const fn new(mark: String, leader: Option<u32>) -> Self {
        Self { mark, leader, loose: false }
    }

    /// The program has ended; what it left running may go on.
    pub(super) fn let_go(mut self) {
        self.loose = true;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if self.loose {
            return;
        }
        #[cfg(target_os = "linux")]
        linux::end_all(&self.mark, self.leader);
        #[cfg(all(unix, not(target_os = "linux")))]
        end_group(self.leader);
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn end_group(leader: Option<u32>) {
    let leader = leader.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(leader) = leader {
        // Fails only when nobody is left in it.
        let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::fs;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use super::MARK;

    /// How often it is looked for more: each look finds what was started since the one before, by what is stopped by now.
    const LOOKS: usize = 50;

    /// A process as `/proc` shows it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Seen {
        parent: i32,
        /// When it was started, which tells it from a later one of the same number.
        started: u64,
    }

    /// Stops all that belongs to the call, so that nothing more is started while it is looked for, then ends it. Blocks for some
    /// milliseconds.
    pub(super) fn end_all(mark: &str, leader: Option<u32>) {
        let mark = format!("{MARK}={mark}");
        let leader = leader.and_then(|id| i32::try_from(id).ok());
        let mut family: HashMap<i32, OwnedFd> = HashMap::new();
        for _ in 0..LOOKS {
            let new = relatives(mark.as_bytes(), leader, &family);
            if new.is_empty() {
                break;
            }
            for (id, process) in new {
                let _ = pidfd_send_signal(&process, Signal::STOP);
                family.insert(id, process);
            }
        }
        for process in family.values() {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }

    /// Those that belong to the call and are not known yet, each held by a descriptor that never means another process.
    fn relatives(mark: &[u8], leader: Option<i32>, known: &HashMap<i32, OwnedFd>) -> Vec<(i32, OwnedFd)> {
        let all: Vec<(i32, Seen)> = processes().filter_map(|id| Some((id, look(id)?))).collect();
        let mut ours: Vec<i32> = known.keys().copied().collect();
        let mut new = Vec::new();
        loop {
            let before = new.len();
            for (id, seen) in &all {
                let is_ours = || Some(*id) == leader || ours.contains(&seen.parent) || is_marked(*id, mark);
                if ours.contains(id) || !is_ours() {
                    continue;
                }
                let process = Pid::from_raw(*id).and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
                // The number may have become another's between the look and now.
                if let Some(process) = process.filter(|_| look(*id) == Some(*seen)) {
                    ours.push(*id);
                    new.push((*id, process));
                }
            }
            if new.len() == before {
                return new;
            }
        }
    }

    fn processes() -> impl Iterator<Item = i32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// `None` for one that is gone, or has ended and is only waited for.
    fn look(id: i32) -> Option<Seen> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in brackets, may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // proc(5): state, parent, and 18 fields on the start.
        let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
        if matches!(*state, "Z" | "X") {
            return None;
        }
        Some(Seen { parent: parent.parse().ok()?, started: started.parse().ok()? })
    }

    fn is_marked(id: i32, mark: &[u8]) -> bool {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    }
}
