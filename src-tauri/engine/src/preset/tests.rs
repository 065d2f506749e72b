//! The preset files are what they claim to be.

use std::collections::BTreeSet;

use weir_media::{Codec, FourCc, Secret};

use super::*;
use crate::destination::Given;

#[test]
fn every_file_of_the_folder_is_embedded_and_can_be_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/preset");
    let names = std::fs::read_dir(folder).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let there: BTreeSet<String> = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)).collect();
    let embedded: BTreeSet<String> = FILES.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(there, embedded);
    for (id, text) in FILES {
        toml::from_str::<Preset>(text).unwrap_or_else(|error| panic!("{id}.toml: {error}"));
    }
    assert_eq!(all().len(), FILES.len());
}

#[test]
fn every_preset_is_dated_has_a_source_and_addresses_that_weir_can_use() {
    for preset in all() {
        let id = &preset.id;
        assert!(preset.checked.parse::<jiff::civil::Date>().is_ok(), "{id}: {}", preset.checked);
        assert!(!preset.sources.is_empty() && preset.key_hint.ends_with('.'), "{id}");
        assert!(!preset.servers.is_empty() || preset.url_form.is_some(), "{id} says nothing of its address");
        assert!(preset.key_page.as_ref().is_none_or(|page| page.starts_with("https://")), "{id}");
        let key = Secret::new("key".to_owned());
        for url in preset.servers.iter().map(|server| &server.url).chain(&preset.backup_url) {
            let given = Given::read(url, Some(&key)).unwrap_or_else(|error| panic!("{id}: {url}: {error}"));
            assert_eq!(given.url, *url, "{id}");
        }
    }
}

#[test]
fn every_codec_is_one_that_weir_knows() {
    for preset in all() {
        for code in preset.limits.video_codecs.iter().chain(&preset.limits.audio_codecs) {
            let code: [u8; 4] = code.as_bytes().try_into().unwrap_or_else(|_| panic!("{}: {code}", preset.id));
            assert!(!matches!(Codec::from_fourcc(FourCc(code)), Codec::FourCc(_)), "{}: {code:?}", preset.id);
        }
    }
}
