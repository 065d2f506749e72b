//! Ports for programs that cannot choose one themselves.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Outcome, PATIENCE, Process};

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Outcome<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(probe.local_addr().map_err(|error| error.to_string())?.port())
}

/// Waits until `server` listens on `port`, without connecting: a one-shot server would take that for its client.
pub(crate) fn wait_for_listener(port: u16, server: &Process) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while !is_listening(port) {
        server.still_runs()?;
        if Instant::now() > deadline {
            return Err(format!("nobody listens on port {port}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A UDP port that was free a moment ago.
pub(crate) fn free_udp_port() -> Outcome<u16> {
    let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(probe.local_addr().map_err(|error| error.to_string())?.port())
}

/// Waits until somebody has the UDP `port`.
pub(crate) fn wait_for_udp(port: u16) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        if Instant::now() > deadline {
            return Err(format!("nobody has the UDP port {port}"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Opening the port to see whether it is free would at times take it from the program that is about to.
#[cfg(target_os = "linux")]
fn is_listening(port: u16) -> bool {
    const LISTEN: &str = "0A";
    let local = format!(":{port:04X}");
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    sockets.iter().flat_map(|table| table.lines()).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (address, state) = (fields.next(), fields.nth(1));
        address.is_some_and(|address| address.ends_with(&local)) && state == Some(LISTEN)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_listening(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}
