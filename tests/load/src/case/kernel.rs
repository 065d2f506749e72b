//! The kernel alone: one write per frame and player and no protocol work, the floor of a server that does just that.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::stream::{Plan, measure};
use super::{Error, PATIENCE};
use crate::fleet::{Endpoint, Fleet, Role};
use crate::media::{Pool, Profile, Schedule};
use crate::process::Server;
use crate::report::StreamReport;

/// No frame is longer, so every frame is one chunk.
const CHUNK_SIZE: u32 = 0xFF_FFFF;

/// Starts the floor server on one core and plays from it.
pub(crate) fn run(players: u32, profile: Profile, window: Duration, cpu: u32) -> Result<StreamReport, Error> {
    let program = std::env::current_exe()?;
    let mut child = Command::new("taskset")
        .args(["-c", &cpu.to_string()])
        .arg(program)
        .args(["kernel-server", "--players", &players.to_string(), "--bitrate", &profile.bits_per_second.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let result = play(&mut child, players, profile, window);
    child.kill()?;
    child.wait()?;
    result
}

fn play(
    child: &mut std::process::Child,
    players: u32,
    profile: Profile,
    window: Duration,
) -> Result<StreamReport, Error> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or(Error::NoPort)?).read_line(&mut line)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, line.trim().parse().map_err(|_| Error::NoPort)?));
    let server = Server::new(vec![child.id()]);
    let resident = server.resident_kib();
    let mut fleet = Fleet::new(profile)?;
    for _ in 0..players {
        fleet.add_bare_player(address, CHUNK_SIZE)?;
    }
    let deadline = fleet.now() + PATIENCE.as_nanos() as u64;
    fleet.serve_until(deadline, |fleet| {
        fleet
            .members()
            .iter()
            .all(|member| matches!(&member.role, Role::Player { player, .. } if player.first_key.is_some()))
    })?;
    let plan = Plan {
        endpoint: Endpoint { address, app: String::new(), name: String::new() },
        play_at: Vec::new(),
        publishers: 0,
        players,
        specials: Vec::new(),
        profile,
        warm_up: Duration::ZERO,
        ramp: Duration::ZERO,
        settle: Duration::ZERO,
        window,
        server,
    };
    measure(fleet, &plan, resident)
}

/// The server process: waits for `players`, then writes every frame to each of them until it is killed.
pub(crate) fn serve(players: u32, profile: Profile) -> Result<(), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;
    let mut sockets = Vec::new();
    for _ in 0..players {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let pool = Pool::new();
    let mut schedule = Schedule::new(profile, 0);
    let (start, mut body, mut message) = (Instant::now(), Vec::new(), Vec::new());
    while !sockets.is_empty() {
        std::thread::sleep(schedule.due().saturating_sub(start.elapsed()));
        // The stamp's clock is another process's: latencies of this run mean nothing and are not reported.
        let (kind, dts) = schedule.next(0, &pool, &mut body);
        message.clear();
        message.push(4);
        message.extend_from_slice(&dts.to_be_bytes()[1..]);
        message.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        message.push(kind);
        message.extend_from_slice(&[1, 0, 0, 0]);
        message.extend_from_slice(&body);
        sockets.retain(|socket| send(socket, &message));
    }
    Ok(())
}

fn send(mut socket: &TcpStream, mut message: &[u8]) -> bool {
    while !message.is_empty() {
        match socket.write(message) {
            Ok(length) => message = &message[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}
