//! Who is kept and who is given up, in virtual time.

use std::time::Duration;

use weir_rtmp::message::{Control, UserControl, kind};
use weir_rtmp::session::Error;
use weir_rtmp::session::server::{Config, Event};

use super::common::rig::Rig;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_handshake_has_one_deadline_however_slowly_bytes_come() {
    let mut rig = Rig::new(Config::default());
    rig.pump();
    let mut result = rig.feed(&[3]).map(|()| 0);
    for second in 1..10 {
        if let Err(error) = rig.pass(SECOND) {
            result = Err(error);
            break;
        }
        rig.feed(&[0]).unwrap();
        result = Ok(second);
    }
    assert_eq!(result, Err(Error::HandshakeTimeout(Duration::from_secs(5))));
}

#[test]
fn a_client_that_shakes_hands_and_says_nothing_is_given_up() {
    let mut rig = Rig::shaken();
    assert_eq!(rig.pass(9 * SECOND), Ok(()));
    assert_eq!(rig.pass(2 * SECOND), Err(Error::SetupTimeout(Duration::from_secs(10))));
    assert_eq!(rig.session.handle_bytes(rig.now, b"late"), Ok(()), "what comes later is not read");
}

/// Predecessor: a healthy viewer of a low-bitrate stream was cut after 99 s.
#[test]
fn a_player_that_answers_pings_stays_for_hours() {
    let (mut rig, _) = Rig::playing();
    let mut pings = 0;
    for _ in 0..4 * 3600 {
        rig.pass(SECOND).unwrap();
        let asked: Vec<u32> = rig
            .controls()
            .iter()
            .filter_map(|control| match control {
                Control::User(UserControl::PingRequest(time)) => Some(*time),
                _ => None,
            })
            .collect();
        rig.seen.clear();
        for time in asked {
            pings += 1;
            rig.send(2, 0, kind::USER_CONTROL, 0, &[&[0, 7], time.to_be_bytes().as_slice()].concat());
        }
    }
    assert_eq!(pings, 4 * 60, "one ping a minute");
}

#[test]
fn a_player_that_vanished_is_given_up_after_ping_and_grace() {
    let (mut rig, _) = Rig::playing();
    assert_eq!(rig.pass(89 * SECOND), Ok(()));
    assert_eq!(rig.pass(2 * SECOND), Err(Error::Silent(Duration::from_secs(30))));
}

#[test]
fn any_byte_counts_as_life() {
    let (mut rig, request) = Rig::publishing();
    for time in 0..200u32 {
        rig.pass(SECOND).unwrap();
        rig.send(6, time * 1000, kind::VIDEO, 1, &[0x17, 1]);
    }
    assert!(rig.controls().is_empty(), "a publisher that sends is not pinged: FFmpeg reads rarely");
    assert_eq!(rig.events.len(), 200);
    assert!(rig.events.iter().all(|event| matches!(event, Event::Media { id, .. } if *id == request.id)));
}

/// Predecessor: no answer to Ping.
#[test]
fn fault_05_pings_of_the_client_are_answered_with_their_number() {
    let mut rig = Rig::connected("live");
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0, 6, 1, 2, 3, 4]);
    assert_eq!(rig.controls(), [Control::User(UserControl::PingResponse(0x0102_0304))]);
}

/// Predecessor: no Acknowledgement.
#[test]
fn fault_05_the_client_never_sends_a_window_without_an_acknowledgement() {
    let (mut rig, _) = Rig::publishing();
    let window = 20_000u32;
    rig.send(2, 0, kind::WINDOW_ACK_SIZE, 0, &window.to_be_bytes());
    let mut unacknowledged = 0;
    for _ in 0..100 {
        rig.send(6, 0, kind::VIDEO, 1, &[7; 1_000]);
        unacknowledged += 1_013;
        if !rig.controls().is_empty() {
            let received = rig.session.counters().received as u32;
            assert_eq!(rig.controls(), [Control::Acknowledgement(received)]);
            rig.seen.clear();
            unacknowledged = 0;
        }
        assert!(unacknowledged < window);
    }
}

#[test]
fn a_tiny_window_does_not_make_us_answer_every_message() {
    let (mut rig, _) = Rig::publishing();
    rig.send(2, 0, kind::WINDOW_ACK_SIZE, 0, &1u32.to_be_bytes());
    rig.seen.clear();
    for _ in 0..40 {
        rig.send(4, 0, kind::AUDIO, 1, &[7; 100]);
    }
    assert!(rig.controls().len() <= 2, "{:?}", rig.controls());
}

#[test]
fn a_new_bandwidth_is_answered_with_the_window_once() {
    let mut rig = Rig::connected("live");
    for _ in 0..2 {
        rig.send(2, 0, kind::SET_PEER_BANDWIDTH, 0, &[0, 0, 0x50, 0, 2]);
    }
    assert_eq!(rig.controls(), [Control::WindowAckSize(0x5000)]);
}

#[test]
fn acknowledgements_of_the_client_are_remembered() {
    let mut rig = Rig::connected("live");
    rig.send(2, 0, kind::ACKNOWLEDGEMENT, 0, &77u32.to_be_bytes());
    assert_eq!(rig.session.counters().acknowledged, Some(77));
}

#[test]
fn control_messages_count_by_type_on_any_chunk_stream_and_unknown_ones_are_passed_over() {
    let mut rig = Rig::connected("live");
    rig.send(9, 0, kind::USER_CONTROL, 5, &[0, 6, 0, 0, 0, 1]);
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0, 31, 0, 0, 0, 1]);
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0]);
    rig.send(2, 0, 255, 0, b"?");
    rig.send(2, 0, kind::USER_CONTROL, 0, &[0, 6, 0, 0, 0, 2]);
    let answers = [1, 2].map(|time| Control::User(UserControl::PingResponse(time)));
    assert_eq!(rig.controls(), answers);
}
