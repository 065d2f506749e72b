//! Files that were never closed: whatever stands in their boxes, rebuilding ends, in bounded memory. The first two bytes say
//! how long the header is; the rest are fragments.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_mp4::BoxHeader;
use weir_mp4::repair::{Rebuild, is_closed};

fuzz_target!(|input: &[u8]| {
    is_closed(input);
    let [high, low, data @ ..] = input else { return };
    let (movie, mut fragments) = data.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(data.len()));
    let file = 1 << 40;
    let Ok(mut rebuild) = Rebuild::new(&boxed(b"moov", movie), movie.len() as u64 + 8) else { return };
    while let Some(size) = BoxHeader::parse(fragments).and_then(|header| header.size) {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(fragments.len());
        let (fragment, rest) = fragments.split_at(size);
        let _ = rebuild.add_fragment(fragment, rebuild.end(), file);
        fragments = rest;
    }
    rebuild.seconds();
    rebuild.finish();
});

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}
