//! `weir-load`: a load generator for RTMP and SRT servers, Weir or any other.
//!
//! It publishes streams like an encoder's, plays them many times, checks every byte and takes the time of every frame.
//! `npm run bench` runs it against Weir and nginx-rtmp in turn; by hand: `weir-load --help`.
#![expect(clippy::print_stdout, reason = "a command-line program answers on standard output")]

mod case;
mod fleet;
mod histogram;
mod media;
mod player;
mod process;
mod report;
mod wire;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use fleet::Endpoint;
use media::Profile;
use player::Pace;
use process::Server;

/// Load generator for RTMP and SRT servers.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    case: Case,
    /// Audio and video of one stream together, bits a second.
    #[arg(long, global = true, default_value_t = 2_650_000)]
    bitrate: u64,
    /// Process of the server, to measure its CPU time and memory; may be repeated.
    #[arg(long, global = true)]
    pid: Vec<u32>,
    /// One line of JSON instead of indented JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Case {
    /// Publishers and players: latency, CPU, memory.
    Run {
        /// rtmp://host:port/app/name; several publishers append their number to the name.
        #[arg(long)]
        url: String,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        publishers: u32,
        #[arg(long, default_value_t = 10)]
        players: u32,
        /// Length of the measured window in seconds.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
        /// Seconds of publishing before the first player. Long enough for what a server keeps of a stream to be complete
        /// (Weir: 10 s and a group of pictures), so that it is not taken for the players' memory.
        #[arg(long, default_value_t = 14.0)]
        warm_up: f64,
        /// Seconds from the first player's connecting to the last one's.
        #[arg(long, default_value_t = 4.0)]
        ramp: f64,
        /// Seconds from the last player's connecting to the window.
        #[arg(long, default_value_t = 2.0)]
        settle: f64,
        /// Players more that stop reading once media runs.
        #[arg(long, default_value_t = 0)]
        stalled: u32,
        /// Players more that read at this many bits a second; may be repeated.
        #[arg(long)]
        limited: Vec<u64>,
        /// Where the players play, in turns, when the server sends the stream on; may be repeated.
        #[arg(long)]
        play_url: Vec<String>,
    },
    /// Connections that say nothing, then a client.
    Silent {
        #[arg(long)]
        url: String,
        #[arg(long, default_value_t = 3000)]
        connections: usize,
    },
    /// Connections that declare huge messages before `connect`.
    Prelude {
        #[arg(long)]
        url: String,
        #[arg(long, default_value_t = 200)]
        connections: usize,
    },
    /// Publishers over SRT, with datagrams thrown away on purpose.
    Srt {
        /// host:port
        #[arg(long)]
        server: SocketAddr,
        /// Several publishers append their number.
        #[arg(long, default_value = "publish:live/bench")]
        stream_id: String,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        publishers: u32,
        /// Datagrams lost each way, in a thousand.
        #[arg(long, default_value_t = 0)]
        loss: u64,
        /// Milliseconds.
        #[arg(long, default_value_t = 200)]
        latency: u16,
        /// Length of the measured window in seconds.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
        #[arg(long, default_value_t = 3.0)]
        warm_up: f64,
    },
    /// The kernel alone: one write per frame and player, no protocol.
    Kernel {
        #[arg(long, default_value_t = 400)]
        players: u32,
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
        /// Core of the writing process.
        #[arg(long, default_value_t = 0)]
        cpu: u32,
    },
    /// The writing process of `kernel`.
    #[command(hide = true)]
    KernelServer {
        #[arg(long)]
        players: u32,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(Some(report)) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let server = Server::new(arguments.pid.clone());
    let profile = Profile::of_bitrate(arguments.bitrate);
    let text = |value: serde_json::Value| Some(if arguments.json { value.to_string() } else { format!("{value:#}") });
    Ok(match &arguments.case {
        Case::Run { url, publishers, players, seconds, warm_up, ramp, settle, stalled, limited, play_url } => {
            let slow = limited.iter().map(|bits| Pace::Limited(bits / 8));
            let plan = case::stream::Plan {
                endpoint: endpoint(url)?,
                play_at: play_url.iter().map(|url| endpoint(url)).collect::<Result<_, _>>()?,
                publishers: *publishers,
                players: *players,
                specials: slow.chain((0..*stalled).map(|_| Pace::Stalled)).collect(),
                profile,
                warm_up: Duration::try_from_secs_f64(*warm_up)?,
                ramp: Duration::try_from_secs_f64(*ramp)?,
                settle: Duration::try_from_secs_f64(*settle)?,
                window: Duration::try_from_secs_f64(*seconds)?,
                server,
            };
            text(serde_json::to_value(case::stream::run(&plan)?)?)
        }
        Case::Silent { url, connections } => {
            text(serde_json::to_value(case::silent::run(&endpoint(url)?, *connections, profile, &server)?)?)
        }
        Case::Prelude { url, connections } => {
            text(serde_json::to_value(case::prelude::run(&endpoint(url)?, *connections, &server)?)?)
        }
        Case::Srt { server: address, stream_id, publishers, loss, latency, seconds, warm_up } => {
            let plan = case::srt::Plan {
                server: *address,
                stream_id: stream_id.clone(),
                publishers: *publishers,
                profile,
                loss: *loss,
                latency_ms: *latency,
                warm_up: Duration::try_from_secs_f64(*warm_up)?,
                window: Duration::try_from_secs_f64(*seconds)?,
                process: server,
            };
            text(serde_json::to_value(case::srt::run(&plan)?)?)
        }
        Case::Kernel { players, seconds, cpu } => {
            let window = Duration::try_from_secs_f64(*seconds)?;
            text(serde_json::to_value(case::kernel::run(*players, profile, window, *cpu)?)?)
        }
        Case::KernelServer { players } => {
            case::kernel::serve(*players, profile)?;
            None
        }
    })
}

fn endpoint(url: &str) -> Result<Endpoint, String> {
    let wrong = || format!("{url:?} is not an address like rtmp://127.0.0.1:1935/live/test");
    let (host, path) = url.strip_prefix("rtmp://").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let (app, name) = path.split_once('/').ok_or_else(wrong)?;
    let host = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:1935")
    };
    let address: SocketAddr = host.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(wrong)?;
    Ok(Endpoint { address, app: app.to_owned(), name: name.to_owned() })
}
