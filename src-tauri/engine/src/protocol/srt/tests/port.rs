//! The port and those who send it what no SRT program does.

use std::net::UdpSocket;

use quinn_udp::{Transmit, UdpSocketState};

use super::*;

#[tokio::test]
async fn datagrams_shorter_than_a_header_that_arrive_as_one_do_not_stop_the_port() {
    let rig = Rig::start(|_, _| {}).await;
    let hostile = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new((&hostile).into()).unwrap();
    if state.max_gso_segments() < 64 {
        println!("SKIPPED: this system does not cut one send into datagrams");
        return;
    }
    for each in [1, 8, 15, 16, 17] {
        let contents = &[0; 64];
        let destination = rig.address;
        let transmit = Transmit { destination, ecn: None, contents, segment_size: Some(each), src_ip: None };
        state.try_send((&hostile).into(), &transmit).unwrap();
    }
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    rig.until("it is let in", || rig.engine.srt().connections() == 1).await;
    encoder.close(Instant::now());
}

#[tokio::test]
async fn a_key_length_that_is_changed_is_what_callers_hear_from_then_on() {
    let rig = Rig::start(|config, _| config.srt.encryption = Encryption::One).await;
    for length in [32, 24, 16] {
        let mut config = rig.engine.config();
        config.srt.key_length = Some(length.try_into().unwrap());
        rig.engine.apply(config).await.unwrap();
        // A caller that has not been told any length, as libsrt's are in this: it takes what the port names.
        let path = format!("live/{length}");
        let mut encoder = rig.call_with(&format!("publish:{path}"), Some("correct-horse"), None).await.unwrap();
        let shown = rig.engine.srt().links().into_iter().find(|link| link.path.as_str() == path);
        assert_eq!(shown.unwrap().key_length, Some(length as usize));
        encoder.close(Instant::now());
    }
}

#[tokio::test]
async fn the_end_of_a_stream_stays_as_long_as_the_player_needs_for_it() {
    const LATENCY: u32 = 3000;
    let rig = Rig::start(|config, _| config.srt.latency_ms = LATENCY.try_into().unwrap()).await;
    let mut player = rig.call("read:live/a").await.unwrap();
    let mut encoder = rig.call("publish:live/a").await.unwrap();
    let sent = frames(0, 1000);
    send(&mut encoder, &sent).await;
    let ended = Instant::now();
    encoder.close(ended);
    let (received, closed) = drive(&mut player, |_| false).await;
    assert_eq!(closed, Some(Closed::ByPeer));
    assert!(pictures(&demuxed(&received)) == pictures(&sent));
    // A player of libsrt would throw away what it has not played by then.
    assert!(ended.elapsed() >= Duration::from_millis(LATENCY.into()), "cut off after {:?}", ended.elapsed());
}
