//! What is lost, repeated, never completed or of a kind that nobody knows.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up its case has failed")]

use std::collections::HashMap;

use weir_media::{Codec, TrackKind};
use weir_mpegts::{Demuxer, Faults, Item, PACKET_LEN};

const MPEG2_VIDEO: u8 = 0x02;
const MPEG_AUDIO: u8 = 0x03;
const LATM: u8 = 0x11;

/// Writes transport packets.
#[derive(Default)]
struct Writer(HashMap<u16, u8>);

impl Writer {
    fn packet(&mut self, pid: u16, start: bool, payload: &[u8]) -> Vec<u8> {
        let counter = self.0.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        let [high, low] = pid.to_be_bytes();
        let room = 184 - payload.len();
        let mut packet = vec![0x47, if start { 0x40 } else { 0 } | high, low, 0x10 | *counter];
        if room > 0 {
            packet[3] |= 0x20;
            packet.push((room - 1) as u8);
            packet.extend((1..room).map(|at| if at == 1 { 0 } else { 0xFF }));
        }
        packet.extend_from_slice(payload);
        assert_eq!(packet.len(), PACKET_LEN);
        packet
    }

    fn packets(&mut self, pid: u16, payload: &[u8]) -> Vec<Vec<u8>> {
        payload.chunks(184).enumerate().map(|(at, piece)| self.packet(pid, at == 0, piece)).collect()
    }

    fn table(&mut self, pid: u16, table: u8, id: u16, content: &[u8]) -> Vec<u8> {
        let [id_high, id_low] = id.to_be_bytes();
        let [len_high, len_low] = ((content.len() + 9) as u16).to_be_bytes();
        let mut section = vec![table, 0xB0 | len_high, len_low, id_high, id_low, 0xC1, 0, 0];
        section.extend_from_slice(content);
        section.extend_from_slice(&crc(&section).to_be_bytes());
        section.insert(0, 0);
        self.packets(pid, &section).concat()
    }

    /// The tables of programs 1, 2, … with these streams each.
    fn tables(&mut self, programs: &[&[(u8, u16)]]) -> Vec<u8> {
        let mut pat = Vec::new();
        for number in 1..=programs.len() as u8 {
            pat.extend_from_slice(&[0, number, 0xEF, number]);
        }
        let mut out = self.table(0, 0, 1, &pat);
        for (streams, number) in programs.iter().zip(1..) {
            let mut map = vec![0xFF, 0xFF, 0xF0, 0];
            for (stream_type, pid) in *streams {
                let [high, low] = pid.to_be_bytes();
                map.extend_from_slice(&[*stream_type, 0xE0 | high, low, 0xF0, 0]);
            }
            out.extend(self.table(0xF00 + number, 2, number, &map));
        }
        out
    }

    /// A PES packet that ends where the next one begins, at time 0.
    fn pes(&mut self, pid: u16, data: &[u8]) -> Vec<Vec<u8>> {
        let head = [0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1];
        self.packets(pid, &[&head[..], data].concat())
    }
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 })
    })
}

/// The data of the frames that have come.
fn frames(demuxer: &mut Demuxer) -> Vec<Vec<u8>> {
    let items = std::iter::from_fn(|| demuxer.poll());
    items.filter_map(|item| if let Item::Frame(frame) = item { Some(frame.data.to_vec()) } else { None }).collect()
}

/// A stream of one kind on identifier 256, and what it was sent: three PES packets of 40 packets each.
fn three() -> (Demuxer, [Vec<u8>; 3], Vec<Vec<u8>>) {
    let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
    demuxer.push(&writer.tables(&[&[(MPEG2_VIDEO, 256)]]));
    let sent = [1, 2, 3].map(|number| vec![number; 40 * 184 - 14]);
    let packets = sent.iter().flat_map(|data| writer.pes(256, data)).collect();
    (demuxer, sent, packets)
}

#[test]
fn a_loss_that_looks_like_a_repetition_glues_no_pictures_together() {
    let (mut demuxer, sent, packets) = three();
    // From the middle of the first to the middle of the second: the counter comes out where it was.
    demuxer.push(&packets[..33].concat());
    demuxer.push(&packets[33 + 15..].concat());
    demuxer.finish();
    assert_eq!(frames(&mut demuxer), sent[2..]);
    assert_eq!(demuxer.faults(), Faults { continuity_errors: 1, damaged_pes: 1, ..Faults::default() });
}

#[test]
fn a_loss_that_no_counter_shows_glues_no_pictures_together() {
    for (lost, told) in [(16, 16), (32, 35), (48, 48)] {
        let (mut demuxer, sent, packets) = three();
        demuxer.push(&packets[..30].concat());
        demuxer.lose(told);
        demuxer.push(&packets[30 + lost..].concat());
        demuxer.finish();
        assert_eq!(frames(&mut demuxer), sent[2..], "{lost} lost");
        assert!(demuxer.faults().continuity_errors == 1 && demuxer.faults().damaged_pes > 0, "{lost} lost");
    }
    // What has begun ends nowhere when nothing follows.
    let (mut demuxer, _, packets) = three();
    demuxer.push(&packets[..30].concat());
    demuxer.lose(1);
    demuxer.finish();
    assert_eq!(frames(&mut demuxer), Vec::<Vec<u8>>::new());
}

#[test]
fn a_loss_elsewhere_costs_nothing_and_a_repetition_neither() {
    let (mut demuxer, sent, packets) = three();
    for packet in packets.chunks(10) {
        demuxer.push(&packet.concat());
        demuxer.lose(14);
    }
    assert_eq!(frames(&mut demuxer), sent[..2]);
    let (mut demuxer, sent, packets) = three();
    demuxer.push(&packets.iter().flat_map(|packet| [packet.as_slice(), packet].concat()).collect::<Vec<_>>());
    demuxer.finish();
    assert_eq!((frames(&mut demuxer), demuxer.faults()), (sent.to_vec(), Faults::default()));
}

#[test]
fn a_repetition_may_have_another_clock_and_nothing_else() {
    let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
    demuxer.push(&writer.tables(&[&[(MPEG2_VIDEO, 256)]]));
    let mut packets = writer.pes(256, &[7; 300]);
    // Room of 54 bytes in the second, 6 of them a clock.
    packets[1][5] = 0x10;
    let mut again = packets[1].clone();
    again[8] ^= 0x55;
    demuxer.push(&[&packets[0][..], &packets[1], &again].concat());
    demuxer.finish();
    assert_eq!((frames(&mut demuxer), demuxer.faults()), (vec![vec![7; 300]], Faults::default()));
}

#[test]
fn what_is_begun_on_all_identifiers_together_has_a_limit() {
    const LIMIT: usize = 32 << 20;
    let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
    let pids: Vec<u16> = (256..256 + 40).collect();
    let streams: Vec<_> = pids.iter().map(|pid| (MPEG2_VIDEO, *pid)).collect();
    demuxer.push(&writer.tables(&[&streams]));
    let mut most = 0;
    for pid in &pids {
        demuxer.push(&writer.pes(*pid, &vec![1; 1 << 20]).concat());
        most = most.max(demuxer.begun());
    }
    assert!((LIMIT - (1 << 20)..=LIMIT).contains(&most), "{most}");
    assert!(demuxer.faults().damaged_pes > 0);
    // What was whole is passed on, and there is room again.
    demuxer.finish();
    assert_eq!((frames(&mut demuxer).len(), demuxer.begun()), (31, 0));
    demuxer.push(&writer.pes(290, &[2; 1000]).concat());
    demuxer.finish();
    assert_eq!(frames(&mut demuxer), [vec![2; 1000]]);
}

#[test]
fn a_program_of_kinds_that_nobody_plays_is_carried_and_named() {
    let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
    demuxer.push(&writer.tables(&[&[(MPEG2_VIDEO, 256)]]));
    demuxer.push(&writer.pes(256, &[5; 500]).concat());
    demuxer.finish();
    let Some(Item::Tracks(tracks)) = demuxer.poll() else { panic!("tracks come first") };
    let named: Vec<_> = tracks.iter().map(|track| (track.id.kind, track.codec)).collect();
    assert_eq!(named, [(TrackKind::Data, Codec::TsStreamType(MPEG2_VIDEO))]);
    assert_eq!(frames(&mut demuxer), [vec![5; 500]]);
    assert!(demuxer.is_complete());
}

#[test]
fn a_program_that_can_be_played_goes_before_one_that_cannot() {
    for order in [[0, 1], [1, 0]] {
        let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
        let programs: [&[(u8, u16)]; 2] = [&[(MPEG2_VIDEO, 256)], &[(MPEG_AUDIO, 257), (MPEG2_VIDEO, 258)]];
        demuxer.push(&writer.tables(&order.map(|at| programs[at])));
        for pid in [256, 258] {
            demuxer.push(&writer.pes(pid, &pid.to_be_bytes()).concat());
        }
        demuxer.finish();
        assert_eq!(frames(&mut demuxer), [258_u16.to_be_bytes().to_vec()], "{order:?}");
    }
}

#[test]
fn sound_in_latm_is_named_and_holds_nothing_up() {
    let (mut writer, mut demuxer) = (Writer::default(), Demuxer::new());
    demuxer.push(&writer.tables(&[&[(LATM, 256)]]));
    // Bits that look like a header of ADTS are in it.
    let latm = [&[0x56, 0xE1, 0x40][..], &[0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC].repeat(40)].concat();
    for _ in 0..5 {
        demuxer.push(&writer.pes(256, &latm).concat());
    }
    assert!(frames(&mut demuxer).is_empty());
    demuxer.push(&writer.pes(256, &latm).concat());
    assert!(demuxer.is_complete());
    demuxer.finish();
    let Some(Item::Tracks(tracks)) = demuxer.poll() else { panic!("tracks come first") };
    let named: Vec<_> = tracks.iter().map(|track| (track.id.kind, track.codec)).collect();
    assert_eq!(named, [(TrackKind::Data, Codec::TsStreamType(LATM))]);
    assert_eq!(frames(&mut demuxer), [latm.clone(), latm]);
}
