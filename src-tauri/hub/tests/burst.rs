//! Frames that come faster than the clock: an encoder that comes back with what it held, and one that runs as fast as it can.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::{path, picture, publish};
use tokio::time::advance;
use weir_hub::{Delivery, Hub, HubOptions, Origin, Publisher, SubscribeOptions, Subscriber};

/// One frame every 40 ms of the media's time and a key frame every second, all at once; each of `len` bytes.
fn at_once(publisher: &mut Publisher, millis: std::ops::Range<i64>, len: usize) {
    for at in millis.step_by(40) {
        publisher.write(picture(at, Bytes::from(vec![7; len]))).unwrap();
    }
    publisher.flush();
}

fn drain(reader: &mut Subscriber) -> Vec<Delivery> {
    let mut batch = Vec::new();
    while reader.try_batch(&mut batch) {}
    batch
}

fn frames(batch: &[Delivery]) -> usize {
    batch.iter().filter(|delivery| matches!(delivery, Delivery::Frame { .. })).count()
}

fn skipped(batch: &[Delivery]) -> Vec<u64> {
    let skipped = batch.iter().filter_map(|delivery| match delivery {
        Delivery::Skipped { frames, .. } => Some(*frames),
        _ => None,
    });
    skipped.collect()
}

fn gaps(batch: &[Delivery]) -> Vec<Duration> {
    let gaps = batch.iter().filter_map(|delivery| match delivery {
        Delivery::Gap { gap } => Some(*gap),
        _ => None,
    });
    gaps.collect()
}

#[tokio::test(start_paused = true)]
async fn who_had_read_all_loses_nothing_of_an_encoder_that_comes_back_with_a_backlog() {
    for away in [3, 8, 50] {
        let hub = Hub::new(HubOptions { grace: Duration::from_secs(60), ..HubOptions::default() });
        let mut publisher = publish(&hub);
        let mut readers = [SubscribeOptions::recording, SubscribeOptions::player, SubscribeOptions::destination]
            .map(|role| hub.subscribe(&path(), role(Origin::internal("test"))).unwrap());
        at_once(&mut publisher, 0..3_000, 10);
        let before: Vec<usize> = readers.iter_mut().map(|reader| frames(&drain(reader))).collect();
        assert_eq!(before, [75, 75, 75]);
        drop(publisher);
        advance(Duration::from_secs(away)).await;
        let mut publisher = publish(&hub);
        at_once(&mut publisher, 0..6_000, 10);
        for reader in &mut readers {
            let batch = drain(reader);
            assert_eq!((frames(&batch), skipped(&batch)), (150, vec![]), "away for {away} s");
            let gap = gaps(&batch);
            assert_eq!(gap.len(), 1, "away for {away} s");
            assert!(gap[0].abs_diff(Duration::from_secs(away)) < Duration::from_secs(4), "{gap:?} for {away} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_encoder_faster_than_the_clock_overtakes_nobody_while_there_is_room() {
    let hub = Hub::new(HubOptions::default());
    let mut publisher = publish(&hub);
    let mut recording = hub.subscribe(&path(), SubscribeOptions::recording(Origin::internal("test"))).unwrap();
    at_once(&mut publisher, 0..600_000, 1_000);
    assert_eq!(frames(&drain(&mut recording)), 15_000);
}

#[tokio::test(start_paused = true)]
async fn a_seam_is_told_though_the_reader_was_overtaken_there() {
    let hub = Hub::new(HubOptions { ring_bytes: 100_000, ..HubOptions::default() });
    let mut publisher = publish(&hub);
    let mut recording = hub.subscribe(&path(), SubscribeOptions::recording(Origin::internal("test"))).unwrap();
    at_once(&mut publisher, 0..2_000, 1_000);
    assert_eq!(frames(&drain(&mut recording)), 50);
    drop(publisher);
    advance(Duration::from_secs(4)).await;
    let mut publisher = publish(&hub);
    at_once(&mut publisher, 0..20_000, 1_000);
    let batch = drain(&mut recording);
    assert_eq!(gaps(&batch).len(), 1, "{:?}", &batch[..3]);
    // All but the newest second: the frames, and neither the seam nor the tracks.
    assert_eq!(skipped(&batch), [475]);
    assert_eq!(frames(&batch), 25);
}
