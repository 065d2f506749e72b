//! Enhanced RTMP v2 through the whole engine: who gets which tracks, and who moves when asked to.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use support::rtmp::{Peer, Server};
use support::target::{Manner, Target};
use support::*;
use weir_engine::config::Seconds;
use weir_engine::destination::{self, State};
use weir_engine::protocol::rtmp::Whom;
use weir_flv::MessageKind;
use weir_hub::Publisher;
use weir_media::{Codec, Frame, FrameKind, Secret, Timestamp, Track, TrackId, Tracks};
use weir_rtmp::command::Capabilities;
use weir_rtmp::message::kind;

fn second_audio() -> Track {
    Track { id: TrackId::audio(1), ..audio_track() }
}

fn sound(track: TrackId, nanos: i64, mark: &'static [u8]) -> Frame {
    let time = Timestamp::from_nanos(nanos);
    Frame { track, dts: time, pts: time, kind: FrameKind::Key, data: mark.into() }
}

/// The bodies of audio messages up to the one that ends with `last`.
async fn sounds(peer: &mut Peer, last: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let all = peer.media_until(|message| message.payload.ends_with(last)).await;
    let audio = all.into_iter().filter(|message| message.type_id == kind::AUDIO);
    audio.map(|message| (message.timestamp, message.payload.to_vec())).collect()
}

#[tokio::test]
async fn players_that_know_of_tracks_get_all_and_the_others_one_of_each_kind() {
    let server = Server::start(|_| ()).await;
    let hub = &server.engine.context().hub;
    let mut publisher = hub.publish(&stream("live/show"), weir_hub::Origin::internal("test")).unwrap();
    let tracks = Tracks::default().with(audio_track()).with(second_audio());
    publisher.set_tracks(&tracks).unwrap();
    publisher.write(sound(TrackId::AUDIO, 0, b"zero")).unwrap();
    publisher.flush();
    let mut old = server.play("show").await;
    let mut list =
        server.play_announcing("show", Capabilities { four_cc_list: vec!["mp4a".into()], ..Default::default() }).await;
    let mut new = server.play_announcing("show", Capabilities::weir()).await;
    publisher.write(sound(TrackId::AUDIO, 5_000_000, b"one")).unwrap();
    publisher.write(sound(TrackId::audio(1), 5_700_000, b"two")).unwrap();
    publisher.write(sound(TrackId::AUDIO, 26_333_333, b"end")).unwrap();
    publisher.flush();
    let header = |multi: bool| if multi { b"\x95\x00mp4a\x01\x11\x90".to_vec() } else { b"\xaf\x00\x11\x90".to_vec() };
    let plain = |mark: &[u8]| [b"\xaf\x01", mark].concat();
    let second = b"\x95\x01mp4a\x01two".to_vec();
    let begin = [(0, header(false)), (0, plain(b"zero"))];
    let expected = [&begin[..], &[(5, plain(b"one")), (26, plain(b"end"))]].concat();
    assert_eq!(sounds(&mut old, b"end").await, expected);
    let begin = [(0, header(false)), (0, header(true)), (0, plain(b"zero")), (5, plain(b"one"))];
    let expected = [&begin[..], &[(6, second), (26, plain(b"end"))]].concat();
    assert_eq!(sounds(&mut list, b"end").await, expected, "all tracks, times to the millisecond");
    let exact = [
        (5, [&b"\x97\x02"[..], &700_000_u32.to_be_bytes()[1..], b"\x05\x01mp4a\x01two"].concat()),
        (26, [&b"\x97\x02"[..], &333_333_u32.to_be_bytes()[1..], b"\x01mp4aend"].concat()),
    ];
    let got = sounds(&mut new, b"end").await;
    let exact = [&begin[..], &exact].concat();
    assert_eq!(got, exact, "times to the nanosecond where there is more than milliseconds");
}

#[tokio::test]
async fn a_late_player_of_several_tracks_gets_each_from_its_key_frame_and_new_headers_before_their_frames() {
    let server = Server::start(|_| ()).await;
    let hub = &server.engine.context().hub;
    let mut publisher = hub.publish(&stream("live/show"), weir_hub::Origin::internal("test")).unwrap();
    let vp9 = |index, config: &'static [u8], side: Option<&'static [u8]>| Track {
        config: Some(config.into()),
        side_data: side.map(Into::into),
        ..Track::new(TrackId::video(index), Codec::Vp9)
    };
    let mut tracks = Tracks::default().with(vp9(0, b"AAAAAAAA", Some(b"colour"))).with(vp9(1, b"BBBBBBBB", None));
    publisher.set_tracks(&tracks).unwrap();
    let picture = |index, millis, kind, mark: &'static [u8]| {
        let time = Timestamp::from_millis(millis);
        Frame { track: TrackId::video(index), dts: time, pts: time, kind, data: mark.into() }
    };
    publisher.write(picture(1, 0, FrameKind::Key, b"key 1 missed")).unwrap();
    publisher.write(picture(0, 0, FrameKind::Key, b"key 0")).unwrap();
    publisher.write(picture(1, 40, FrameKind::Delta, b"delta 1 of no use")).unwrap();
    publisher.flush();
    let mut player = server.play_announcing("show", Capabilities::weir()).await;
    let bodies = |messages: Vec<weir_rtmp::chunk::Message>| -> Vec<Vec<u8>> {
        messages.into_iter().filter(|it| it.type_id == kind::VIDEO).map(|it| it.payload.to_vec()).collect()
    };
    let first = bodies(player.media_until(|message| message.payload.ends_with(b"key 0")).await);
    let vpc = |config: &[u8]| [&[1, 0, 0, 0], config].concat();
    let expected = [
        [&b"\x90vp09"[..], &vpc(b"AAAAAAAA")].concat(),
        b"\xd4vp09colour".to_vec(),
        [&b"\x96\x00vp09\x01"[..], &vpc(b"BBBBBBBB")].concat(),
        b"\x91vp09key 0".to_vec(),
    ];
    assert_eq!(first, expected);
    publisher.write(picture(1, 80, FrameKind::Key, b"key 1")).unwrap();
    tracks = tracks.with(Track { revision: 1, ..vp9(1, b"CCCCCCCC", None) });
    publisher.set_tracks(&tracks).unwrap();
    publisher.write(picture(1, 120, FrameKind::Key, b"new 1")).unwrap();
    publisher.flush();
    let rest = bodies(player.media_until(|message| message.payload.ends_with(b"new 1")).await);
    let expected = [
        b"\x96\x01vp09\x01key 1".to_vec(),
        [&b"\x96\x00vp09\x01"[..], &vpc(b"CCCCCCCC")].concat(),
        b"\x96\x01vp09\x01new 1".to_vec(),
    ];
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn only_clients_that_understand_it_are_asked_to_connect_anew() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut old = server.play("show").await;
    let mut new = server.play_announcing("show", Capabilities::weir()).await;
    let mut idle = server.peer_announcing(Capabilities::weir()).await;
    let path = stream("live/show");
    assert_eq!(server.engine.request_reconnect(&Whom::Publisher(path.clone()), None), 0, "it announced nothing");
    let readers = server.engine.context().hub.stream(&path).unwrap().readers;
    let asked: usize =
        readers.iter().map(|reader| server.engine.request_reconnect(&Whom::Reader(reader.id), None)).sum();
    assert_eq!(asked, 1, "one of the two players");
    publisher.send_video(40, false, b"second").await;
    assert_eq!(new.reconnect_request().await, None);
    let url = "rtmp://elsewhere/live".parse().unwrap();
    assert_eq!(server.engine.request_reconnect(&Whom::Everyone, Some(&url)), 2);
    publisher.send_video(80, false, b"third").await;
    assert_eq!(new.reconnect_request().await.as_deref(), Some("rtmp://elsewhere/live"));
    assert_eq!(idle.reconnect_request().await.as_deref(), Some("rtmp://elsewhere/live"));
    let seen = old.media_until(|message| message.payload.ends_with(b"third")).await;
    assert!(seen.iter().all(|message| message.type_id != kind::COMMAND), "the stream goes on, and nothing is said");
}

/// Sends H.264 and AAC, a key frame a second.
fn send_on(publisher: &mut Publisher, from: i64, to: i64) {
    for frame in frames(&tracks(), from, to) {
        publisher.write(frame).unwrap();
    }
    publisher.flush();
}

async fn sending_to(url: &str) -> Rig {
    let rig = Rig::start(|config| config.streams.grace_seconds = Seconds::new(5)).await;
    rig.engine.secrets().set("destination/a", Some(Secret::new("key".to_owned()))).unwrap();
    let mut config = rig.engine.config();
    config.destinations.push(destination::Config::new("a", url));
    rig.engine.apply(config).await.unwrap();
    rig
}

fn pictures(target: &Target, visit: usize) -> Vec<Vec<u8>> {
    let tags = target.visits().get(visit).map(|visit| visit.tags()).unwrap_or_default();
    let frames = tags.into_iter().filter(|tag| tag.kind == MessageKind::Video && tag.body.get(1) == Some(&1));
    frames.map(|tag| tag.body.slice(5..).to_vec()).collect()
}

#[tokio::test]
async fn a_destination_moves_to_where_its_server_sends_it_and_no_frame_is_lost() {
    let second = Target::start(|_| Manner::Take).await;
    let to: &'static str = Box::leak(second.url().into_boxed_str());
    let first = Target::start(move |_| Manner::SendOn(30, Some(to))).await;
    let rig = sending_to(&first.url()).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let total = || pictures(&first, 0).len() + pictures(&second, 0).len();
    // A second of media at a time: what happens between two of them is up to the destination.
    for second_of_media in 0..60 {
        send_on(&mut publisher, second_of_media * 1000, second_of_media * 1000 + 1000);
        let wanted = (second_of_media as usize + 1) * 25;
        until(&rig.engine, "all pictures", || (total() >= wanted).then_some(())).await;
        if pictures(&second, 0).len() >= 50 {
            break;
        }
    }
    until(&rig.engine, "the first server is left", || first.visits().first().filter(|visit| visit.closed).map(drop))
        .await;
    assert!(first.visits()[0].goodbye, "the old server is told");
    let (before, after) = (pictures(&first, 0), pictures(&second, 0));
    let all: Vec<_> = before.iter().chain(&after).cloned().collect();
    let wanted: Vec<_> = frames(&tracks(), 0, 60_000)
        .into_iter()
        .filter(|frame| frame.track == TrackId::VIDEO)
        .map(|frame| frame.data.to_vec())
        .skip_while(|data| Some(data) != all.first())
        .take(all.len())
        .collect();
    assert!(all == wanted, "each picture once and in order: {} there, {} here", before.len(), after.len());
    assert_eq!(after[0][4], 0x65, "the new server begins with a key frame");
    let status = rig.engine.destinations().status().swap_remove(0);
    assert_eq!(status.line.state, State::Live);
    assert_eq!(second.visits()[0].tags()[0].kind, MessageKind::Data, "metadata and headers come first there too");
    assert_eq!(second.visits()[0].name, "key");
}

#[tokio::test]
async fn servers_that_send_a_destination_in_circles_are_left_after_a_few_rounds() {
    let target = Target::start(|_| Manner::SendOn(1, None)).await;
    let rig = sending_to(&target.url()).await;
    let mut publisher = rig.publish("live/show");
    publisher.set_tracks(&tracks()).unwrap();
    let media = || target.visits().iter().map(|visit| visit.media.len()).sum::<usize>();
    let retrying = || matches!(rig.engine.destinations().status().swap_remove(0).line.state, State::Retrying { .. });
    for second in 0.. {
        let before = media();
        send_on(&mut publisher, second * 1000, second * 1000 + 1000);
        until(&rig.engine, "media or an end", || (media() > before || retrying()).then_some(())).await;
        if retrying() {
            break;
        }
    }
    assert_eq!(target.visits().len(), 6, "the first connection and five moves");
}
