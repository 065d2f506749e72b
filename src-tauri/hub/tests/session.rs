//! Readers that begin where the present publisher began, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

use std::time::Duration;

use bytes::Bytes;
use weir_hub::{Delivery, Hub, HubOptions, Origin, Publisher, Start, SubscribeOptions};
use weir_media::{Codec, Frame, FrameKind, StreamPath, Timestamp, Track, TrackId, Tracks};

fn path() -> StreamPath {
    StreamPath::parse("live/show").unwrap()
}

fn origin() -> Origin {
    Origin::internal("test")
}

/// A key frame of sound, and of pictures each second.
fn frame(track: TrackId, millis: i64) -> Frame {
    let time = Timestamp::from_millis(millis);
    let kind = if millis % 1000 == 0 { FrameKind::Key } else { FrameKind::Delta };
    Frame { track, dts: time, pts: time, kind, data: Bytes::from_static(b"data") }
}

fn publish(hub: &Hub) -> Publisher {
    let mut publisher = hub.publish(&path(), origin()).unwrap();
    let tracks = Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H264));
    publisher.set_tracks(&tracks.with(Track::new(TrackId::AUDIO, Codec::Aac))).unwrap();
    publisher
}

fn write(publisher: &mut Publisher, millis: i64) {
    publisher.write(frame(TrackId::VIDEO, millis)).unwrap();
    publisher.flush();
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_the_session_begins_with_its_publisher_however_much_came_at_once() {
    let hub = Hub::new(HubOptions { ring_duration: Duration::from_secs(4), ..HubOptions::default() });
    let read = || {
        let options = SubscribeOptions { start: Start::Session, ..SubscribeOptions::player(origin()) };
        let (mut reader, mut batch) = (hub.subscribe(&path(), options).unwrap(), Vec::new());
        while reader.try_batch(&mut batch) {}
        let times = batch.iter().filter_map(|delivery| match delivery {
            Delivery::Frame { frame, .. } => Some(frame.dts.as_millis()),
            _ => None,
        });
        times.collect::<Vec<_>>()
    };
    let begin = || hub.stream(&path()).unwrap().session_begin;
    let mut publisher = publish(&hub);
    publisher.write(frame(TrackId::AUDIO, 0)).unwrap();
    assert_eq!((read(), begin()), (vec![], 1), "there is no key frame yet");
    [0, 500, 1000, 1500].into_iter().for_each(|at| write(&mut publisher, at));
    assert_eq!((read(), begin()), (vec![0, 500, 1000, 1500], 1));
    drop(publisher);
    assert_eq!(read(), [0, 500, 1000, 1500], "there is none other in the grace time");
    let mut publisher = publish(&hub);
    assert_eq!((read(), begin()), (vec![], 5));
    (0..50).for_each(|number| write(&mut publisher, number * 40));
    assert_eq!((read().len(), begin()), (50, 5));
    for number in 50..200 {
        write(&mut publisher, number * 40);
        tokio::time::advance(Duration::from_millis(40)).await;
    }
    let held = read();
    assert!((100..=125).contains(&held.len()) && begin() > 5, "the ring holds no more than it does: {}", held.len());
}
