//! The page of the predecessor's faults names tests that are there, and two of them which only the sources can show.

use crate::tree;

const PAGE: &str = "docs/predecessor-faults.md";

/// The words in back-ticks of a line, in order.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Whether `text` has a function of this name that is run as a test.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&format!("fn {name}(")));
    let above = at.and_then(|at| lines.get(..at)).unwrap_or_default().iter().rev();
    // Attributes and the documentation, up to the end of what stands before.
    let mut about = above.take_while(|line| line.starts_with("#[") || line.starts_with("///"));
    about.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

/// The number in the name of a test, `fault_07_silence_costs_nothing`.
fn number_of(test: &str) -> Option<u32> {
    test.strip_prefix("fault_")?.get(..2)?.parse().ok()
}

/// The numbers on the page, and the tests of each: file and name.
fn rows(page: &str) -> Vec<(u32, Vec<(String, String)>)> {
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(number) = cells.get(1).and_then(|cell| cell.parse().ok()) else { continue };
        let (mut file, mut tests) = ("", Vec::new());
        for word in cells.get(3).map(|cell| quoted(cell)).unwrap_or_default() {
            match word.contains('/') {
                true => file = word,
                false => tests.push((file.to_owned(), word.to_owned())),
            }
        }
        rows.push((number, tests));
    }
    rows
}

#[test]
fn every_fault_has_tests_of_its_number_that_are_there() {
    let rows = rows(&tree::text(PAGE));
    let mut broken = Vec::new();
    for (number, tests) in &rows {
        for (file, test) in tests {
            let there = tree::path(file).is_file() && is_test(&tree::text(file), test);
            if !there {
                broken.push(format!("{number}: there is no test {test} in {file}"));
            }
            if number_of(test).is_some_and(|named| named != *number) {
                broken.push(format!("{number}: {test} has the number of another one"));
            }
        }
        if !tests.iter().any(|(_, test)| number_of(test) == Some(*number)) {
            broken.push(format!("{number}: no test is named fault_{number:02}_…"));
        }
    }
    let numbers: Vec<u32> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=45).collect::<Vec<u32>>(), "every number once, in order");
    tree::none("tests of the predecessor's faults that are not there", &broken);
}

/// The other way round: whoever names a test by a number writes it down on the page.
#[test]
fn every_test_by_number_is_on_the_page() {
    let rows = rows(&tree::text(PAGE));
    let known: Vec<&(String, String)> = rows.iter().flat_map(|(_, tests)| tests).collect();
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in tree::below("", &[".rs"]) {
        for rest in tree::text(&file).split("fn fault_").skip(1) {
            let Some((name, _)) = rest.split_once('(') else { continue };
            let name = format!("fault_{name}");
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                continue;
            }
            seen += 1;
            if !known.contains(&&(file.clone(), name.clone())) {
                broken.push(format!("{name} in {file}"));
            }
        }
    }
    assert!(seen >= 45, "only {seen} tests are named by a number");
    tree::none("tests by number that docs/predecessor-faults.md does not name", &broken);
}

/// What runs for each packet or frame must not so much as name the log: a line that is off still costs its arguments.
#[test]
fn fault_37_nothing_is_logged_for_a_packet() {
    let mut broken = Vec::new();
    let pure = tree::below("src-tauri/proto", &[".rs", ".toml"]);
    let hub = tree::below("src-tauri/hub/src", &[".rs"]);
    // Of the engine, whatever a datagram comes through on its way from the socket to the stream.
    let port = [
        "net/udp.rs",
        "protocol/srt/port.rs",
        "protocol/srt/inbox.rs",
        "protocol/srt/link.rs",
        "protocol/srt/bridge.rs",
    ];
    let port = port.map(|name| format!("src-tauri/engine/src/{name}"));
    for name in pure.iter().chain(&hub).chain(&port).filter(|name| !name.contains("/tests/")) {
        if tree::text(name).contains("tracing") {
            broken.push(name.clone());
        }
    }
    assert!(pure.len() > 100, "the protocols must be looked at");
    tree::none("what runs for each packet knows the log", &broken);
}

/// The test of it is the build itself, on each system, with every test: nothing may take one of them out.
#[test]
fn fault_45_every_change_is_built_and_tested_on_windows() {
    let text = tree::text(".github/workflows/ci.yml");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let matrix = lines.iter().find_map(|line| line.strip_prefix("os: [")?.strip_suffix(']')).expect("systems");
    for system in ["ubuntu", "macos", "windows"] {
        assert!(matrix.split(',').any(|os| os.trim().starts_with(system)), "{system} is not in {matrix}");
    }
    assert!(
        lines.contains(&"runs-on: ${{ matrix.os }}") && lines.contains(&"- run: npm test"),
        "it runs everything there"
    );
    let condition = |line: &str| line.trim_start_matches("- ").starts_with("if:") && line.contains("os");
    let exempt = lines.iter().any(|line| line.starts_with("continue-on-error") || condition(line));
    assert!(!exempt, "for all alike");
    assert!(lines.contains(&"pull_request:"), "before a change is taken");
}

/// Where the names of one system may stand: behind a `cfg` close above them, or in a file that a `cfg` brings in.
#[test]
fn fault_45_what_one_system_alone_has_stands_behind_a_cfg() {
    const ALONE: [&str; 6] = [
        "std::os::unix",
        "std::os::windows",
        "tokio::signal::unix",
        "tokio::signal::windows",
        "rustix::",
        "process_group(",
    ];
    let mut broken = Vec::new();
    let mut seen = 0;
    for name in tree::below("src-tauri", &[".rs"]).into_iter().filter(|name| name.contains("/src/")) {
        let text = tree::text(&name);
        let lines: Vec<&str> = text.lines().collect();
        // A file brought in by its parent under a cfg, such as owner/linux.rs.
        let whole = ["linux.rs", "macos.rs", "windows.rs", "unix.rs"].iter().any(|system| name.ends_with(system));
        for (at, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("//") || !ALONE.iter().any(|alone| line.contains(alone)) {
                continue;
            }
            seen += 1;
            // From the line up to the beginning of the item or block it is in.
            let above = lines.get(..=at).unwrap_or_default().iter().rev().take(40);
            let guarded = whole || above.into_iter().any(|line| line.contains("cfg(") || line.contains("cfg!("));
            if !guarded {
                broken.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(seen > 5, "some must be found");
    tree::none("names of one system without a cfg", &broken);
}
