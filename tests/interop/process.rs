//! A program that runs beside the test: what it says can be waited for, and it never outlives its handle.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; whoever waits longer waits for something that will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a test returns: a sentence says what went wrong.
pub(crate) type Outcome<T = ()> = Result<T, String>;

pub(crate) struct Process {
    name: String,
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
}

#[derive(Default)]
struct Said {
    out: Vec<String>,
    err: Vec<String>,
    open_pipes: usize,
}

impl Process {
    /// Starts `program`; standard input is closed, both outputs are kept line by line.
    pub(crate) fn start<A: AsRef<OsStr>>(
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome<Self> {
        Self::start_with(name, program, arguments, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with<A: AsRef<OsStr>>(
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &OsStr)],
    ) -> Outcome<Self> {
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{name}: {:?}: {error}", program.as_ref()))?;
        let said = Arc::new((Mutex::new(Said { open_pipes: 2, ..Said::default() }), Condvar::new()));
        let out = child.stdout.take().ok_or("no standard output")?;
        let err = child.stderr.take().ok_or("no standard error")?;
        listen(out, Arc::clone(&said), |said| &mut said.out);
        listen(err, Arc::clone(&said), |said| &mut said.err);
        Ok(Self { name: name.to_owned(), child, said })
    }

    /// Waits until `look` finds something in standard output or, failing that, standard error.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&[String]) -> Option<T>) -> Outcome<T> {
        let found = self.watch(|said| look(&said.out).or_else(|| look(&said.err)));
        found.ok_or_else(|| format!("{}: waited in vain for {what}{}", self.name, self.last_words()))
    }

    /// Waits until the program has ended by itself; both outputs are complete then.
    pub(crate) fn end(&mut self) -> Outcome<ExitStatus> {
        let closed = self.watch(|said| (said.open_pipes == 0).then_some(()));
        closed.ok_or_else(|| format!("{} does not end{}", self.name, self.last_words()))?;
        self.child.wait().map_err(|error| error.to_string())
    }

    /// Waits until the program has ended well.
    pub(crate) fn succeed(&mut self) -> Outcome {
        let status = self.end()?;
        if status.success() { Ok(()) } else { Err(format!("{} ended with {status}{}", self.name, self.last_words())) }
    }

    /// Fails with its last words when the program has ended.
    pub(crate) fn still_runs(&self) -> Outcome {
        let ended = self.lock().open_pipes == 0;
        if ended { Err(format!("{} has ended{}", self.name, self.last_words())) } else { Ok(()) }
    }

    /// Every line of standard output so far.
    pub(crate) fn output(&self) -> Vec<String> {
        self.lock().out.clone()
    }

    /// Every line of standard error so far.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.lock().err.clone()
    }

    /// Memory that the program holds at this moment, in KiB, where the system tells.
    pub(crate) fn memory_kib(&self) -> Outcome<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        line.trim().trim_end_matches("kB").trim().parse().map_err(|_| "VmRSS is no number".to_owned())
    }

    /// Asks the program to end, as a service manager does.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) -> Outcome {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().map_err(|error| error.to_string())?;
        if sent.success() { Ok(()) } else { Err(format!("{} was gone before it was asked to end", self.name)) }
    }

    /// Ends the program the hard way, as a power cut does.
    pub(crate) fn kill(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn watch<T>(&self, mut look: impl FnMut(&Said) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.lock();
        loop {
            if let Some(found) = look(&said) {
                return Some(found);
            }
            // A program that has ended says nothing more.
            let left = deadline.checked_duration_since(Instant::now()).filter(|_| said.open_pipes > 0)?;
            said = self.said.1.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_words(&self) -> String {
        let said = self.lock();
        let mut last: VecDeque<&String> = said.err.iter().rev().take(12).collect();
        last.extend(said.out.iter().rev().take(3));
        last.iter().rev().map(|line| format!("\n    {line}")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listen(
    pipe: impl Read + Send + 'static,
    said: Arc<(Mutex<Said>, Condvar)>,
    lines: fn(&mut Said) -> &mut Vec<String>,
) {
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            line.clear();
            let open = reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0);
            let mut said_now = said.0.lock().unwrap_or_else(PoisonError::into_inner);
            if open {
                lines(&mut said_now).push(String::from_utf8_lossy(&line).trim_end().to_owned());
            } else {
                said_now.open_pipes -= 1;
            }
            said.1.notify_all();
            if !open {
                return;
            }
        }
    });
}
