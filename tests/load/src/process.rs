//! What the server costs: CPU time and resident memory out of `/proc` (proc(5)).

use std::fs;

/// `USER_HZ`: the unit of times in `/proc/PID/stat`, 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// One or more processes measured as one, such as nginx's master and worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pids: Vec<u32>,
}

impl Server {
    pub(crate) fn new(pids: Vec<u32>) -> Self {
        Self { pids }
    }

    /// The generator itself.
    pub(crate) fn own() -> Self {
        Self::new(vec![std::process::id()])
    }

    /// User and system time of all threads so far, in seconds; 0 when no process is known.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.pids.iter().filter_map(|pid| cpu_ticks(*pid)).sum::<u64>() as f64 / TICKS_PER_SECOND
    }

    /// Resident set in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.pids.iter().filter_map(|pid| resident_kib(*pid)).sum()
    }

    /// Whether every process is still there.
    pub(crate) fn alive(&self) -> bool {
        self.pids.iter().all(|pid| fs::metadata(format!("/proc/{pid}/stat")).is_ok())
    }
}

fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
