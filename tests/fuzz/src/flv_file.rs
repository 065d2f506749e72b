//! Files that were cut, overwritten or never FLV: read in pieces they give what they give as a whole, and an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_flv::file::{FileReader, FileTag};

fuzz_target!(|input: &[u8]| {
    let Some((&cut, data)) = input.split_first() else { return };
    // Most inputs should get past the header.
    let file = [b"FLV\x01\x05\0\0\0\x09\0\0\0\0", data].concat();
    let data = if cut & 1 == 0 { &file[..] } else { data };
    assert_eq!(read([data]), read(data.chunks(usize::from(cut).max(1))), "cut into pieces of {cut}");
});

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<FileTag>, bool, u64) {
    let mut reader = FileReader::new();
    let mut tags = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_tag() {
                Ok(Some(tag)) => tags.push(tag),
                Ok(None) => break,
                Err(_) => return (tags, true, 0),
            }
        }
    }
    reader.end();
    while let Ok(Some(tag)) = reader.next_tag() {
        tags.push(tag);
    }
    (tags, false, reader.valid_len())
}
