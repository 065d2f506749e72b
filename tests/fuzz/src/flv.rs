//! Tag bodies: what is written of them is read as the same; as a stream of messages they become tracks and frames, a
//! file of those, and messages again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weir_flv::file::{FileOptions, FileWriter};
use weir_flv::{AudioTag, Ingest, Item, MessageKind, VideoTag, egress};

fuzz_target!(|input: &[u8]| {
    let mut ingest = Ingest::new();
    let mut writer = FileWriter::new(FileOptions { key_frames: 16 });
    let mut millis = 0;
    let mut rest = input;
    while let [kind, step, length, after @ ..] = rest {
        let (body, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        millis += i64::from(*step as i8);
        let body = Bytes::copy_from_slice(body);
        let kind = match kind % 3 {
            0 => MessageKind::Audio,
            1 => MessageKind::Video,
            _ => MessageKind::Data,
        };
        written_again(kind, &body);
        let mut items = Vec::new();
        let _ = ingest.handle(kind, millis, &body, &mut items);
        let mut out = Vec::new();
        for item in items {
            match item {
                Item::Tracks(tracks) => {
                    writer.set_tracks(&tracks, &mut out);
                    egress::start(&tracks);
                }
                Item::Frame(frame) => {
                    let track = ingest.tracks().find(frame.track).expect("a frame has a track");
                    let _ = egress::frame(track, &frame);
                    let _ = writer.write(&frame, &mut out);
                }
            }
        }
    }
    let mut out = Vec::new();
    writer.checkpoint(&mut out);
    writer.finish(&mut out);
});

/// What is written is read as what it was written from, as far as it can be said: the bytes stay the same.
fn written_again(kind: MessageKind, body: &Bytes) {
    let again = |body: &Bytes| match kind {
        MessageKind::Video => VideoTag::parse(body).and_then(|tag| tag.encode()),
        MessageKind::Audio => AudioTag::parse(body).and_then(|tag| tag.encode()),
        MessageKind::Data => Ok(Bytes::new()),
    };
    let Ok(written) = again(body) else { return };
    assert_eq!(again(&written).expect("our own bytes are readable"), written);
}
