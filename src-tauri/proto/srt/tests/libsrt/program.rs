//! Programs that speak SRT through libsrt.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Whether a program is there.
pub(crate) fn installed(program: &str, argument: &str) -> bool {
    let run =
        Command::new(program).arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok()
}

/// Most packets that are made up for at once when the machine kept us from sending.
pub(crate) const CATCH_UP: u32 = 10;

/// A running program; it ends with this value.
pub(crate) struct Program {
    child: Child,
    pub(crate) output: Arc<Mutex<Vec<u8>>>,
    pub(crate) errors: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
}

fn collect(mut from: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let into = Arc::new(Mutex::new(Vec::new()));
    let shared = into.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            shared.lock().unwrap().extend_from_slice(&buffer[..len]);
        }
    });
    into
}

impl Program {
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (output, errors) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        Self { child, output, errors, stop: Arc::default() }
    }

    /// `srt-live-transmit` from one place to another, with the names of libsrt's options.
    pub(crate) fn transmit(from: &str, to: &str) -> Self {
        Self::start("srt-live-transmit", &["-a:no", "-q", "-chunk:1316", "-loglevel:warning", from, to])
    }

    /// Feeds the program packets at an even pace, without an end. What the machine kept from being fed in time is hardly
    /// made up for: libsrt changes keys by a clock of its own and must not meet a flood.
    pub(crate) fn feed(mut self, pace: Duration) -> Self {
        let mut stdin: ChildStdin = self.child.stdin.take().unwrap();
        let stop = self.stop.clone();
        thread::spawn(move || {
            let mut due = Instant::now();
            for number in 0_u64.. {
                if stop.load(Ordering::Relaxed) || stdin.write_all(&packet(number)).is_err() {
                    break;
                }
                let now = Instant::now();
                due = (due + pace).max(now.checked_sub(pace * CATCH_UP).unwrap_or(now));
                thread::sleep(due.saturating_duration_since(now));
            }
        });
        self
    }

    /// Whether the program has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Whether a signal has ended it, which nobody here sent.
    pub(crate) fn died(&mut self) -> bool {
        // A program that a signal has ended has no code.
        self.child.try_wait().unwrap().is_some_and(|status| status.code().is_none())
    }

    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A numbered packet: seven cells of 188 bytes.
pub(crate) fn packet(number: u64) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..1316_u64).map(|byte| (number.wrapping_mul(31) ^ byte) as u8).collect();
    packet[..8].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Whether `bytes` are at least `count` packets in a row. They need not begin with the first: what libsrt's program reads
/// before it is connected it throws away.
pub(crate) fn check(bytes: &[u8], count: u64) -> Result<(), String> {
    let number = |packet: &[u8]| u64::from_be_bytes(packet[..8].try_into().unwrap());
    let first = bytes.get(..8).map(number).ok_or("nothing came")?;
    for (expected, found) in (first..first + count).zip(bytes.chunks_exact(1316)) {
        if found != packet(expected) {
            return Err(format!("packet {expected} is not what was sent; it begins as packet {}", number(found)));
        }
    }
    if bytes.len() as u64 >= count * 1316 { Ok(()) } else { Err(format!("only {} bytes came", bytes.len())) }
}
