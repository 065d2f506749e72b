//! One run of the program. It never outlives its handle.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than anything takes; reached only when something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    pub(crate) folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Both outputs, line by line.
    pub(crate) lines: Vec<String>,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Program {
    /// Runs it with exactly these arguments in a folder of its own, away from the settings of whoever runs the tests.
    pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::run_in(folder, arguments, environment)
    }

    pub(crate) fn run_in<A: AsRef<OsStr>>(
        folder: tempfile::TempDir,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut child = Self::command(&folder, arguments, environment).spawn().expect("it starts");
        let outputs: Vec<Box<dyn Read + Send>> =
            vec![Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        Self { child, lines: read(outputs), said: Vec::new(), folder }
    }

    fn command<A: AsRef<OsStr>>(
        folder: &tempfile::TempDir,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
            command.env_remove(name);
        }
        command.env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path()).env("XDG_DATA_HOME", folder.path());
        command.args(arguments).envs(environment.iter().copied()).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `weir serve` with the page, on free ports.
    pub(crate) fn serve(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
        let mut arguments: Vec<OsString> = own.map(OsString::from).into();
        arguments.extend(flags.iter().map(OsString::from));
        Self::run_in(folder, arguments, &[])
    }

    /// The same, with nobody who reads its standard error: the pipe is full after a while.
    pub(crate) fn serve_unread(flags: &[&str]) -> (Self, Box<dyn Read + Send>) {
        let folder = tempfile::tempdir().unwrap();
        let own = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
        let mut child = Self::command(&folder, own.iter().chain(flags), &[]).spawn().expect("it starts");
        let unread = Box::new(child.stderr.take().unwrap());
        let outputs: Vec<Box<dyn Read + Send>> = vec![Box::new(child.stdout.take().unwrap())];
        (Self { child, lines: read(outputs), said: Vec::new(), folder }, unread)
    }

    /// Waits for a line in which `look` finds something.
    pub(crate) fn until<T>(&mut self, what: &str, mut look: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("never said: {what}; said: {:#?}", self.said) };
            let found = look(&line);
            self.said.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        // Both pipes close with the program.
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.said.push(line);
        }
        assert!(Instant::now() < deadline, "it does not end: {:#?}", self.said);
        let status = self.child.wait().unwrap();
        Ended { status, lines: std::mem::take(&mut self.said) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "it was gone before it got {name}");
    }
}

/// The lines of all outputs, as they come.
fn read(outputs: Vec<Box<dyn Read + Send>>) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    for output in outputs {
        let tell = tell.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
    }
    lines
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
