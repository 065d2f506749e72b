//! What is measured of a stream whose publisher was away, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::{path, picture, publish};
use tokio::time::advance;
use weir_hub::{Hub, HubOptions, Publisher};

/// One video frame every 40 ms, a key frame every second, real time passing alike.
async fn run(publisher: &mut Publisher, millis: std::ops::Range<i64>) {
    for at in millis.step_by(40) {
        publisher.write(picture(at, Bytes::from_static(b"frame"))).unwrap();
        publisher.flush();
        advance(Duration::from_millis(40)).await;
    }
}

/// Otherwise a healthy encoder that comes back is told that it cannot keep up, and that its key frames are far apart.
#[tokio::test(start_paused = true)]
async fn the_time_that_a_publisher_was_away_is_in_no_frame_rate_and_no_key_frame_interval() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    run(&mut publisher, 0..4_000).await;
    let measured = || {
        let snapshot = hub.stream(&path()).unwrap();
        (snapshot.tracks[0].frame_rate, snapshot.key_frame_interval)
    };
    let (rate, interval) = measured();
    assert!((24.0..26.0).contains(&rate), "{rate}");
    drop(publisher);
    advance(Duration::from_secs(5)).await;
    let mut publisher = publish(&hub);
    let mut begin = 0;
    for end in [200, 400, 1_200, 2_400] {
        run(&mut publisher, begin..end).await;
        begin = end;
        let (now, key) = measured();
        assert!(now == 0.0 || (24.0..26.0).contains(&now), "{now} frames a second after {end} ms");
        assert_eq!(key, interval, "after {end} ms");
    }
}
