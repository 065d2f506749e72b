//! Ports for programs that cannot choose one themselves.

use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Outcome, PATIENCE};

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Outcome<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(probe.local_addr().map_err(|error| error.to_string())?.port())
}

/// Waits until somebody listens on `port`, without connecting: a one-shot server would take that for its client.
pub(crate) fn wait_for_listener(port: u16) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        if Instant::now() > deadline {
            return Err(format!("nobody listens on port {port}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
