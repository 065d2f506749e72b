//! What went in beside what came out, packet by packet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::process::Outcome;

/// A track: what it is, and its number among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Video(usize),
    Audio(usize),
}

impl Kind {
    pub(crate) const VIDEO: Self = Self::Video(0);
    pub(crate) const AUDIO: Self = Self::Audio(0);
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video(0) => out.write_str("video"),
            Self::Audio(0) => out.write_str("audio"),
            Self::Video(number) => write!(out, "video track {number}"),
            Self::Audio(number) => write!(out, "audio track {number}"),
        }
    }
}

/// One packet; times in milliseconds, as RTMP and FLV count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    pub(crate) hash: String,
}

/// Packets in the order they came, and the hash of each track's decoder configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) packets: Vec<Packet>,
    pub(crate) configs: BTreeMap<Kind, String>,
}

impl Listing {
    /// Reads the lines of FFmpeg's `framehash` output, times in milliseconds.
    pub(crate) fn read(lines: &[String]) -> Outcome<Self> {
        let other =
            lines.iter().find(|line| line.starts_with('#') && line.contains("tb ") && !line.ends_with("1/1000"));
        match other {
            Some(line) => Err(format!("times are not in milliseconds: {line}")),
            None => Self::read_loosely(lines),
        }
    }

    /// The same whatever the unit of the times is.
    pub(crate) fn read_loosely(lines: &[String]) -> Outcome<Self> {
        let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
        let mut extradata = BTreeMap::new();
        let mut packets = Vec::new();
        for line in lines {
            if let Some(rest) = line.strip_prefix("#media_type ") {
                let (stream, kind) = rest.split_once(": ").ok_or("a media type without stream")?;
                let number = |other: fn(usize) -> Kind| {
                    (0..).find(|number| !kinds.values().any(|known| *known == other(*number))).unwrap_or_default()
                };
                let kind = match kind {
                    "video" => Kind::Video(number(Kind::Video)),
                    "audio" => Kind::Audio(number(Kind::Audio)),
                    other => return Err(format!("a track of kind {other} appeared")),
                };
                kinds.insert(stream.to_owned(), kind);
            } else if let Some(rest) = line.strip_prefix("#extradata ") {
                let fields: Vec<&str> = rest.split(',').map(str::trim).collect();
                if let [stream, _, hash] = fields[..] {
                    extradata.insert(stream.to_owned(), hash.to_owned());
                }
            } else if !line.starts_with('#') && !line.is_empty() {
                packets.push(packet(line, &kinds).ok_or_else(|| format!("not a line of framehash: {line}"))?);
            }
        }
        let configs = extradata.into_iter().filter_map(|(stream, hash)| Some((*kinds.get(&stream)?, hash))).collect();
        Ok(Self { packets, configs })
    }

    pub(crate) fn of(&self, kind: Kind) -> Vec<&Packet> {
        self.packets.iter().filter(|packet| packet.kind == kind).collect()
    }

    /// The tracks that have packets.
    pub(crate) fn tracks(&self) -> Vec<Kind> {
        let kinds: BTreeSet<Kind> = self.packets.iter().map(|packet| packet.kind).collect();
        kinds.into_iter().collect()
    }

    /// Only these tracks.
    pub(crate) fn only(&self, kinds: &[Kind]) -> Self {
        let packets = self.packets.iter().filter(|packet| kinds.contains(&packet.kind)).cloned().collect();
        let configs = self.configs.iter().filter(|(kind, _)| kinds.contains(kind));
        Self { packets, configs: configs.map(|(kind, config)| (*kind, config.clone())).collect() }
    }

    /// The same packets without the first `count` of all.
    pub(crate) fn skip(&self, count: usize) -> Self {
        Self { packets: self.packets.iter().skip(count).cloned().collect(), configs: self.configs.clone() }
    }
}

fn packet(line: &str, kinds: &BTreeMap<String, Kind>) -> Option<Packet> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    // More fields follow where a packet has side data, such as a decoder configuration that was sent again.
    let [stream, dts, pts, _duration, _size, hash, ..] = fields[..] else { return None };
    Some(Packet { kind: *kinds.get(stream)?, dts: dts.parse().ok()?, pts: pts.parse().ok()?, hash: hash.to_owned() })
}

/// What a reader must have got of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Everything: it was there before the first frame.
    TheFirstFrame,
    /// Everything from some key frame on: it came later.
    AKeyFrame,
}

/// Checks that `got` is `sent`, unbroken to its end: same packets, same order in each track, times moved by one
/// constant, same decoder configuration. `key` holds the hashes of the video key frames.
pub(crate) fn same(sent: &Listing, key: &[String], got: &Listing, from: From) -> Outcome {
    let begin = beginning(sent, key, got, from)?;
    let shift = shift(&sent.packets[begin], got)?;
    let expected = sent.skip(begin);
    if sent.tracks() != got.tracks() {
        return Err(format!("the tracks {:?} were sent, {:?} came", sent.tracks(), got.tracks()));
    }
    for kind in sent.tracks() {
        track(kind, &expected.of(kind), &got.of(kind), shift)?;
    }
    if sent.configs != got.configs {
        return Err(format!("the decoder configuration changed from {:?} to {:?}", sent.configs, got.configs));
    }
    Ok(())
}

/// Where in `sent` the reader began.
fn beginning(sent: &Listing, key: &[String], got: &Listing, from: From) -> Outcome<usize> {
    let leading = if sent.of(Kind::VIDEO).is_empty() { Kind::AUDIO } else { Kind::VIDEO };
    let first = got.of(leading).first().map(|packet| packet.hash.clone()).ok_or(format!("no {leading} came at all"))?;
    let found = sent.packets.iter().position(|packet| packet.kind == leading && packet.hash == first);
    let found = found.ok_or(format!("the first {leading} packet that came was never sent"))?;
    match from {
        From::TheFirstFrame => {
            let skipped = sent.packets[..found].iter().filter(|packet| packet.kind == leading).count();
            if skipped == 0 { Ok(0) } else { Err(format!("the first {skipped} {leading} packets did not come")) }
        }
        From::AKeyFrame if leading == Kind::VIDEO && !key.contains(&first) => {
            Err("the first video frame that came is not a key frame".to_owned())
        }
        From::AKeyFrame => Ok(found),
    }
}

fn shift(first: &Packet, got: &Listing) -> Outcome<i64> {
    let same = got.packets.iter().find(|packet| packet.kind == first.kind && packet.hash == first.hash);
    same.map(|packet| packet.dts - first.dts).ok_or("the first packet did not come".to_owned())
}

fn track(kind: Kind, sent: &[&Packet], got: &[&Packet], shift: i64) -> Outcome {
    for (index, (want, have)) in sent.iter().zip(got).enumerate() {
        let want = Packet { dts: want.dts + shift, pts: want.pts + shift, ..(*want).clone() };
        if want != **have {
            return Err(format!("{kind} packet {index} of {}: sent {want:?}, came {have:?}", sent.len()));
        }
    }
    if sent.len() == got.len() {
        Ok(())
    } else {
        Err(format!("{} {kind} packets were sent, {} came", sent.len(), got.len()))
    }
}
