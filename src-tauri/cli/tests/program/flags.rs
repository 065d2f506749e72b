//! The flags: every mistake is one line and code 2.

use crate::program::Program;

#[test]
fn every_mistake_is_one_line_that_says_what_to_do_and_code_2() {
    for (line, expected) in [
        ("--lisen :1", "weir: there is no flag --lisen; did you mean --listen?"),
        ("-zzz", "weir: there is no flag -zzz"),
        ("-srt-passphrase=canary-of-mine", "weir: there is no flag -srt-passphrase; see weir --help"),
        ("--listen", "weir: --listen needs a value; see weir --help"),
        ("--listen 1935", "weir: --listen: \"1935\" is no address to listen on; write :1935"),
        ("-listen=example.com:1", "weir: --listen: \"example.com:1\" is no address"),
        ("--listen :65536", "weir: --listen: \":65536\" is no address"),
        ("--listen :1 --listen :2", "weir: --listen is given twice"),
        ("--chunk-size 0", "weir: --chunk-size: \"0\" is no chunk size; write a number of bytes from 1 to 65536"),
        ("-chunk-size 65537", "weir: --chunk-size: \"65537\" is no chunk size"),
        ("-chunk-size=many", "weir: --chunk-size: \"many\" is no chunk size"),
        (
            "--record-all maybe",
            "weir: --record-all: \"maybe\" is neither yes nor no; write true, 1, yes, false, 0 or no",
        ),
        ("--record-all=", "weir: --record-all: \"\" is neither yes nor no"),
        ("--record-dir=", "weir: --record-dir"),
        ("--relay-to http://host/app/canary", "weir: --relay-to: the address does not begin with rtmp://"),
        ("--relay-to rtmp://host", "weir: --relay-to: the address ends after the host"),
        ("--relay-to rtmp://a/b/c --relay-to rtmps://a/b/canary", "weir: --relay-to: encrypted addresses"),
        ("-reconnect-url http://host/canary", "weir: --reconnect-url: the address must begin with rtmp://"),
        ("--log-level loud", "weir: --log-level: \"loud\" is none of debug, info, warn and error"),
        ("--http here", "weir: --http: \"here\" is no address"),
        ("--config .", "weir: --config: \".\" is no file"),
        ("--data-dir=", "weir: --data-dir"),
        ("start", "weir: there is no command \"start\"; start it with: weir serve"),
        ("serve extra", "weir: \"extra\" belongs to no flag"),
        ("--listen :1 serve", "weir: \"serve\" belongs to no flag"),
    ] {
        let ended = Program::run(line.split(' '), &[]).end();
        assert_eq!(ended.code(), Some(2), "{line}: {ended:?}");
        assert_eq!(ended.lines.len(), 1, "{line}: {ended:?}");
        assert!(ended.lines[0].starts_with(expected), "{line}: {ended:?}");
        assert!(!ended.lines[0].contains("canary"), "{line}: {ended:?}");
    }
}

#[test]
fn the_environment_is_checked_under_its_own_name_and_gives_way_to_flags() {
    let ended = Program::run(["serve"], &[("WEIR_CHUNK_SIZE", "0")]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(2), 1), "{ended:?}");
    assert!(ended.lines[0].starts_with("weir: WEIR_CHUNK_SIZE: \"0\" is no chunk size"), "{ended:?}");
    // With a flag the variable is not even looked at: what is wrong then is the flag.
    let ended = Program::run(["--chunk-size", "many"], &[("WEIR_CHUNK_SIZE", "0")]).end();
    assert!(ended.lines[0].starts_with("weir: --chunk-size: \"many\""), "{ended:?}");
}

#[test]
fn a_wrong_settings_file_is_named_with_the_place_of_the_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[rtmp]\nspeed = 3\n").unwrap();
    let ended = Program::run(["serve", "--config", file.to_str().unwrap()], &[]).end();
    assert_eq!((ended.code(), ended.lines.len()), (Some(2), 1), "{ended:?}");
    let line = &ended.lines[0];
    assert!(line.contains("weir.toml, line 2, column 1") && line.contains("--config"), "{line}");
}

#[test]
fn version_and_help_are_answers() {
    for flag in ["--version", "-version"] {
        let ended = Program::run([flag], &[]).end();
        assert_eq!(ended.code(), Some(0));
        assert_eq!(ended.lines, [format!("weir {}", env!("CARGO_PKG_VERSION"))]);
    }
    for flag in ["--help", "-help", "-h"] {
        let ended = Program::run(["serve", flag], &[("WEIR_RELAY_TO", "rtmp://host/app/canary")]).end();
        assert_eq!(ended.code(), Some(0));
        let text = ended.lines.join("\n");
        assert!(text.contains("--relay-to <URL>") && text.contains("weir serve"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
