//! Finding the places of a file where playing can begin, from tag header to tag header: what lies between them is not read.

use std::ops::Range;

use weir_media::{TrackKind, Tracks};

use super::{FILE_HEADER, TAG_HEADER, TAG_TRAILER};
use crate::{Ingest, Item, MessageKind, egress};

/// Bytes that a tag takes beside its body: its header and the size behind it.
const AROUND: u64 = (TAG_HEADER + TAG_TRAILER) as u64;

/// A tag's header and the first two bytes of its body, which tell what is in it.
const HEAD: u64 = TAG_HEADER as u64 + 2;

/// Longest configuration that is read on the walk.
const MAX_CONFIG: u32 = 1 << 16;

/// Most cuts of one file: protects memory from a hostile file. Four days of one a second.
const MAX_CUTS: usize = 1 << 19;

/// Most changes of the tracks in one file, for the same reason.
const MAX_SECTIONS: usize = 1 << 12;

/// A place where a part of a file can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Where its tag begins.
    pub position: u64,
    /// Its time.
    pub millis: u32,
    /// Playing can begin here.
    pub is_key: bool,
    /// The tracks in force: a place in [`Walk::finish`]'s list of them.
    pub section: usize,
}

/// What [`Walk`] wants to see next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Where it stands in the file.
    pub position: u64,
    /// How many bytes of it.
    pub len: usize,
}

/// A walk through a file: ask [`Walk::wants`] what it wants to see, give it to [`Walk::take`], until it wants no more.
#[derive(Debug)]
pub struct Walk {
    /// Where the tag begins that it has come to.
    position: u64,
    end: u64,
    has_video: bool,
    most: u64,
    /// The configuration in this tag is wanted.
    configuration: Option<Tag>,
    is_over: bool,
    ingest: Ingest,
    items: Vec<Item>,
    changed: bool,
    cuts: Vec<Cut>,
    sections: Vec<Tracks>,
}

impl Walk {
    /// A walk through a part of a file, which begins with a tag, or through all of it. `tracks` are in force where it begins.
    ///
    /// The key frames of the first video track are collected; without video (`has_video`) all tags of sound. After `most` bytes
    /// in which nothing can begin a cut is made all the same.
    pub fn new(part: Range<u64>, has_video: bool, tracks: Tracks, most: u64) -> Self {
        let mut ingest = Ingest::new();
        let mut items = Vec::new();
        for track in tracks.iter().filter(|track| track.id.kind != TrackKind::Data) {
            for message in egress::headers(track) {
                // What cannot be understood is left out.
                let _ = ingest.handle(message.kind, 0, &message.body, &mut items);
            }
        }
        items.clear();
        Self {
            position: if part.start == 0 { (FILE_HEADER + TAG_TRAILER) as u64 } else { part.start },
            end: part.end,
            has_video,
            most,
            configuration: None,
            is_over: false,
            ingest,
            items,
            changed: false,
            cuts: Vec::new(),
            sections: vec![tracks],
        }
    }

    /// What it wants to see; `None` when it is over. Places only go forward.
    pub fn wants(&self) -> Option<Look> {
        if let Some(tag) = &self.configuration {
            return Some(Look { position: self.position + TAG_HEADER as u64, len: tag.size as usize });
        }
        let left = self.end.saturating_sub(self.position);
        let goes_on = !self.is_over && left >= AROUND && self.cuts.len() < MAX_CUTS;
        goes_on.then(|| Look { position: self.position, len: usize::try_from(left.min(HEAD)).unwrap_or(0) })
    }

    /// Takes what it wanted to see.
    pub fn take(&mut self, bytes: &[u8]) {
        if let Some(tag) = self.configuration.take() {
            let kind = if tag.kind == 9 { MessageKind::Video } else { MessageKind::Audio };
            let _ = self.ingest.handle(kind, tag.millis.into(), &bytes.to_vec().into(), &mut self.items);
            // The headers at the beginning of the file are those of the first section.
            self.changed |= !self.cuts.is_empty() && self.items.iter().any(|item| matches!(item, Item::Tracks(_)));
            self.items.clear();
            self.step_over(&tag);
            return;
        }
        let tag = Tag::parse(bytes).filter(|tag| self.after(tag) <= self.end);
        // Junk between tags ends the walk, and so does a tag that is not whole; a repair or a conversion goes on behind it.
        let Some(tag) = tag else {
            self.is_over = true;
            return;
        };
        if tag.is_configuration() && tag.size <= MAX_CONFIG {
            self.configuration = Some(tag);
        } else {
            self.step_over(&tag);
        }
    }

    const fn after(&self, tag: &Tag) -> u64 {
        self.position.saturating_add(AROUND + tag.size as u64)
    }

    /// Goes on to the next tag, having noted whether this one is a place to begin.
    fn step_over(&mut self, tag: &Tag) {
        let begins = if self.has_video { tag.is_key() } else { tag.kind == 8 && !tag.is_configuration() };
        let overdue = self.cuts.last().is_some_and(|last| self.position - last.position > self.most);
        if begins || overdue {
            if self.changed && begins && self.sections.len() < MAX_SECTIONS {
                self.sections.push(self.ingest.tracks().clone());
                self.changed = false;
            }
            let section = self.sections.len().saturating_sub(1);
            self.cuts.push(Cut { position: self.position, millis: tag.millis, is_key: begins, section });
        }
        self.position = self.after(tag);
    }

    /// The cuts, and the tracks of each section: those it began with, and anew where one has changed.
    pub fn finish(self) -> (Vec<Cut>, Vec<Tracks>) {
        (self.cuts, self.sections)
    }
}

/// The time of the picture that begins in `bytes`, if decoding can begin with it.
pub fn key_frame_at(bytes: &[u8]) -> Option<u32> {
    Tag::parse(bytes).filter(Tag::is_key).map(|tag| tag.millis)
}

/// The header of a tag and the first two bytes of its body.
#[derive(Debug, Clone, Copy)]
struct Tag {
    kind: u8,
    size: u32,
    millis: u32,
    body: [u8; 2],
}

impl Tag {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind @ (8 | 9 | 18), s2, s1, s0, t2, t1, t0, t3, 0, 0, 0, body @ ..] = bytes else { return None };
        let size = u32::from_be_bytes([0, *s2, *s1, *s0]);
        let at = |index: usize| body.get(index).copied().filter(|_| index < size as usize).unwrap_or(0);
        Some(Self { kind: *kind, size, millis: u32::from_be_bytes([*t3, *t2, *t1, *t0]), body: [at(0), at(1)] })
    }

    /// A picture with which decoding can begin, of the default track (FLV 10.1, E.4.3.1; Enhanced RTMP v2, "ExVideoTagHeader").
    const fn is_key(&self) -> bool {
        let [first, second] = self.body;
        let frame_type = first >> 4 & 7;
        let coded = match (first & 0x80 != 0, first & 0xF) {
            (true, packet) => matches!(packet, 1 | 3 | 7),
            (false, 7 | 12) => second == 1,
            (false, _) => true,
        };
        self.kind == 9 && frame_type == 1 && coded
    }

    /// A decoder configuration, of whatever track.
    const fn is_configuration(&self) -> bool {
        let [first, second] = self.body;
        match (self.kind, first & 0x80 != 0) {
            (9, true) => matches!(first & 0xF, 0 | 6),
            (9, false) => matches!(first & 0xF, 7 | 12) && second == 0,
            // Enhanced audio has the sound format 9, with the packet type in the lower half.
            (8, _) if first >> 4 == 9 => matches!(first & 0xF, 0 | 5),
            (8, _) => first >> 4 == 10 && second == 0,
            _ => false,
        }
    }
}
