//! From tracks and frames to transport packets.

mod packets;
mod payload;
mod tables;

use std::sync::Arc;

use bytes::BytesMut;
use weir_media::{Codec, Frame, TimeDelta, Timestamp, Track, TrackId, TrackKind, Tracks};

use crate::packet::Pid;
use packets::{Mark, Packetizer, PesHead};

/// First packet identifier of the elementary streams, where everybody puts them.
const FIRST_PID: u16 = 0x100;
/// Tables are repeated this often by media time, so that a receiver can begin anywhere (ETSI TR 101 290).
const TABLES_EVERY: TimeDelta = TimeDelta::from_millis(100);
/// Added to all times: the clock reference must lie before them and not below zero.
const LEAD_IN: TimeDelta = TimeDelta::from_millis(500);
/// How far the clock reference runs ahead of decoding: what a receiver may need to put a key frame together.
const CLOCK_AHEAD: TimeDelta = TimeDelta::from_millis(200);

/// Writes an MPEG transport stream of one program. Whole packets only; begin it on a key frame.
#[derive(Debug, Default)]
pub struct Muxer {
    streams: Vec<Stream>,
    left_out: Vec<Codec>,
    packetizer: Packetizer,
    /// Counts changes of the map, modulo 32.
    version: u8,
    tables_at: Option<Timestamp>,
    /// Streams whose next packet has to say that time has jumped.
    broken: Vec<Pid>,
}

#[derive(Debug)]
struct Stream {
    track: Arc<Track>,
    pid: Pid,
}

impl Muxer {
    /// A muxer without tracks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the tracks; those that a transport stream cannot carry (FLAC, VP8, VP9, AV1, data) are left out.
    pub fn set_tracks(&mut self, tracks: &Tracks) {
        let (carried, left): (Vec<_>, Vec<_>) =
            tracks.iter().filter(|track| track.id.kind != TrackKind::Data).partition(|track| is_carried(track.codec));
        self.left_out = left.iter().map(|track| track.codec).collect();
        let shape = |track: &Arc<Track>| (track.id, track.codec);
        if !carried.iter().map(|track| shape(track)).eq(self.streams.iter().map(|stream| shape(&stream.track))) {
            self.version = (self.version + 1) & 0x1F;
            self.tables_at = None;
        }
        let streams = carried.into_iter().zip(FIRST_PID..);
        self.streams = streams.map(|(track, pid)| Stream { track: Arc::clone(track), pid: Pid(pid) }).collect();
    }

    /// Says that time jumps before the next frame, or that frames are missing there: receivers then begin their clocks anew instead
    /// of waiting for what does not come.
    pub fn break_off(&mut self) {
        self.broken = self.streams.iter().map(|stream| stream.pid).collect();
        self.tables_at = None;
    }

    /// Codecs of tracks that the stream therefore lacks.
    pub fn left_out(&self) -> &[Codec] {
        &self.left_out
    }

    /// Appends the packets of a frame to `out`, tables before it where they are due. Frames of tracks that are left out give
    /// nothing.
    pub fn write(&mut self, frame: &Frame, out: &mut BytesMut) {
        let lead = self.streams.first().map(|stream| stream.track.id);
        let Some(stream) = self.streams.iter().find(|stream| stream.track.id == frame.track) else { return };
        let is_lead = lead == Some(frame.track);
        let key = frame.track.kind == TrackKind::Video && frame.is_key();
        let Some(payload) = payload::write(&stream.track, frame, key) else { return };
        let (pid, stream_id) = (stream.pid, stream_id(stream));
        let due = self.tables_at.is_none_or(|at| frame.dts - at >= TABLES_EVERY || frame.dts < at);
        if due || key && is_lead {
            self.tables_at = Some(frame.dts);
            self.write_tables(out);
        }
        let head = PesHead {
            stream_id,
            pts: ticks(frame.pts + LEAD_IN),
            dts: (frame.pts != frame.dts).then(|| ticks(frame.dts + LEAD_IN)),
            // Only video may leave its length open.
            bounded: frame.track.kind != TrackKind::Video,
        };
        let broken =
            self.broken.iter().position(|broken| *broken == pid).map(|at| self.broken.swap_remove(at)).is_some();
        let mark = Mark { clock: is_lead.then(|| ticks(frame.dts + LEAD_IN - CLOCK_AHEAD)), key, broken };
        self.packetizer.write_pes(pid, &head, &payload, mark, out);
    }

    fn write_tables(&mut self, out: &mut BytesMut) {
        let clock_pid = self.streams.first().map_or(Pid(0x1FFF), |stream| stream.pid);
        let entries: Vec<_> = self.streams.iter().map(|stream| (stream.pid, stream.track.as_ref())).collect();
        self.packetizer.write_section(Pid(0), &tables::pat(), out);
        self.packetizer.write_section(tables::MAP_PID, &tables::pmt(self.version, clock_pid, &entries), out);
    }
}

/// Ticks of the 33-bit clock.
fn ticks(time: Timestamp) -> u64 {
    (time.as_ticks(90_000) as u64) & ((1 << 33) - 1)
}

const fn is_carried(codec: Codec) -> bool {
    matches!(
        codec,
        Codec::H264 | Codec::H265 | Codec::Aac | Codec::Mp3 | Codec::Mp2 | Codec::Opus | Codec::Ac3 | Codec::Eac3
    )
}

/// `stream_id` (ISO/IEC 13818-1, table 2-22): numbered within their kind; Dolby and Opus are private streams.
fn stream_id(stream: &Stream) -> u8 {
    let TrackId { kind, index } = stream.track.id;
    match (kind, stream.track.codec) {
        (TrackKind::Video, _) => 0xE0 | index & 0x0F,
        (_, Codec::Opus | Codec::Ac3 | Codec::Eac3) => 0xBD,
        _ => 0xC0 | index & 0x1F,
    }
}
