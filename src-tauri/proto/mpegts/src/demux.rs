//! From bytes to tracks and frames.

use std::collections::HashMap;
use std::collections::VecDeque;

use bytes::Bytes;
use weir_media::codec;
use weir_media::{AudioInfo, Codec, Frame, Track, TrackId, TrackKind, Tracks};

use crate::clock::Clock;
use crate::descriptor::Descriptor;
use crate::es::{Adts, Elementary, Framed, Opus, Part, Syntax, Unit, Video};
use crate::framing::Framing;
use crate::packet::{self, PACKET_LEN, Packet, Pid};
use crate::pes::{MAX_BEGUN, Pes, PesReader};
use crate::psi::{self, MAX_PROGRAMS, SectionReader};

/// Packets of one identifier after which its counter is where it was.
const ROUND: u64 = 16;

/// What a [`Demuxer`] gives, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The tracks in force from here on.
    Tracks(Tracks),
    /// A frame in canonical form, on the stream's own unwrapped clock.
    Frame(Frame),
}

/// What was wrong with the stream so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Bytes that belonged to no packet.
    pub bytes_skipped: u64,
    /// Places where the continuity counter jumped: packets were lost on the way.
    pub continuity_errors: u64,
    /// Packets that were marked damaged or are scrambled.
    pub unreadable_packets: u64,
    /// PES packets dropped because a piece of them was lost.
    pub damaged_pes: u64,
}

/// Reads an MPEG transport stream from bytes in any pieces.
#[derive(Debug, Default)]
pub struct Demuxer {
    framing: Framing,
    pat: SectionReader,
    programs: Vec<Program>,
    /// The program whose streams are read.
    selected: Option<Selected>,
    streams: HashMap<Pid, Stream>,
    last: HashMap<Pid, Last>,
    /// Packets that may have been lost so far, as whoever brings the bytes has said.
    lost: u64,
    clock: Clock,
    tracks: Tracks,
    items: VecDeque<Item>,
    faults: Faults,
}

/// The program that is read.
#[derive(Debug, Clone, Copy)]
struct Selected {
    number: u16,
    /// It has sound or pictures that are understood; one without makes way for one with them.
    playable: bool,
}

/// The last packet of an identifier.
#[derive(Debug)]
struct Last {
    counter: u8,
    bytes: [u8; PACKET_LEN],
    /// [`Demuxer::lost`] when it came.
    lost: u64,
}

#[derive(Debug)]
struct Program {
    number: u16,
    pid: Pid,
    section: SectionReader,
    map: Option<Vec<psi::Elementary>>,
}

#[derive(Debug)]
struct Stream {
    entry: psi::Elementary,
    id: TrackId,
    language: Option<String>,
    pes: PesReader,
    elementary: Elementary,
}

impl Demuxer {
    /// A reader that follows the first program it can play, or else the first one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.framing.push(bytes);
        while let Some(packet) = self.framing.next_packet() {
            self.packet(&packet);
        }
    }

    /// Up to `packets` packets are missing between what was added and what will be. Counters of four bits do not show it when
    /// sixteen of one identifier are gone, or twice as many: then what had begun must not be completed with what follows.
    pub fn lose(&mut self, packets: u64) {
        self.lost = self.lost.saturating_add(packets);
        self.framing.lose();
    }

    /// Bytes of pictures and sounds that have begun and are not complete, of all streams together: 32 MiB at most.
    pub fn begun(&self) -> usize {
        self.streams.values().map(|stream| stream.pes.begun()).sum()
    }

    /// The next track set or frame.
    pub fn poll(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// The stream has ended: completes the frames that only the next one would have completed.
    pub fn finish(&mut self) {
        let pids: Vec<_> = self.streams.keys().copied().collect();
        for pid in pids {
            let Some(stream) = self.streams.get_mut(&pid) else { continue };
            let mut done = Vec::new();
            if self.last.get(&pid).is_some_and(|last| last.lost != self.lost) {
                stream.pes.lose();
            }
            stream.pes.finish(&mut |pes| done.push(pes));
            self.deliver(pid, done);
        }
    }

    /// What was wrong so far.
    pub fn faults(&self) -> Faults {
        let damaged: u64 = self.streams.values().map(|stream| stream.pes.damaged).sum();
        let damaged_pes = self.faults.damaged_pes + damaged;
        Faults { bytes_skipped: self.framing.skipped, damaged_pes, ..self.faults }
    }

    /// Whether every stream of the program that is read has shown what it is. A stream that nobody knows is not waited for.
    pub fn is_complete(&self) -> bool {
        let known = |stream: &Stream| self.tracks.find(stream.id).is_some();
        let mut media = self.streams.values().filter(|stream| !matches!(stream.elementary, Elementary::Opaque { .. }));
        !self.streams.is_empty() && media.all(known)
    }

    /// Numbers of the programs that the stream announces.
    pub fn programs(&self) -> impl Iterator<Item = u16> {
        self.programs.iter().map(|program| program.number)
    }

    fn packet(&mut self, bytes: &[u8; PACKET_LEN]) {
        let Some(packet) = Packet::parse(bytes) else { return };
        if packet.unreadable {
            self.faults.unreadable_packets += 1;
            return;
        }
        if packet.pid == Pid(0) {
            if let Some(payload) = packet.payload {
                self.read_pat(payload, packet.unit_start);
            }
            return;
        }
        if let Some(at) = self.programs.iter().position(|program| program.pid == packet.pid) {
            if let Some(payload) = packet.payload {
                self.read_pmt(at, payload, packet.unit_start);
            }
            return;
        }
        if self.streams.contains_key(&packet.pid) {
            self.read_stream(&packet, bytes);
        }
    }

    fn read_pat(&mut self, payload: &[u8], unit_start: bool) {
        let mut announced = None;
        self.pat.push(payload, unit_start, |section| announced = psi::parse_pat(section).or(announced.take()));
        let Some(announced) = announced else { return };
        self.programs.retain(|known| announced.contains(&(known.number, known.pid)));
        for (number, pid) in announced {
            let known = self.programs.iter().any(|program| program.number == number);
            if !known && self.programs.len() < MAX_PROGRAMS {
                self.programs.push(Program { number, pid, section: SectionReader::default(), map: None });
            }
        }
        if self.selected.is_some_and(|selected| self.programs.iter().all(|known| known.number != selected.number)) {
            self.selected = None;
        }
    }

    fn read_pmt(&mut self, at: usize, payload: &[u8], unit_start: bool) {
        let Some(program) = self.programs.get_mut(at) else { return };
        let number = program.number;
        let mut map = None;
        // Several programs may share one identifier: the section's own number decides.
        program.section.push(payload, unit_start, |section| {
            let parsed = psi::parse_pmt(section).filter(|(of, _)| *of == number);
            map = parsed.map(|(_, streams)| streams).or(map.take());
        });
        let Some(map) = map else { return };
        // Compared by content: some encoders count the version up each time, some never.
        if program.map.as_ref() == Some(&map) {
            return;
        }
        program.map = Some(map.clone());
        let playable = map.iter().any(|entry| kind_of(entry) != TrackKind::Data);
        if self.selected.is_none_or(|selected| selected.number == number || playable && !selected.playable) {
            self.selected = Some(Selected { number, playable });
            self.follow(map);
        }
    }

    /// Takes over a program's map: streams that stay keep their state.
    fn follow(&mut self, map: Vec<psi::Elementary>) {
        let mut old = std::mem::take(&mut self.streams);
        self.last.retain(|pid, _| map.iter().any(|entry| entry.pid == *pid));
        let mut next: HashMap<TrackKind, u8> = HashMap::from([(TrackKind::Data, 1)]);
        for entry in map {
            let kind = kind_of(&entry);
            let index = next.entry(kind).or_insert(0);
            let id = TrackId { kind, index: *index };
            *index = index.saturating_add(1);
            let stream = match old.remove(&entry.pid) {
                Some(known) if known.entry == entry && known.id == id => known,
                _ => Stream::new(entry, id),
            };
            self.streams.insert(stream.entry.pid, stream);
        }
        self.faults.damaged_pes += old.values().map(|stream| stream.pes.damaged).sum::<u64>();
        let ids: Vec<_> = self.streams.values().map(|stream| stream.id).collect();
        let kept: Vec<_> = self.tracks.iter().filter(|track| ids.contains(&track.id)).cloned().collect();
        self.tracks = Tracks::new(kept);
    }

    fn read_stream(&mut self, packet: &Packet<'_>, bytes: &[u8; PACKET_LEN]) {
        if packet.payload.is_none() {
            return;
        }
        let now = Last { counter: packet.counter, bytes: *bytes, lost: self.lost };
        let last = self.last.insert(packet.pid, now);
        let begun = self.begun();
        let Some(stream) = self.streams.get_mut(&packet.pid) else { return };
        if let Some(last) = last.filter(|_| !packet.discontinuity) {
            let unseen = self.lost - last.lost;
            // One exact repetition is legal and carries nothing new.
            if packet.counter == last.counter && unseen < ROUND - 1 && packet::repeats(bytes, &last.bytes) {
                return;
            }
            if packet.counter != (last.counter + 1) & 0x0F || unseen >= ROUND {
                self.faults.continuity_errors += 1;
                stream.pes.lose();
                stream.elementary.lose();
            }
        }
        // On another stream than the clock's it concerns the counter alone (ISO/IEC 13818-1, 2.4.3.5).
        if packet.discontinuity && packet.clock {
            self.clock.restart();
        }
        let room = (MAX_BEGUN + stream.pes.begun()).saturating_sub(begun);
        let mut done = Vec::new();
        stream.pes.push(packet, room, |pes| done.push(pes));
        self.deliver(packet.pid, done);
    }

    /// What was announced as ADTS and is none is carried as it is.
    fn call_by_type(&mut self, pid: Pid) {
        let others = self.streams.values().map(|stream| stream.id).filter(|id| id.kind == TrackKind::Data);
        let index = others.map(|id| id.index).max().unwrap_or(0).saturating_add(1);
        if let Some(stream) = self.streams.get_mut(&pid)
            && let Elementary::Adts(adts) = &stream.elementary
            && adts.is_something_else()
        {
            stream.id = TrackId { kind: TrackKind::Data, index };
            let codec = Codec::TsStreamType(stream.entry.stream_type);
            stream.elementary = Elementary::Opaque { codec, told: false };
        }
    }

    fn deliver(&mut self, pid: Pid, done: Vec<Pes>) {
        for Pes { pts, dts, random_access, data } in done {
            let Some(stream) = self.streams.get_mut(&pid) else { return };
            let dts = dts.map(|dts| self.clock.unwrap(dts));
            let pts = pts.map(|pts| self.clock.unwrap(pts));
            let mut parts = Vec::new();
            stream.elementary.push(Unit { pts, dts, random_access, data }, &mut parts);
            self.call_by_type(pid);
            let Some(stream) = self.streams.get(&pid) else { return };
            let (id, language) = (stream.id, stream.language.clone());
            for part in parts {
                match part {
                    Part::Frame { dts, pts, kind, data } => {
                        self.items.push_back(Item::Frame(Frame { track: id, dts, pts, kind, data }));
                    }
                    Part::Config { codec, config, sample_rate, channels } => {
                        let audio = AudioInfo { sample_rate, channels, profile: None };
                        self.declare(id, codec, config, audio, language.clone());
                    }
                }
            }
        }
    }

    fn declare(
        &mut self,
        id: TrackId,
        codec: Codec,
        config: Option<Bytes>,
        audio: AudioInfo,
        language: Option<String>,
    ) {
        let mut track = Track::new(id, codec);
        track.revision = self.tracks.find(id).map_or(0, |known| known.revision + 1);
        track.language = language;
        match id.kind {
            TrackKind::Video => track.video = config.as_ref().map(|config| codec::video_info(codec, config)),
            TrackKind::Audio => {
                let told = config.as_ref().map(|config| codec::audio_info(codec, config)).unwrap_or_default();
                let sample_rate = told.sample_rate.or(audio.sample_rate);
                let channels = told.channels.or(audio.channels);
                track.audio = Some(AudioInfo { sample_rate, channels, profile: told.profile });
            }
            TrackKind::Data => {}
        }
        track.config = config;
        self.tracks = self.tracks.with(track);
        self.items.push_back(Item::Tracks(self.tracks.clone()));
    }
}

impl Stream {
    fn new(entry: psi::Elementary, id: TrackId) -> Self {
        let language = entry.descriptors.iter().find_map(|descriptor| match descriptor {
            Descriptor::Language(language) => Some(language.clone()),
            _ => None,
        });
        let elementary = elementary(&entry);
        Self { entry, id, language, pes: PesReader::default(), elementary }
    }
}

fn kind_of(entry: &psi::Elementary) -> TrackKind {
    match elementary(entry) {
        Elementary::Video(_) => TrackKind::Video,
        Elementary::Adts(_) | Elementary::Framed(_) | Elementary::Opus(_) => TrackKind::Audio,
        Elementary::Opaque { .. } => TrackKind::Data,
    }
}

/// How a stream of this type is read (ISO/IEC 13818-1, table 2-34; ATSC A/53; DVB's descriptors for private data).
fn elementary(entry: &psi::Elementary) -> Elementary {
    match entry.stream_type {
        0x1B => Elementary::Video(Box::new(Video::new(Codec::H264))),
        0x24 => Elementary::Video(Box::new(Video::new(Codec::H265))),
        // 0x11 is LATM by the book, but a common encoder sends ADTS under it; real LATM shows itself soon.
        0x0F | 0x11 => Elementary::Adts(Adts::default()),
        0x03 | 0x04 => Elementary::Framed(Framed::new(Syntax::Mpeg)),
        0x81 | 0x87 => Elementary::Framed(Framed::new(Syntax::Dolby)),
        0x06 => private_data(&entry.descriptors),
        stream_type => Elementary::Opaque { codec: Codec::TsStreamType(stream_type), told: false },
    }
}

fn private_data(descriptors: &[Descriptor]) -> Elementary {
    let opus = descriptors.iter().find_map(|descriptor| match descriptor {
        Descriptor::Opus(channels) => Some(*channels),
        _ => None,
    });
    let registered = |name: &[u8; 4]| descriptors.contains(&Descriptor::Registration(*name));
    if registered(b"Opus") || opus.is_some() {
        return Elementary::Opus(Opus::new(opus.unwrap_or(2)));
    }
    if descriptors.iter().any(|descriptor| matches!(descriptor, Descriptor::Ac3 | Descriptor::Eac3))
        || registered(b"AC-3")
        || registered(b"EAC3")
    {
        return Elementary::Framed(Framed::new(Syntax::Dolby));
    }
    if registered(b"HEVC") {
        return Elementary::Video(Box::new(Video::new(Codec::H265)));
    }
    Elementary::Opaque { codec: Codec::TsStreamType(0x06), told: false }
}
