//! A caller that speaks SRT as no program at hand does: it says what a test wants and tells what it hears.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::process::{Outcome, PATIENCE};

pub(crate) const INDUCTION: u32 = 1;
pub(crate) const CONCLUSION: u32 = 0xFFFF_FFFF;

/// A key message of libsrt for the passphrase `correct-horse` (captured; srt-live-transmit 1.5.1).
pub(crate) const KEY_MESSAGE: [u32; 14] = [
    0x1220_2901,
    0,
    0x0200_0200,
    0x0000_0404,
    0x87d9_2f9b,
    0xc0f6_deaf,
    0x0069_9421,
    0x2470_e21d,
    0x27f0_0e46,
    0xe0aa_b33d,
    0x0629_01a4,
    0x1a76_5a99,
    0x47c7_8e93,
    0xa66f_c727,
];

/// What libsrt's programs say of themselves in live mode, with 120 ms of latency.
pub(crate) const ABILITY: [u32; 4] = [0x0001_0003, 0x0001_0501, 0xBF, 0x0078_0078];

/// A handshake packet for the listener.
pub(crate) fn handshake(socket: u32, version: u32, fields: u32, kind: u32, cookie: u32, extensions: &[u32]) -> Vec<u8> {
    let header = [0x8000_0000, 0, 1, 0];
    let body = [version, fields, 0x1234, 1500, 8192, kind, socket, cookie, 0x0100_007F, 0, 0, 0];
    header.iter().chain(&body).chain(extensions).flat_map(|word: &u32| word.to_be_bytes()).collect()
}

/// A word of a datagram.
pub(crate) fn word(datagram: &[u8], at: usize) -> u32 {
    let bytes = datagram.get(at * 4..at * 4 + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

/// What a caller concludes its handshake with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conclusion {
    pub(crate) version: u32,
    /// The key's length in the upper half, what extensions there are in the lower.
    pub(crate) fields: u32,
    pub(crate) extensions: &'static [u32],
}

/// How a caller was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// 1000 and more is a refusal.
    pub(crate) kind: u32,
    pub(crate) after: Duration,
    /// The end of the connection followed, for callers that cannot read a refusal.
    pub(crate) ended: bool,
}

/// Calls `server` and concludes so.
pub(crate) fn call(server: SocketAddr, conclusion: Conclusion) -> Outcome<Answer> {
    const SOCKET: u32 = 0x00C0_FFEE;
    let plain = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(plain)?;
    socket.connect(server).map_err(plain)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(plain)?;
    let mut datagram = [0; 2048];
    socket.send(&handshake(SOCKET, 4, 2, INDUCTION, 0, &[])).map_err(plain)?;
    let len = socket.recv(&mut datagram).map_err(|error| format!("no answer to the first question: {error}"))?;
    let cookie = word(&datagram[..len], 11);
    let Conclusion { version, fields, extensions } = conclusion;
    let asked = Instant::now();
    socket.send(&handshake(SOCKET, version, fields, CONCLUSION, cookie, extensions)).map_err(plain)?;
    let len = socket.recv(&mut datagram).map_err(|error| format!("no answer to the conclusion: {error}"))?;
    let (kind, after) = (word(&datagram[..len], 9), asked.elapsed());
    // What follows at once, if anything does.
    socket.set_read_timeout(Some(Duration::from_millis(500))).map_err(plain)?;
    let ended = socket.recv(&mut datagram).is_ok_and(|len| word(&datagram[..len], 0) == 0x8005_0000);
    Ok(Answer { kind, after, ended })
}
