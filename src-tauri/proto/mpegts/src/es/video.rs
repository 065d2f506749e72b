//! H.264 and H.265 as a byte stream: access units out of PES packets, in canonical form.

use weir_media::codec::nal::{self, AnnexB};
use weir_media::codec::{h264, h265};
use weir_media::{Codec, FrameKind, TimeDelta, Timestamp};

use super::parameter_sets::ParameterSets;
use super::{Part, Unit};

/// The distance that is assumed between access units before one was seen.
const DEFAULT_STEP: TimeDelta = TimeDelta::from_millis(33);
/// A longer step says nothing of the frame rate.
const MAX_STEP: TimeDelta = TimeDelta::from_millis(1_000);

/// One video stream.
#[derive(Debug)]
pub(crate) struct Video {
    codec: Codec,
    sets: ParameterSets,
    configured: bool,
    last_dts: Option<Timestamp>,
    step: TimeDelta,
}

impl Video {
    /// A stream of H.264 or H.265.
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, sets: ParameterSets::default(), configured: false, last_dts: None, step: DEFAULT_STEP }
    }

    pub(crate) fn push(&mut self, unit: Unit, out: &mut Vec<Part>) {
        let mut access_unit: Vec<&[u8]> = Vec::new();
        let mut has_slice = false;
        let mut first = true;
        for nal in AnnexB::new(&unit.data) {
            if has_slice && self.begins_access_unit(nal) {
                self.emit(&unit, &access_unit, std::mem::take(&mut first), out);
                access_unit.clear();
                has_slice = false;
            }
            if self.sets.take(self.codec, nal) || self.is_left_out(nal) {
                continue;
            }
            has_slice |= self.is_slice(nal);
            access_unit.push(nal);
        }
        if has_slice {
            self.emit(&unit, &access_unit, first, out);
        }
    }

    /// Whether `nal` cannot belong to the access unit of a slice before it (H.264, 7.4.1.2.3; H.265, 7.4.2.4.4).
    fn begins_access_unit(&self, nal: &[u8]) -> bool {
        match self.codec {
            Codec::H265 => match h265::nal_type_of(nal) {
                Some(0..=31) => nal.get(2).is_some_and(|byte| byte & 0x80 != 0),
                Some(32..=35 | 39) => true,
                _ => false,
            },
            _ => match h264::nal_type_of(nal) {
                // `first_mb_in_slice` 0 is a single set bit.
                Some(1 | 2 | 5) => nal.get(1).is_some_and(|byte| byte & 0x80 != 0),
                Some(6..=9) => true,
                _ => false,
            },
        }
    }

    fn is_slice(&self, nal: &[u8]) -> bool {
        match self.codec {
            Codec::H265 => matches!(h265::nal_type_of(nal), Some(0..=31)),
            _ => matches!(h264::nal_type_of(nal), Some(1 | 2 | 5)),
        }
    }

    /// Delimiters, ends and filler mean nothing outside a byte stream.
    fn is_left_out(&self, nal: &[u8]) -> bool {
        match self.codec {
            Codec::H265 => matches!(h265::nal_type_of(nal), Some(35..=38)),
            _ => matches!(h264::nal_type_of(nal), Some(9..=12)),
        }
    }

    fn emit(&mut self, unit: &Unit, nals: &[&[u8]], first: bool, out: &mut Vec<Part>) {
        if let Some(config) = self.sets.changed_record(self.codec) {
            self.configured = true;
            out.push(Part::Config { codec: self.codec, config: Some(config), sample_rate: None, channels: None });
        }
        if !self.configured {
            return;
        }
        let Some((dts, pts)) = self.times(unit, first) else { return };
        let data = nal::join(nals.iter().copied());
        let flagged = if unit.random_access && first { FrameKind::Key } else { FrameKind::Delta };
        let kind = match self.codec {
            Codec::H265 => h265::frame_kind(&data),
            _ => h264::frame_kind(&data, flagged),
        };
        if let Some(kind) = kind {
            out.push(Part::Frame { dts, pts, kind, data });
        }
    }

    /// A PES packet's times belong to the first access unit that begins in it; any other follows at the frame rate.
    fn times(&mut self, unit: &Unit, first: bool) -> Option<(Timestamp, Timestamp)> {
        let own = if first { unit.dts.or(unit.pts).zip(unit.pts.or(unit.dts)) } else { None };
        let (dts, pts) = match (own, self.last_dts) {
            (Some((dts, pts)), _) => (dts, pts),
            (None, Some(last)) => (last + self.step, last + self.step),
            (None, None) => return None,
        };
        if let Some(last) = self.last_dts {
            let step = dts - last;
            if step > TimeDelta::ZERO && step < MAX_STEP {
                self.step = step;
            }
        }
        self.last_dts = Some(dts);
        Some((dts, pts))
    }
}
