//! What went in beside what came out, decoded: pictures and sounds as people see and hear them.

use std::collections::BTreeMap;

use crate::process::Outcome;

/// How far a frame's time may be from its place, in seconds: two roundings to milliseconds.
const ROUNDING: f64 = 0.002;
/// The longest frame: a picture of 25 a second.
const FRAME: f64 = 0.041;

/// One picture, or one run of sound.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    begin: f64,
    end: f64,
    hash: String,
}

/// Decoded pictures and sound, by track, in order; times in seconds.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    tracks: BTreeMap<usize, Vec<Shown>>,
    /// The tracks that are sound.
    sounds: Vec<usize>,
}

/// What of a source may be missing in a copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Missing {
    /// Sounds of each track at the beginning: a stream begins with a picture.
    pub(crate) first_sounds: usize,
    /// Seconds at the end.
    pub(crate) end: f64,
    /// Sounds at the beginning that a decoder which does not know the ones before makes something else of.
    pub(crate) other_sounds: usize,
    /// Frames at the end of a copy that may look otherwise, and one that may be missing: the sender was cut off in the middle of
    /// the last one, and some before it are made of it.
    pub(crate) broken: usize,
}

impl Missing {
    /// Nothing but sound before the first picture.
    pub(crate) const NOTHING: Self = Self { first_sounds: 12, end: 0.0, other_sounds: 0, broken: 0 };
}

impl Decoded {
    /// Reads the lines of FFmpeg's `framehash` output.
    pub(crate) fn read(lines: &[String]) -> Option<Self> {
        let (mut units, mut all) = (BTreeMap::<usize, f64>::new(), Self::default());
        for line in lines {
            if let Some((track, unit)) = line.strip_prefix("#tb ").and_then(|rest| rest.split_once(": ")) {
                let (over, under) = unit.split_once('/')?;
                units.insert(track.parse().ok()?, over.parse::<f64>().ok()? / under.parse::<f64>().ok()?);
            } else if let Some((track, "audio")) = line.strip_prefix("#media_type ").and_then(|it| it.split_once(": "))
            {
                all.sounds.push(track.parse().ok()?);
            } else if !line.starts_with('#') && !line.is_empty() {
                let fields: Vec<&str> = line.split(',').map(str::trim).collect();
                let [track, _, time, duration, _, hash, ..] = fields[..] else { return None };
                let track: usize = track.parse().ok()?;
                let unit = units.get(&track)?;
                let begin = time.parse::<f64>().ok()? * unit;
                let end = begin + duration.parse::<f64>().ok()? * unit;
                all.tracks.entry(track).or_default().push(Shown { begin, end, hash: hash.to_owned() });
            }
        }
        (!all.tracks.is_empty()).then_some(all)
    }

    /// From the first that is seen or heard to the end of the last.
    pub(crate) fn seconds(&self) -> f64 {
        let shown = || self.tracks.values().flatten();
        let begin = shown().map(|shown| shown.begin).fold(f64::MAX, f64::min);
        shown().map(|shown| shown.end).fold(0.0, f64::max) - begin
    }

    /// The same of the pictures alone.
    pub(crate) fn seconds_of_pictures(&self) -> f64 {
        let pictures = self.tracks.get(&0);
        pictures.and_then(|all| Some(all.last()?.end - all.first()?.begin)).unwrap_or(0.0)
    }
}

/// Checks that `copy` decodes to what `source` does but for what may be missing: the same pictures and sounds in the same order,
/// each in its place, sound as far from the picture as it was, and as long as the source to a frame.
pub(crate) fn alike(source: &Decoded, copy: &Decoded, missing: Missing) -> Outcome {
    if source.tracks.keys().ne(copy.tracks.keys()) {
        return Err(format!("{:?} tracks decode, {:?} do in the copy", source.tracks.keys(), copy.tracks.keys()));
    }
    let mut moved: Option<f64> = None;
    for (track, sent) in &source.tracks {
        let seen = copy.tracks.get(track).map(Vec::as_slice).unwrap_or_default();
        let is_sound = source.sounds.contains(track);
        let others = if is_sound { missing.other_sounds } else { 0 };
        let fault = |what: String| format!("track {track}: {what}; {} decode, {} in the copy", sent.len(), seen.len());
        let whole = seen.get(..seen.len().saturating_sub(missing.broken)).unwrap_or_default();
        let skipped = place(sent, whole, others).ok_or_else(|| fault("what decodes is something else".to_owned()))?;
        let first = if is_sound { missing.first_sounds } else { 0 };
        if skipped > first {
            return Err(fault(format!("the first {skipped} are missing")));
        }
        let pairs = sent.iter().skip(skipped).zip(whole).skip(others);
        let shifts: Vec<f64> = pairs.map(|(sent, seen)| seen.begin - sent.begin).collect();
        let shift = *moved.get_or_insert(shifts.iter().sum::<f64>() / shifts.len().max(1) as f64);
        if let Some(at) = shifts.iter().position(|it| (it - shift).abs() > ROUNDING) {
            return Err(fault(format!("{} is moved by {} s, the first track by {shift} s", at + others, shifts[at])));
        }
        let end = |all: &[Shown]| all.last().map_or(0.0, |shown| shown.end);
        let short = end(sent) - (end(seen) - shift);
        if !(-FRAME..=missing.end + FRAME).contains(&short) {
            return Err(fault(format!("it ends {short} s before the source")));
        }
        if missing.end == 0.0 && (skipped + seen.len()).abs_diff(sent.len()) > missing.broken.min(1) {
            return Err(fault("the end is missing".to_owned()));
        }
    }
    Ok(())
}

/// How many of `sent` come before the ones that are `seen`, whose first ones may be other ones.
fn place(sent: &[Shown], seen: &[Shown], others: usize) -> Option<usize> {
    let rest = seen.get(others..).filter(|rest| !rest.is_empty())?;
    let hashes = |all: &[Shown]| all.iter().map(|shown| shown.hash.clone()).collect::<Vec<_>>();
    let (sent, rest) = (hashes(sent), hashes(rest));
    sent.windows(rest.len()).position(|window| window == rest)?.checked_sub(others)
}
