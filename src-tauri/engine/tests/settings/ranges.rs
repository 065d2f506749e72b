//! What numbers settings may be: the table in docs/operation.md, held against what the settings file takes.

use std::collections::BTreeSet;
use std::path::Path;

use weir_engine::config::{Profile, parse, schema};

/// A row of the table.
#[derive(Debug)]
struct Range {
    setting: String,
    least: String,
    /// `None` where only the size of a number sets an end.
    most: Option<String>,
}

fn table() -> Vec<Range> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operation.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("### What a number may be").expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let mut ranges = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number = |cell: &str| {
            let number: String = cell.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            (!number.is_empty()).then_some(number)
        };
        for setting in cells[1].split('`').skip(1).step_by(2) {
            let least = number(cells[2]).unwrap_or_else(|| panic!("{line}"));
            ranges.push(Range { setting: setting.to_owned(), least, most: number(cells[3]) });
        }
    }
    ranges
}

/// Whether a file with this value is taken; the sentence that says what may be there otherwise.
fn taken(setting: &str, value: &str) -> Result<(), String> {
    let (table, name) = setting.rsplit_once('.').unwrap();
    let text = match setting {
        "recording.rules.segment_seconds" => format!("[[{table}]]\nstreams = \"*\"\n{name} = {value}\n"),
        _ => format!("[{table}]\n{name} = {value}\n"),
    };
    parse(&text, "x", Profile::Serve).map(drop).map_err(|error| error.to_string())
}

/// The number next to another one, with as many places.
fn beside(number: &str, step: f64) -> String {
    match number.split_once('.') {
        Some(_) => format!("{}", number.parse::<f64>().unwrap() + step / 100.0),
        None => format!("{}", number.parse::<i64>().unwrap() + step as i64),
    }
}

#[test]
fn the_page_says_which_numbers_are_taken() {
    for Range { setting, least, most } in table() {
        taken(&setting, &least).unwrap_or_else(|error| panic!("{setting} = {least}: {error}"));
        // One less, also where that is below nothing.
        let refused = taken(&setting, &beside(&least, -1.0)).expect_err(&setting);
        assert!(refused.contains("line") && !refused.contains("expected struct"), "{setting}: {refused}");
        let Some(most) = most else { continue };
        taken(&setting, &most).unwrap_or_else(|error| panic!("{setting} = {most}: {error}"));
        assert!(taken(&setting, &beside(&most, 1.0)).is_err(), "{setting} beyond {most}");
    }
}

#[test]
fn every_number_is_in_the_table_once() {
    let ranges = table();
    let there: BTreeSet<String> = ranges.iter().map(|range| range.setting.clone()).collect();
    assert_eq!(there.len(), ranges.len(), "one is there twice: {ranges:?}");
    let schema = schema();
    let mut numbers = BTreeSet::new();
    super::collect(&schema, &schema, "", &mut |place, node| {
        // What may be left out is one of several forms.
        let forms = node.get("anyOf").and_then(|forms| forms.as_array()).into_iter().flatten();
        let kinds = forms.map(|form| super::resolve(&schema, form)).chain([node]).filter_map(|node| node.get("type"));
        let kinds: String = kinds.map(ToString::to_string).collect();
        if kinds.contains("integer") || kinds.contains("number") {
            numbers.insert(place.to_owned());
        }
    });
    assert!(numbers.len() > 20, "{numbers:?}");
    assert_eq!(there, numbers);
}
