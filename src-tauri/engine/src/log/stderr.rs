//! Everything that is written to standard error. A thread of its own writes it, so that whoever reads it badly or not at all
//! holds up nothing else: what finds no room is left out, and how much it was is said when there is room again.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Texts that wait for a slow reader.
const WAITING: usize = 4096;
/// How long the end of the program waits for one.
const PATIENCE: Duration = Duration::from_secs(1);

static STDERR: OnceLock<Lossy> = OnceLock::new();

enum Work {
    Write(Vec<u8>),
    /// Everything before it has been written.
    Flush(SyncSender<()>),
}

/// A writer that nobody waits for.
struct Lossy {
    /// `None` without a thread, and then nothing is written.
    work: Option<SyncSender<Work>>,
    left_out: &'static AtomicU64,
}

impl Lossy {
    fn start(to: impl Write + Send + 'static, room: usize) -> Self {
        let left_out: &'static AtomicU64 = Box::leak(Box::default());
        let (sender, receiver) = sync_channel(room);
        let thread = std::thread::Builder::new().name("stderr".to_owned());
        let started = thread.spawn(move || write_out(&receiver, to, left_out));
        Self { work: started.ok().map(|_| sender), left_out }
    }

    fn write(&self, text: &[u8]) -> bool {
        let there_was_room = self.work.as_ref().is_some_and(|work| work.try_send(Work::Write(text.to_vec())).is_ok());
        if !there_was_room {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        there_was_room
    }

    fn flush(&self, patience: Duration) {
        let Some(work) = &self.work else { return };
        let (deadline, (done, is_done)) = (Instant::now() + patience, sync_channel(1));
        while let Err(TrySendError::Full(_)) = work.try_send(Work::Flush(done.clone())) {
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = is_done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write_out(work: &Receiver<Work>, mut to: impl Write, left_out: &AtomicU64) {
    // A closed standard error is no reason to fail.
    while let Ok(work) = work.recv() {
        let text = match work {
            Work::Write(text) => text,
            Work::Flush(done) => {
                let _ = to.flush();
                let _ = done.try_send(());
                continue;
            }
        };
        let _ = to.write_all(&text);
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(to, "weir: {missing} lines are missing here, since nobody read them in time");
        }
    }
}

fn stderr() -> &'static Lossy {
    STDERR.get_or_init(|| Lossy::start(io::stderr(), WAITING))
}

/// Writes `text` to standard error without waiting for its reader. Returns whether there was room.
pub fn to_stderr(text: &str) -> bool {
    stderr().write(text.as_bytes())
}

/// Waits until everything has been written, but only for a moment: before the program ends.
pub fn flush_stderr() {
    if let Some(stderr) = STDERR.get() {
        stderr.flush(PATIENCE);
    }
}

/// Where the log writes its lines.
pub(super) struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        stderr().write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A pipe that is full until it is opened.
    struct Pipe {
        asked: Sender<()>,
        closed: Arc<Mutex<()>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            let _open = self.closed.lock().unwrap();
            let _ = self.written.send(text.to_vec());
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for_and_is_told_what_is_missing() {
        let closed = Arc::new(Mutex::new(()));
        let full = closed.lock().unwrap();
        let ((asked, is_asked), (written, all)) = (channel(), channel());
        let lossy = Lossy::start(Pipe { asked, closed: Arc::clone(&closed), written }, 2);
        assert!(lossy.write(b"1\n"));
        is_asked.recv().unwrap();
        assert!(lossy.write(b"2\n") && lossy.write(b"3\n"));
        assert!(!lossy.write(b"4\n") && !lossy.write(b"5\n"));
        lossy.flush(Duration::from_millis(20));
        drop(full);
        lossy.flush(Duration::from_secs(30));
        let text = String::from_utf8(all.try_iter().flatten().collect()).unwrap();
        assert_eq!(text, "1\nweir: 2 lines are missing here, since nobody read them in time\n2\n3\n");
    }
}
