//! Indexes of MP4 files of anybody: whatever stands in their tables, finding every moment of them ends, in bounded memory.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weir_mp4::segment::{Limits, MovieIndex};

/// More would only make the fuzzer slow: a table of one size needs twelve bytes for millions of samples.
const ENOUGH: u64 = 20_000;

fuzz_target!(|input: &[u8]| {
    let moov = [&(input.len() as u32 + 8).to_be_bytes()[..], b"moov", input].concat();
    let Ok(mut index) = MovieIndex::parse(&moov) else { return };
    index.seconds();
    if index.samples() > ENOUGH {
        return;
    }
    let tracks: Vec<usize> = (0..index.tracks().len().min(2)).collect();
    for track in &tracks {
        index.first_sample(*track);
        index.learn(*track, input);
    }
    index.initialization(&tracks);
    let mut samples = 0;
    let mut pieces = 0_u32;
    let all = index.plan(&tracks, Limits::default());
    let certain = index.plan_so_far(&tracks, &[], Limits::default());
    let again = index.plan_so_far(&tracks, &certain, Limits::default());
    assert!(certain.len() == again.len() && certain.len() <= all.len(), "what is certain stays so");
    for piece in all {
        pieces += 1;
        index.extent(&tracks, &piece);
        let read = |_, _| {
            samples += 1;
            Ok::<_, ()>(Bytes::new())
        };
        assert!(index.segment(&tracks, &piece, pieces, read).is_ok());
    }
    let all: u64 = samples;
    assert!(all <= index.samples(), "no sample is in two pieces");
});
