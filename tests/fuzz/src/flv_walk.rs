//! Walks through FLV files of anybody in search of places to begin: they end, they stay within the file and within memory, and
//! what they find is what a reader of every tag finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_flv::file::{Cut, FileReader, Walk, key_frame_at};
use weir_media::Tracks;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, data)) = input.split_first() else { return };
    let file = [b"FLV\x01\x05\0\0\0\x09\0\0\0\0", data].concat();
    let has_video = choice & 1 == 0;
    // Sometimes so little that cuts are made where nothing begins.
    let most = if choice & 2 == 0 { u64::MAX } else { u64::from(choice) };
    let (cuts, sections) = walk(&file, 0, Walk::new(0..file.len() as u64, has_video, Tracks::default(), most));
    assert!(cuts.is_sorted_by(|a, b| a.position < b.position && a.section <= b.section));
    assert!(cuts.iter().all(|cut| cut.section < sections));
    // Every tag that a walk stops at has a header of eleven bytes.
    assert!(sections <= cuts.len() + 1 && cuts.len() <= file.len() / 15);
    for cut in &cuts {
        let here = &file[cut.position as usize..];
        assert!(!cut.is_key || !has_video || key_frame_at(here) == Some(cut.millis));
    }
    // A walk that begins at a place goes on as the one that came by.
    if let Some(cut) = cuts.get(cuts.len() / 2).filter(|_| most == u64::MAX) {
        let rest = Walk::new(cut.position..file.len() as u64, has_video, Tracks::default(), most);
        let (again, _) = walk(&file, cut.position, rest);
        let places = |cuts: &[Cut]| cuts.iter().map(|cut| (cut.position, cut.millis)).collect::<Vec<_>>();
        assert_eq!(places(&again), places(&cuts[cuts.len() / 2..]));
    }
    if let Some(tags) = whole(&file).filter(|_| most == u64::MAX) {
        for cut in &cuts {
            assert!(tags.contains(&cut.position), "{cut:?} is no tag: {tags:?}");
        }
    }
});

fn walk(file: &[u8], from: u64, mut walk: Walk) -> (Vec<Cut>, usize) {
    let mut last = from;
    let mut looks = 0;
    while let Some(look) = walk.wants() {
        assert!(look.position >= last, "it goes back");
        last = look.position;
        looks += 1;
        walk.take(&file[look.position as usize..look.position as usize + look.len]);
    }
    // Twice at most at each tag.
    assert!(looks <= file.len() / 15 * 2 + 2);
    let (cuts, sections) = walk.finish();
    (cuts, sections.len())
}

/// Where each tag of a file begins in which nothing is wrong.
fn whole(file: &[u8]) -> Option<Vec<u64>> {
    let mut reader = FileReader::new();
    reader.push(file);
    reader.end();
    let mut tags = Vec::new();
    while let Ok(Some(tag)) = reader.next_tag() {
        tags.push(tag.offset);
    }
    ((reader.skipped(), reader.wrong_sizes(), reader.pending()) == (0, 0, 0)).then_some(tags)
}
