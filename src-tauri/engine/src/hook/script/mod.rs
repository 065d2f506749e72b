//! Running a program for an event: no shell, everything it starts is ended with it when its time is up, outputs that are read to
//! the end whatever they say, of which only the last lines are kept.

mod family;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use self::family::Leash;
use super::payload::Payload;
use super::result::Outcome;

/// What is kept of both outputs, in bytes: a few lines that say what went wrong.
const KEPT_OUTPUT: usize = 2048;
/// How long outputs are read after the program has ended: what it left running may hold them open for ever.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// How long a program that was ended by force may take to vanish.
const BURIAL: Duration = Duration::from_secs(2);

/// Runs `path` with `arguments`. It is given the event in its environment, beside Weir's own (`PATH`, `HOME`, ...) less Weir's
/// own variables, which may hold keys; and as JSON on its standard input.
pub(super) async fn run(path: &Path, arguments: &[String], payload: &Payload, limit: Duration) -> Outcome {
    let deadline = Instant::now() + limit;
    let mark = family::new_mark();
    let mut child = match spawn(path, arguments, payload, &mark) {
        Ok(child) => child,
        Err(error) => return failed(format!("{} cannot be started: {error}", path.display()), String::new()),
    };
    // After the child, so that it is dropped first: when Weir ends while the program runs.
    let leash = Leash::new(mark, child.id());
    let (stdin, stdout, stderr) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    let json = payload.json() + "\n";
    let give = async move {
        if let Some(mut stdin) = stdin {
            // A program that does not read it is none the worse.
            let _ = stdin.write_all(json.as_bytes()).await;
        }
    };
    let tail = std::sync::Mutex::new(Tail::default());
    let outputs = async {
        tokio::join!(give, read(stdout, &tail), read(stderr, &tail));
    };
    tokio::pin!(outputs);
    let mut all_read = false;
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break Some(ended),
            () = outputs.as_mut(), if !all_read => all_read = true,
            () = tokio::time::sleep_until(deadline) => break None,
        }
    };
    let text = || tail.lock().map(|tail| tail.text()).unwrap_or_default();
    let Some(status) = ended else {
        // Who started whom shows only while they live.
        let _ = tokio::task::spawn_blocking(move || drop(leash)).await;
        let _ = child.start_kill();
        let _ = tokio::time::timeout(BURIAL, child.wait()).await;
        return failed(format!("it did not end within {} s and was stopped", limit.as_secs_f64()), text());
    };
    leash.let_go();
    if !all_read {
        let _ = tokio::time::timeout(LAST_OUTPUT, outputs).await;
    }
    match status {
        Ok(status) if status.success() => Outcome::Ok { output: text() },
        Ok(status) => failed(format!("it ended with {status}"), text()),
        Err(error) => failed(format!("how it ended cannot be told: {error}"), text()),
    }
}

fn failed(error: String, output: String) -> Outcome {
    Outcome::Failed { error, output }
}

fn spawn(path: &Path, arguments: &[String], payload: &Payload, mark: &str) -> std::io::Result<Box<dyn ChildWrapper>> {
    let mut command = CommandWrap::with_new(path, |command| {
        command.args(arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
            command.env_remove(name);
        }
        command.envs(payload.environment());
        command.env(family::MARK, mark);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    });
    command.wrap(KillOnDrop);
    #[cfg(unix)]
    command.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    command.wrap(process_wrap::tokio::JobObject);
    command.spawn()
}

/// Reads an output to its end and keeps the last of it.
async fn read(output: Option<impl AsyncRead + Unpin>, tail: &std::sync::Mutex<Tail>) {
    let Some(mut output) = output else { return };
    let mut buffer = vec![0; 8192];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        if let Ok(mut tail) = tail.lock() {
            tail.push(buffer.get(..read).unwrap_or_default());
        }
    }
}

/// The last bytes of something.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let spare = self.0.len().saturating_sub(KEPT_OUTPUT);
        self.0.drain(..spare);
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::hook::sample::sample;
    use crate::lifecycle::Kind;

    async fn sh(script: &str, limit: Duration) -> Outcome {
        let payload = Payload::new(&sample(Kind::PublishStart));
        let arguments = ["-c".to_owned(), script.to_owned(), "sh".to_owned(), "$HOME; `x`".to_owned()];
        run(Path::new("sh"), &arguments, &payload, limit).await
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn it_is_given_the_event_its_arguments_as_they_are_and_path_and_home() {
        let said = sh("echo $RTMP_EVENT_TYPE $RTMP_STREAM_KEY $RTMP_PUBLISHING_NAME; echo \"$1\"; cat; test -n \"$PATH\" -a -n \"$HOME\"", LONG).await;
        let Outcome::Ok { output } = said else { panic!("{said:?}") };
        assert!(output.starts_with("publish_start live/sample sample\n$HOME; `x`\n{\""), "{output}");
    }

    #[tokio::test]
    async fn failures_are_sentences() {
        assert_eq!(
            sh("echo why >&2; exit 3", LONG).await,
            Outcome::Failed { error: "it ended with exit status: 3".to_owned(), output: "why".to_owned() }
        );
        let payload = Payload::new(&sample(Kind::PlayStart));
        let said = run(Path::new("/nowhere/canary"), &[], &payload, LONG).await;
        assert!(matches!(said, Outcome::Failed { error, .. } if error.contains("cannot be started")));
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_everything_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let script = format!("sleep 300 & echo $! > {0}; echo $$ >> {0}; (sleep 300); wait", file.display());
        let said = sh(&script, Duration::from_millis(700)).await;
        assert!(matches!(&said, Outcome::Failed { error, .. } if error.contains("within 0.7 s")), "{said:?}");
        let pids = std::fs::read_to_string(&file).unwrap();
        assert_eq!(pids.lines().count(), 2);
        #[cfg(target_os = "linux")]
        gone(&pids).await;
    }

    /// What leaves the process group is found by who started it and by what it inherited: a session of its own, a daemon whose
    /// parents are gone, and one that was given an empty environment.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn one_that_leaves_its_group_is_ended_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let note = format!("sh -c 'echo $$ >> {}; exec sleep 300'", file.display());
        let script = format!("setsid {note} & (setsid {note} &) & env -i setsid {note} & sleep 300");
        let said = sh(&script, Duration::from_secs(3)).await;
        assert!(matches!(&said, Outcome::Failed { error, .. } if error.contains("within 3 s")), "{said:?}");
        let pids = std::fs::read_to_string(&file).unwrap();
        assert_eq!(pids.lines().count(), 3, "all three ran: {pids}");
        gone(&pids).await;
    }

    /// Waits until none of these processes lives.
    #[cfg(target_os = "linux")]
    async fn gone(pids: &str) {
        // A process that is gone, or one that init has yet to bury.
        let lives = |pid: &str| {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        let began = std::time::Instant::now();
        while pids.lines().any(lives) {
            assert!(began.elapsed() < LONG, "some of {pids} live");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// When Weir ends, what hangs does not stay behind.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn one_that_nobody_waits_for_any_more_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let script =
            format!("echo $$ >> {0}; setsid sh -c 'echo $$ >> {0}; exec sleep 300' & sleep 300", file.display());
        let started = async {
            while std::fs::read_to_string(&file).unwrap_or_default().lines().count() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            said = sh(&script, LONG) => panic!("{said:?}"),
            () = started => {}
        }
        gone(&std::fs::read_to_string(&file).unwrap()).await;
    }

    #[tokio::test]
    async fn one_that_leaves_something_running_is_not_waited_for() {
        let began = std::time::Instant::now();
        let said = sh("sleep 5 & echo done", LONG).await;
        assert_eq!(said, Outcome::Ok { output: "done".to_owned() });
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn one_that_floods_its_output_ends_and_costs_no_memory() {
        let said = sh("head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last", LONG).await;
        let Outcome::Ok { output } = said else { panic!("{said:?}") };
        assert!(output.len() <= KEPT_OUTPUT && output.ends_with("last"), "{}", output.len());
    }
}
