//! The table of every setting: each is changed while a publisher and a player are connected, its effect is observed, and the two
//! stay connected, except where the setting itself ends them.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod destinations;
mod file;
mod hooks;
mod listeners;
mod ranges;
mod recording;
mod rtmp;
mod srt;
mod stage;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use stage::Row;

/// Settings whose effect is outside the engine, with the test that changes them and looks: file and name.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("metrics.listen", "api/tests/api/front.rs", "the_addresses_of_page_and_numbers_move_while_everything_goes_on"),
    ("http.listen", "api/tests/api/front.rs", "the_addresses_of_page_and_numbers_move_while_everything_goes_on"),
    ("http.names", "api/tests/api/front.rs", "the_addresses_of_page_and_numbers_move_while_everything_goes_on"),
    ("log.level", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("log.format", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("log.file", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("log.file_bytes", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("log.files", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("hooks.stdio", "cli/tests/program/live.rs", "the_log_and_what_hooks_write_follow_the_file"),
    ("hooks.list.name", "api/tests/api/hooks.rs", "a_webhook_is_kept_with_its_secrets_apart"),
    (
        "destinations.trusted_certificate",
        "engine/tests/legs.rs",
        "an_encrypted_server_that_nobody_vouches_for_is_refused_until_it_is_trusted",
    ),
    ("desktop.start_at_login", DESKTOP, "it starts with the session, out of sight, and keeps its place on the screen"),
    ("desktop.start_hidden", DESKTOP, "started with the session, its window is shown where that is wanted"),
    ("desktop.keep_running", DESKTOP, "what the desktop does follows its settings while Weir runs"),
    ("desktop.keep_awake", DESKTOP, "what the desktop does follows its settings while Weir runs"),
    ("desktop.notify_streams", DESKTOP, "what the desktop does follows its settings while Weir runs"),
    ("desktop.notify_trouble", DESKTOP, "what the desktop does follows its settings while Weir runs"),
];

/// The real window on a desktop of nobody.
const DESKTOP: &str = "../tests/e2e/window/desktop.test.mjs";

fn rows() -> impl Iterator<Item = &'static Row> {
    let all = [rtmp::ROWS, srt::ROWS, listeners::ROWS, access::ROWS, recording::ROWS, hooks::ROWS, destinations::ROWS];
    all.into_iter().flatten()
}

/// Every setting that is one value, by its place, those of the items of lists included.
fn settings(schema: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    collect(schema, schema, "", &mut |place, _| {
        all.insert(place.to_owned());
    });
    all
}

/// Shows each setting that is one value to `take`, with its place.
fn collect(schema: &Value, node: &Value, place: &str, take: &mut dyn FnMut(&str, &Value)) {
    let node = resolve(schema, node);
    let items = node.get("items").map(|items| resolve(schema, items));
    let of_tables = items.filter(|items| fields(items).next().is_some());
    let table = of_tables.unwrap_or(node);
    let mut fields = fields(table).peekable();
    if fields.peek().is_none() {
        take(place, node);
    }
    for (name, field) in fields {
        let below = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        collect(schema, field, &below, take);
    }
}

/// The fields of an object, or of all forms that it may have.
fn fields(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let forms = ["oneOf", "anyOf"].into_iter().filter_map(|word| node.get(word)?.as_array()).flatten();
    let objects = std::iter::once(node).chain(forms);
    objects.filter_map(|object| object.get("properties")?.as_object()).flatten()
}

fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    let reference = node.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    reference.and_then(|pointer| schema.pointer(pointer)).unwrap_or(node)
}

#[test]
fn every_setting_is_in_the_table_once() {
    let known = settings(&weir_engine::config::schema());
    assert!(known.len() > 80, "{known:?}");
    let here = rows().flat_map(|row| row.settings).copied();
    let elsewhere = ELSEWHERE.iter().map(|(setting, ..)| *setting);
    let mut table: Vec<&str> = here.chain(elsewhere).collect();
    table.sort_unstable();
    let once: BTreeSet<String> = table.iter().map(|setting| (*setting).to_owned()).collect();
    assert_eq!(once.len(), table.len(), "one is there twice: {table:?}");
    let (missing, gone): (Vec<_>, Vec<_>) = (known.difference(&once).collect(), once.difference(&known).collect());
    assert!(missing.is_empty(), "settings without a row: {missing:?}");
    assert!(gone.is_empty(), "rows without a setting: {gone:?}");
}

#[test]
fn the_tests_elsewhere_are_there_and_change_the_setting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (setting, file, test) in ELSEWHERE {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let there = [format!("fn {test}("), format!("test(\"{test}\"")].iter().any(|form| text.contains(form));
        assert!(there, "{setting}: {test} is not in {file}");
        let name = setting.rsplit('.').next().unwrap();
        assert!(text.contains(name), "{setting}: {file} does not speak of {name}");
    }
}

/// One test a group, so that the groups run beside each other and a failure says which row it is.
macro_rules! groups {
    ($($name:ident: $group:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            stage::observe($group::ROWS).await;
        })*
    };
}

groups! {
    settings_of_rtmp_change_live: rtmp,
    settings_of_srt_change_live: srt,
    settings_of_listeners_and_certificates_change_live: listeners,
    settings_of_streams_access_and_limits_change_live: access,
    settings_of_recordings_change_live: recording,
    settings_of_destinations_change_live: destinations,
}

#[tokio::test]
async fn settings_of_hooks_change_live() {
    if cfg!(windows) {
        eprintln!("SKIPPED: the scripts of this test are for a shell that Windows does not have");
        return;
    }
    stage::observe(hooks::ROWS).await;
}
