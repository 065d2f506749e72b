//! Our ends beside the reference implementation, on the loopback, with datagrams thrown away on purpose.
//!
//! Where a program is missing, its trials are ignored with the reason in their names; none passes unseen.
//!
//! libsrt makes its next key by a timer of 10 ms in one thread and counts packets in another. More packets in one tick than
//! lie between the announcement and the change of a key make it use a key that it never made: 1.5.1 dies of an assertion in
//! its cipher, or goes back to an old key. A busy machine can do that. Therefore packets come at an even pace here and keys
//! are announced as early as can be, and a trial in which libsrt was seen to do so is held again.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test with a real socket and a real clock, which fails when it cannot set up its case"
)]

mod endpoint;
mod program;
mod trace;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use endpoint::Endpoint;
use libtest_mimic::{Arguments, Failed, Trial};
use program::{Program, check};
use weir_srt::caller::{Call, CallError};
use weir_srt::connection::{Closed, Config};
use weir_srt::crypto::{KeyLength, KeyRefresh, Passphrase};
use weir_srt::handshake::{Reject, StreamId};

const SECRET: &str = "correct-horse";
/// Time between two packets: 5 Mbit/s.
const PACE: Duration = Duration::from_millis(2);
/// Five seconds: two changes of keys, libsrt's own announced a second before.
const SHORT: Run = Run { pace: PACE, count: 2400, refresh: 1000 };
/// Twelve seconds at 16 Mbit/s.
const LONG: Run = Run { pace: Duration::from_micros(658), count: 18_240, refresh: 5000 };
/// How often a trial is held at most, if libsrt was seen to fail.
const ATTEMPTS: usize = 3;
/// Trials at a time: most of their time is waiting.
const AT_A_TIME: usize = 5;
/// Long enough for a machine that is kept from running.
const LATENCY: Duration = Duration::from_secs(3);

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_A_TIME));
    libtest_mimic::run(&arguments, trials()).exit();
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for length in [None, Some(16), Some(24), Some(32)] {
        for (loss, name) in [(0, "clean"), (50, "lossy")] {
            let key = length.map_or("clear".to_owned(), |bytes| format!("aes_{}", bytes * 8));
            let case = Case { length, loss, run: SHORT };
            trials.push(transmit(format!("libsrt_calls_and_sends_{key}_{name}"), move || called(case, false)));
            trials.push(transmit(format!("libsrt_calls_and_receives_{key}_{name}"), move || called(case, true)));
            trials.push(transmit(format!("libsrt_listens_and_receives_{key}_{name}"), move || calling(case, true)));
            trials.push(transmit(format!("libsrt_listens_and_sends_{key}_{name}"), move || calling(case, false)));
        }
    }
    let case = Case { length: Some(16), loss: 100, run: Run { refresh: 60, ..SHORT } };
    trials.push(transmit("libsrt_follows_keys_that_change_every_60_packets_lossy".into(), move || called(case, true)));
    let case = Case { length: Some(32), loss: 50, run: LONG };
    trials.push(transmit("libsrt_sends_16_mbit_for_12_seconds_lossy".into(), move || called(case, false)));
    trials.push(transmit("libsrt_receives_16_mbit_for_12_seconds_lossy".into(), move || called(case, true)));
    trials.push(transmit("libsrt_hears_at_once_why_it_is_refused".into(), refused));
    trials.push(transmit("we_hear_at_once_why_libsrt_refuses".into(), refusing));
    trials.push(transmit("a_killed_libsrt_is_noticed".into(), killed));
    let ffmpeg = program::installed("ffmpeg", "-version");
    trials.push(trial("ffmpeg_publishes_without_a_gap".into(), ffmpeg, "ffmpeg", ffmpeg_publishes));
    trials.push(trial("ffmpeg_hears_at_once_that_it_is_refused".into(), ffmpeg, "ffmpeg", ffmpeg_refused));
    trials
}

fn transmit(name: String, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    let there = program::installed("srt-live-transmit", "-version");
    trial(name, there, "srt-live-transmit", run)
}

fn trial(name: String, there: bool, program: &str, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    if there {
        Trial::test(name, || run().map_err(Failed::from))
    } else {
        Trial::test(format!("{name} ({program} is not installed)"), || Ok(())).with_ignored_flag(true)
    }
}

/// How much is sent, and how fast.
#[derive(Clone, Copy)]
struct Run {
    pace: Duration,
    count: u64,
    /// Packets under one key.
    refresh: u32,
}

#[derive(Clone, Copy)]
struct Case {
    length: Option<usize>,
    /// How many of a thousand datagrams get lost, each way.
    loss: u64,
    run: Run,
}

impl Case {
    fn options(self) -> String {
        let refresh = self.run.refresh;
        // libsrt takes less than half of the refresh rate.
        let announce = refresh / 2 - 1;
        let key = self.length.map(|bytes| {
            format!("&passphrase={SECRET}&pbkeylen={bytes}&kmrefreshrate={refresh}&kmpreannounce={announce}")
        });
        let latency = LATENCY.as_millis();
        format!("latency={latency}&peeridletimeo=30000&conntimeo=20000&streamid=live/x{}", key.unwrap_or_default())
    }

    fn config(self) -> Config {
        let every = self.run.refresh;
        Config { key_refresh: KeyRefresh { every, announce: every / 2 }, ..config() }
    }

    fn secret(self) -> Option<&'static str> {
        self.length.map(|_| SECRET)
    }

    fn check_keys(self, endpoint: &Endpoint, we_send: bool) -> Result<(), String> {
        let statistics = endpoint.connection.as_ref().unwrap().statistics(Instant::now());
        if self.length.is_some() != endpoint.connection.as_ref().unwrap().is_encrypted() {
            return Err("the encryption is not what was asked for".into());
        }
        let (theirs, ours) = (&endpoint.trace.theirs, &endpoint.trace.ours);
        let keys = if we_send { ours.keys } else { theirs.keys };
        if self.length.is_some() && keys < 3 {
            return Err(format!("only {keys} keys were used"));
        }
        if endpoint.lost > 0 || statistics.pkt_rcv_undecrypt > 0 || statistics.pkt_snd_drop > 0 {
            return Err(format!("{} lost, {statistics:?}", endpoint.lost));
        }
        Ok(())
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.latency.receive = LATENCY;
    config
}

/// Holds a trial, and again if libsrt was seen to fail.
fn attempt(mut trial: impl FnMut() -> Result<(), Failure>) -> Result<(), String> {
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        match trial() {
            Ok(()) => return Ok(()),
            Err(Failure::Ours(what)) => return Err(what),
            Err(Failure::Libsrt(what)) => said = what,
        }
    }
    Err(format!("libsrt failed {ATTEMPTS} times: {said}"))
}

/// Whose fault it is that a trial failed.
enum Failure {
    Ours(String),
    Libsrt(String),
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Ours(what)
    }
}

/// libsrt is the caller.
fn called(case: Case, we_send: bool) -> Result<(), String> {
    attempt(|| {
        let ours = Endpoint::listen(case.secret(), case.config());
        let url = format!("srt://127.0.0.1:{}?{}", ours.port(), case.options());
        exchange(case, ours, we_send, &url)
    })
}

/// We are the caller.
fn calling(case: Case, we_send: bool) -> Result<(), String> {
    attempt(|| {
        let port = free_port();
        let url = format!("srt://127.0.0.2:{port}?mode=listener&{}", case.options());
        let call = Call {
            passphrase: case.secret().map(|secret| Passphrase::new(secret).unwrap()),
            key_length: case.length.and_then(KeyLength::from_bytes),
            stream_id: StreamId::new("live/x".into()),
            timeout: Duration::from_secs(20),
            config: case.config(),
        };
        exchange(case, Endpoint::call(port, call), we_send, &url)
    })
}

/// A port for a program that listens: on another address than our own ends, so that none of them takes it meanwhile.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port()
}

fn exchange(case: Case, mut ours: Endpoint, we_send: bool, url: &str) -> Result<(), Failure> {
    let Run { pace, count, .. } = case.run;
    (ours.loss, ours.pace) = (case.loss, pace);
    let (mut theirs, result);
    if we_send {
        theirs = Program::transmit(url, "file://con");
        let output = theirs.output.clone();
        let enough = |_: &Endpoint| output.lock().unwrap().len() as u64 >= count * 1316;
        result = ours.run(true, enough).and_then(|()| check(&output.lock().unwrap(), count));
    } else {
        theirs = Program::transmit("file://con", url).feed(pace);
        let enough = |ours: &Endpoint| ours.received.len() as u64 >= count * 1316;
        result = ours.run(false, enough).and_then(|()| check(&ours.received, count));
    }
    result.and_then(|()| case.check_keys(&ours, we_send)).map_err(|error| {
        let (said, died) = (theirs.said(), theirs.died());
        let libsrt = ours.trace.theirs.unannounced || died;
        let what = format!("{error}; {}\nlibsrt died: {died}, said: {said}", ours.state());
        if libsrt { Failure::Libsrt(what) } else { Failure::Ours(what) }
    })
}

/// Callers with another passphrase, without one, and with one that nobody asked for.
fn refused() -> Result<(), String> {
    for (ours, theirs, code) in [
        (Some(SECRET), Some("wrong-horse-"), Reject::BAD_SECRET),
        (Some(SECRET), None, Reject::UNSECURE),
        (None, Some(SECRET), Reject::UNSECURE),
    ] {
        let key = theirs.map(|secret| format!("&passphrase={secret}")).unwrap_or_default();
        attempt(|| {
            let endpoint = Endpoint::listen(ours, config());
            let url = format!("srt://127.0.0.1:{}?streamid=live/x{key}", endpoint.port());
            let program = Program::start("srt-live-transmit", &["-a:no", "-v", "file://con", &url]).feed(PACE);
            hears(endpoint, program, code)
        })?;
    }
    Ok(())
}

/// A program is refused by this code, and ends at once. libsrt now and then forgets to tell its program, by its own listeners too
/// (1.5.1: 1 of 60); it is asked again then.
fn hears(mut endpoint: Endpoint, mut program: Program, code: Reject) -> Result<(), Failure> {
    let (mut refused, mut ended) = (None, false);
    endpoint.run(false, |endpoint| {
        refused = refused.or_else(|| endpoint.rejected.map(|_| Instant::now()));
        ended = program.ended();
        ended || refused.is_some_and(|at: Instant| at.elapsed() > Duration::from_secs(1))
    })?;
    if endpoint.rejected != Some(code) || endpoint.stream_id != "live/x" {
        return Err(Failure::Ours(format!("{:?} instead of {code:?}", endpoint.rejected)));
    }
    if ended { Ok(()) } else { Err(Failure::Libsrt(format!("it went on: {}", program.said()))) }
}

/// The same with libsrt as listener.
fn refusing() -> Result<(), String> {
    for (ours, theirs, code) in [
        (Some("wrong-horse-"), Some(SECRET), Reject::BAD_SECRET),
        (None, Some(SECRET), Reject::UNSECURE),
        (Some(SECRET), None, Reject::UNSECURE),
    ] {
        let port = free_port();
        let key = theirs.map(|secret| format!("&passphrase={secret}")).unwrap_or_default();
        let url = format!("srt://127.0.0.2:{port}?mode=listener{key}");
        let _program = Program::transmit(&url, "file://con");
        let passphrase = ours.map(|secret| Passphrase::new(secret).unwrap());
        let call = Call { passphrase, timeout: Duration::from_secs(10), ..Call::default() };
        let mut endpoint = Endpoint::call(port, call);
        endpoint.run(false, |endpoint| endpoint.failed.is_some())?;
        if endpoint.failed != Some(CallError::Rejected(code)) {
            return Err(format!("{:?} instead of {code:?}", endpoint.failed));
        }
    }
    Ok(())
}

fn killed() -> Result<(), String> {
    let mut ours = Endpoint::listen(None, config());
    let program = Program::transmit("file://con", &format!("srt://127.0.0.1:{}", ours.port())).feed(PACE);
    ours.run(false, |ours| ours.received.len() > 100_000)?;
    drop(program);
    let gone = Instant::now();
    ours.run(false, |ours| ours.closed.is_some())?;
    match (ours.closed, gone.elapsed()) {
        (Some(Closed::Idle(_)), took) if took < Duration::from_secs(6) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

const PICTURES: [&str; 14] = [
    "-hide_banner",
    "-loglevel",
    "error",
    "-re",
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=640x360:rate=30",
    "-c:v",
    "mpeg2video",
    "-b:v",
    "3M",
    "-f",
    "mpegts",
];

fn ffmpeg_publishes() -> Result<(), String> {
    let mut ours = Endpoint::listen(Some(SECRET), config());
    ours.loss = 20;
    let url = format!(
        "srt://127.0.0.1:{}?streamid=publish:live/x&passphrase={SECRET}&pbkeylen=32&latency=2000000",
        ours.port()
    );
    let program = Program::start("ffmpeg", &[&PICTURES[..], &["-t", "4", &url]].concat());
    let came = |ours: &Endpoint| {
        ours.connection.as_ref().map_or(0, |connection| connection.statistics(Instant::now()).pkt_recv_unique)
    };
    ours.run(false, |ours| came(ours) >= 900).map_err(|error| format!("{error}; {}", program.said()))?;
    // FFmpeg ends its connection right after its last packet: none of the last ones is sent again.
    ours.loss = 0;
    ours.run(false, |ours| ours.closed.is_some()).map_err(|error| format!("{error}; {}", program.said()))?;
    if ours.stream_id != "publish:live/x" || ours.lost > 0 || came(&ours) < 1000 {
        return Err(format!("{} packets, {}", came(&ours), ours.state()));
    }
    let mut counters = [None; 0x2000];
    for cell in ours.received.chunks(188) {
        let pid = usize::from(u16::from_be_bytes([cell[1], cell[2]]) & 0x1FFF);
        if cell[0] != 0x47 || cell.len() != 188 {
            return Err("a broken cell".into());
        }
        // Only cells with a payload count.
        if cell[3] & 0x10 != 0 {
            let counter = cell[3] & 0x0F;
            if counters[pid].is_some_and(|last: u8| (last + 1) & 0x0F != counter) {
                return Err(format!("a gap on pid {pid}"));
            }
            counters[pid] = Some(counter);
        }
    }
    Ok(())
}

fn ffmpeg_refused() -> Result<(), String> {
    attempt(|| {
        let endpoint = Endpoint::listen(Some(SECRET), config());
        let url = format!("srt://127.0.0.1:{}?streamid=live/x&passphrase=wrong-horse-", endpoint.port());
        let program = Program::start("ffmpeg", &[&PICTURES[..], &[&url]].concat());
        hears(endpoint, program, Reject::BAD_SECRET)
    })
}
