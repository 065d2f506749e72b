//! FLV files that were never closed, or never ours: the head that a repair gives them has one size, and is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_flv::file::{FileHead, FileReader, Rebuild, Write};

fuzz_target!(|input: &[u8]| {
    let file = [b"FLV\x01\x05\0\0\0\x09\0\0\0\0", input].concat();
    let said = FileHead::parse(&file);
    assert!(said.key_frames.is_sorted_by(|a, b| a.0 <= b.0 && a.1 < b.1));
    let (mut reader, mut rebuild) = (FileReader::new(), Rebuild::new());
    reader.push(&file);
    reader.end();
    while let Ok(Some(tag)) = reader.next_tag() {
        rebuild.add(&tag);
    }
    let end = reader.valid_len();
    assert!(end <= file.len() as u64);
    let Some(Write::Patch { offset, bytes }) = rebuild.finish(end) else { return };
    assert!(rebuild.has_room());
    let mut repaired = file.clone();
    let Some(place) = repaired.get_mut(offset as usize..offset as usize + bytes.len()) else { return };
    place.copy_from_slice(&bytes);
    let head = FileHead::parse(&repaired);
    let seconds = f64::from(rebuild.duration_millis()) / 1e3;
    assert!(head.duration.unwrap_or(0.0) == seconds, "{head:?} {seconds}");
});
