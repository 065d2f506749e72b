//! What people are told of a connection, by what its carrier wrote down.

use futures_util::FutureExt as _;

use super::super::config::Config;
use super::super::failure::FailureCode;
use super::*;

fn live_board() -> Board {
    let order = Order::new(Config::new("a", "rtmp://h/app"));
    let board = Board::new(Arc::new(order), Events::default(), Network::default());
    board.carries(Some(&StreamPath::parse("live/show").unwrap()));
    board.wrote(3_000);
    board.progress(Progress { unacknowledged: Some(0), ..Progress::default() });
    board.stands(Standing::Live);
    board
}

fn progress(queued: u64, unacknowledged: u64) -> Progress {
    Progress { queued, unacknowledged: Some(unacknowledged), rtt: None }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_live_once_data_of_the_stream_is_acknowledged() {
    let board = live_board();
    assert_eq!(board.line().state, State::Connecting { step: Step::FirstData });
    board.wrote(10_000);
    board.progress(progress(0, 10_000));
    assert_eq!(board.line().state, State::Connecting { step: Step::FirstData });
    board.progress(progress(0, 4_000));
    assert_eq!(board.line().state, State::Live);
    assert_eq!((board.line().bytes_sent, board.line().bytes_acknowledged), (13_000, 9_000));
}

#[tokio::test(start_paused = true)]
async fn what_died_with_a_connection_is_never_acknowledged() {
    let board = live_board();
    board.wrote(10_000);
    board.progress(progress(0, 6_000));
    let reason = Failure::new(FailureCode::NetworkError, "m", "h");
    board.stands(Standing::Retrying { at: Instant::now(), reason });
    board.stands(Standing::Connecting(Step::Dns));
    board.wrote(500);
    board.stands(Standing::Live);
    board.wrote(1_000);
    board.progress(progress(0, 1_500));
    assert_eq!((board.line().bytes_sent, board.line().bytes_acknowledged), (14_500, 7_000));
    assert_eq!(board.line().state, State::Connecting { step: Step::FirstData });
    board.progress(progress(0, 200));
    assert_eq!((board.line().state, board.line().bytes_acknowledged), (State::Live, 8_300));
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_nothing_is_not_live_and_says_so_in_three_seconds() {
    let board = live_board();
    board.wrote(10_000);
    board.progress(progress(0, 0));
    for _ in 0..8 {
        tokio::time::advance(Duration::from_millis(500)).await;
        board.wrote(1_000);
        board.progress(progress(5_000, 400_000));
    }
    let State::Behind { seconds, reason } = board.line().state else { panic!("{:?}", board.line()) };
    assert!(seconds > 3.0 && reason.message.contains("3 s"), "{reason:?}");
    board.progress(progress(0, 1_000));
    assert_eq!(board.line().state, State::Live);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_send_it_waits_connected() {
    let board = live_board();
    board.wrote(10_000);
    board.progress(progress(0, 0));
    assert_eq!(board.line().state, State::Live);
    tokio::time::advance(Duration::from_secs(4)).await;
    board.progress(progress(0, 0));
    assert_eq!(board.line().state, State::WaitingForStream { connected: true });
}

/// A leg that is taken and reset over and over must not wake all others out of their waits each time.
#[tokio::test]
async fn only_one_that_was_cut_off_says_that_the_network_is_back() {
    let order = Order::new(Config::new("a", "rtmp://h/app"));
    let mut network = Network::default();
    let board = Board::new(Arc::new(order), Events::default(), network.clone());
    board.carries(Some(&StreamPath::parse("live/show").unwrap()));
    let retries = |code| {
        let reason = Failure::new(code, "m", "h");
        board.stands(Standing::Retrying { at: Instant::now(), reason });
    };
    let is_told = |network: &Network| {
        board.stands(Standing::Live);
        board.wrote(1_000);
        let back = network.clone().back();
        let mut back = Box::pin(back);
        assert!((&mut back).now_or_never().is_none(), "it waits");
        board.progress(progress(0, 0));
        back.now_or_never().is_some()
    };
    assert!(!is_told(&network), "nothing had failed");
    retries(FailureCode::NetworkError);
    assert!(!is_told(&network), "it had been live");
    retries(FailureCode::NetworkError);
    retries(FailureCode::TimedOut);
    assert!(is_told(&network), "it had been cut off");
    network.look();
    retries(FailureCode::TimedOut);
    board.stands(Standing::Connecting(Step::Dns));
    retries(FailureCode::Refused);
    assert!(!is_told(&network), "the server was reached and did not want the stream");
}

#[test]
fn the_same_error_again_is_counted_and_the_list_is_bounded() {
    let board = live_board();
    let failure = |n: usize| Failure::new(FailureCode::Refused, format!("m {n}."), "h.");
    for _ in 0..3 {
        board.stands(Standing::Stopped(failure(0)));
        board.stands(Standing::Waiting);
    }
    assert_eq!((board.line().errors.len(), board.line().errors[0].count), (1, 3));
    for n in 1..100 {
        board.stands(Standing::Stopped(failure(n)));
    }
    assert_eq!(board.line().errors.len(), ERRORS);
    assert_eq!(board.line().last_error().unwrap().failure, failure(99));
}
