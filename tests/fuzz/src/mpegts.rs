//! Transport streams, cut and damaged anywhere: they never give more than came. Where sync is lost, how much has come by
//! then may decide where it is found again, so only the bounds are the same for every cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_mpegts::{Demuxer, Item};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, data)) = input.split_first() else { return };
    for given in [read([data]), read(data.chunks(usize::from(cut).max(1)))] {
        // A start code of three bytes becomes a length of four before units of at least one.
        assert!(given <= data.len() * 4, "{given} bytes of frames from {} bytes", data.len());
    }
});

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let mut demuxer = Demuxer::new();
    for piece in pieces {
        demuxer.push(piece);
    }
    demuxer.finish();
    let items = std::iter::from_fn(|| demuxer.poll());
    items.map(|item| if let Item::Frame(frame) = item { frame.data.len() } else { 0 }).sum()
}
