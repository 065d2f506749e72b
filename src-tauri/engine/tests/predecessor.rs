//! Faults of the predecessor that only a whole server shows, by their numbers.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::io::Write as _;
use std::process::Command;

use support::rtmp::Server;
use support::until;

/// Resident memory of this process, bytes.
fn memory() -> usize {
    let pages: usize = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Segments with data that the kernel has received by each connection to `server`.
fn segments(server: &Server) -> Option<Vec<u64>> {
    let filter = format!("dport = :{}", server.address.port());
    let output = Command::new("ss").args(["-tinOH", &filter]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = |line: &str| line.split("data_segs_in:").nth(1)?.split_whitespace().next()?.parse().ok();
    let counts: Vec<u64> = text.lines().filter_map(count).collect();
    (!counts.is_empty()).then_some(counts)
}

/// A system call for each chunk: 60 kB in chunks of 128 bytes are 470 of them. Each call of a connection that does not hold back
/// becomes a segment at least, and the player's kernel counts them.
#[tokio::test]
async fn fault_11_a_message_of_many_chunks_is_written_at_once() {
    let server = Server::start(|config| config.rtmp.chunk_size = 128.try_into().unwrap()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let Some(before) = segments(&server) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED fault 11: ss of iproute2 does not tell of connections here");
        return;
    };
    let (messages, picture) = (50, vec![7; 60_000]);
    for n in 1..=messages {
        publisher.send_video(n * 40, false, &[&picture[..], &n.to_be_bytes()].concat()).await;
        player.media_until(|message| message.payload.ends_with(&n.to_be_bytes())).await;
    }
    let after = segments(&server).unwrap();
    let most = after.iter().max().unwrap() - before.iter().max().unwrap();
    assert!(most >= u64::from(messages), "they were counted: {before:?} {after:?}");
    assert!(most < 60 * u64::from(messages), "{most} segments for {messages} messages of 470 chunks");
}

/// A deep copy for each viewer: sixty that do not read would hold sixty times what they have yet to get.
#[tokio::test]
async fn fault_11_players_share_the_bytes_they_wait_for() {
    const PLAYERS: usize = 60;
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut players = Vec::new();
    for _ in 0..PLAYERS {
        let mut player = server.play("show").await;
        player.media_until(|message| message.payload.ends_with(b"first")).await;
        players.push(player);
    }
    let before = memory();
    let picture = vec![7; 200_000];
    for n in 1..=60_u32 {
        publisher.send_video(n * 40, false, &picture).await;
    }
    until(&server.engine, "all of it", || {
        (server.engine.streams()[0].tracks.iter().map(|track| track.frames).max() == Some(61)).then_some(())
    })
    .await;
    // The server has had its turns: a player that reads has all of it.
    players[0].media_until(|message| message.timestamp == 60 * 40).await;
    let grown = memory().saturating_sub(before);
    let stream = 60 * picture.len();
    assert!(grown < 6 * stream, "{grown} bytes more for {stream} bytes of stream and {PLAYERS} players that wait");
}
