//! The flags: every mistake is one line and code 2.

use crate::page::Page;
use crate::program::Program;

#[test]
fn every_mistake_is_one_line_that_says_what_to_do_and_code_2() {
    for (line, expected) in [
        ("--lisen :1", "weir: there is no flag --lisen; did you mean --listen?"),
        ("-zzz", "weir: there is no flag -zzz"),
        ("-srt-passphrases=canary-of-mine", "weir: there is no flag -srt-passphrases; see weir serve --help"),
        ("-srt-passphrase=canary", "weir: --srt-passphrase: a passphrase has 10 to 79 bytes; this one has 6"),
        ("-srt-passphrase canary-of-mine -srt-passphrase-file x", "weir: --srt-passphrase and --srt-passphrase-file"),
        (
            "-srt-passphrase-file nowhere.json",
            "weir: --srt-passphrase-file: the passphrase file nowhere.json cannot be",
        ),
        (
            "-srt-latency 120000",
            "weir: --srt-latency: the latency must be between 20 and 8000 milliseconds, not 120000",
        ),
        ("-srt-latency 1s", "weir: --srt-latency: \"1s\" is no latency; write milliseconds"),
        ("-srt-pbkeylen 128", "weir: --srt-pbkeylen: \"128\" is no key length; write 16, 24 or 32"),
        ("-srt-listen 10080", "weir: --srt-listen: \"10080\" is no address to listen on"),
        ("--listen", "weir: --listen needs a value; see weir serve --help"),
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
        ("--relay-to rtmp://a/b/c --relay-to https://a/b/canary", "weir: --relay-to: the address does not begin with"),
        ("-reconnect-url http://host/canary", "weir: --reconnect-url: the address must begin with rtmp://"),
        ("-auth-mode secret", "weir: --auth-mode: \"secret\" is none of none, token, file and callback"),
        ("-auth-mode file", "weir: --auth-mode file needs --auth-file"),
        ("-auth-mode callback", "weir: --auth-mode callback needs --auth-callback"),
        ("-auth-mode file -auth-token live/a=canary", "weir: --auth-mode file needs --auth-file"),
        ("-auth-mode none -auth-token live/a=canary", "weir: --auth-token has no meaning with --auth-mode none"),
        ("-auth-token canary", "weir: --auth-token: there is no = in it; write app/name=token"),
        ("-auth-token a=canary", "weir: --auth-token: the stream has no application before its name; write app/name="),
        ("--segment-duration -1", "weir: --segment-duration: \"-1\" is no duration; write for example 1h"),
        ("-segment-duration -1s", "weir: --segment-duration: \"-1s\" is no duration"),
        ("-chunk-size -1", "weir: --chunk-size: \"-1\" is no chunk size"),
        ("-auth-token live/a=", "weir: --auth-token: the token is empty"),
        ("-auth-token live/a=canary -auth-callback http://h/", "weir: --auth-token and --auth-callback exclude each"),
        ("-auth-file nowhere.json", "weir: --auth-file: the file nowhere.json cannot be read"),
        ("-auth-callback ftp://canary@h/", "weir: --auth-callback: it begins neither with http:// nor with https://"),
        ("-auth-callback-timeout soon", "weir: --auth-callback-timeout: \"soon\" is no duration"),
        ("-auth-callback-timeout 0", "weir: --auth-callback-timeout: \"0\" leaves no time at all"),
        ("-tls-listen :1936", "weir: --tls-listen, --tls-cert and --tls-key belong together; give all three or none"),
        ("-tls-cert a.pem -tls-key b.pem", "weir: --tls-listen, --tls-cert and --tls-key belong together"),
        (
            "-tls-listen 127.0.0.1:0 -tls-cert nowhere.pem -tls-key nowhere.key",
            "weir: --tls-cert and --tls-key: the file nowhere.pem cannot be used",
        ),
        ("--log-level loud", "weir: --log-level: \"loud\" is none of debug, info, warn and error"),
        (
            "-hook-script publish=/bin/true",
            "weir: --hook-script: there is no event \"publish\"; the events are connection_accept",
        ),
        ("-hook-webhook publish_start=ftp://host/canary", "weir: --hook-webhook: the address of the hook must begin"),
        ("-hook-webhook https://host/canary", "weir: --hook-webhook: a hook is written event=url"),
        ("-hook-stdio-format xml", "weir: --hook-stdio-format: \"xml\" is none of json, env and off"),
        ("-hook-timeout 0", "weir: --hook-timeout: \"0\" leaves no time at all"),
        ("-hook-timeout 99ms", "weir: --hook-timeout: \"99ms\" leaves no time at all; write 100ms or more"),
        ("-hook-concurrency 0", "weir: --hook-concurrency: \"0\" is no number of hooks"),
        ("-metrics-addr here", "weir: --metrics-addr: \"here\" is no address"),
        ("--log-format xml", "weir: --log-format: \"xml\" is neither text nor json"),
        ("--http here", "weir: --http: \"here\" is no address"),
        ("--config .", "weir: --config: \".\" is no file"),
        ("--data-dir=", "weir: --data-dir"),
        ("start", "weir: there is no command \"start\"; start it with: weir serve"),
        ("help start", "weir: there is no command \"start\"; see weir --help"),
        ("version 3", "weir: this command line cannot be understood; see weir --help"),
        ("recording", "weir: write: weir recording repair FILE"),
        ("recording repair", "weir: write: weir recording repair FILE"),
        ("recording mend x", "weir: write: weir recording repair FILE"),
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
fn a_settings_file_that_is_not_there_is_said_when_it_was_named() {
    let serve = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
    for (file, variables) in [(Some("typo.toml"), vec![]), (None, vec![("WEIR_CONFIG", "typo.toml")]), (None, vec![])] {
        let named = file.is_some() || !variables.is_empty();
        let arguments = serve.into_iter().chain(file.map(|file| ["--config", file]).into_iter().flatten());
        let mut program = Program::run_in(tempfile::tempdir().unwrap(), arguments, &variables);
        let _page = Page::of(&mut program);
        assert!(!program.path("typo.toml").exists());
        #[cfg(unix)]
        {
            program.signal("TERM");
            let ended = program.end();
            let told =
                ended.lines.iter().filter(|line| line.contains("WARN") && line.contains("settings file")).count();
            assert_eq!(told, usize::from(named), "{ended:?}");
            let told =
                |line: &String| line.contains("the settings file typo.toml does not exist: the defaults are used");
            assert_eq!(ended.lines.iter().any(told), named, "{ended:?}");
        }
    }
    // The data folder is made at the first start, so a file in it may be named before.
    let mut program = Program::serve(&["--config", "data/config.toml"]);
    let _page = Page::of(&mut program);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nowhere/typo.toml");
    for (arguments, variables) in [
        (vec!["serve", "--config", file.to_str().unwrap()], vec![]),
        (vec!["serve"], vec![("WEIR_CONFIG", file.to_str().unwrap())]),
    ] {
        let ended = Program::run(arguments, &variables).end();
        assert_eq!((ended.code(), ended.lines.len()), (Some(2), 1), "{ended:?}");
        let line = &ended.lines[0];
        assert!(line.contains("nowhere/typo.toml cannot be there") && line.contains("--config"), "{line}");
        assert!(!folder.path().join("nowhere").exists());
    }
}

#[cfg(unix)]
#[test]
fn secrets_on_the_command_line_are_said_with_the_variable_for_each_and_those_of_variables_are_not() {
    let all = [
        ("--srt-passphrase", "WEIR_SRT_PASSPHRASE", "canary-of-mine"),
        ("--auth-token", "WEIR_AUTH_TOKEN", "live/a=canary"),
        ("--relay-to", "WEIR_RELAY_TO", "rtmp://127.0.0.1:1/app?auth=canary"),
        ("--hook-webhook", "WEIR_HOOK_WEBHOOK", "publish_start=http://127.0.0.1:1/canary"),
    ];
    let callback = [("--auth-callback", "WEIR_AUTH_CALLBACK", "http://user:canary@127.0.0.1:1/")];
    for secrets in [all.as_slice(), callback.as_slice()] {
        let own = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
        for on_command_line in [true, false] {
            let mut arguments = own.map(str::to_owned).to_vec();
            let mut environment = Vec::new();
            for (flag, variable, value) in secrets {
                match on_command_line {
                    // Both forms of a flag.
                    true if arguments.len() % 2 == 1 => arguments.push(format!("{flag}={value}")),
                    true => arguments.extend([(*flag).to_owned(), (*value).to_owned()]),
                    false => environment.push((*variable, *value)),
                }
            }
            let mut program = Program::run_in(tempfile::tempdir().unwrap(), &arguments, &environment);
            let _page = Page::of(&mut program);
            let seen = std::process::Command::new("ps").args(["-o", "args=", "-p", &program.id().to_string()]).output();
            let seen = String::from_utf8_lossy(&seen.unwrap().stdout).into_owned();
            assert_eq!(seen.contains("canary"), on_command_line, "{seen}");
            program.signal("TERM");
            let said = program.end().lines.join("\n");
            for (flag, variable, _) in secrets {
                let told = said.lines().filter(|line| line.contains(flag) && line.contains(variable)).count();
                assert_eq!(told, usize::from(on_command_line), "{said}");
            }
            assert!(!said.contains("canary"), "{said}");
        }
    }
    // Addresses without a secret are nobody's business to hide.
    let mut program =
        Program::serve(&["-relay-to", "rtmp://127.0.0.1:1/app", "--hook-webhook=play_start=http://127.0.0.1:1"]);
    let _page = Page::of(&mut program);
    program.signal("TERM");
    let said = program.end().lines.join("\n");
    assert!(!said.contains("WEIR_RELAY_TO") && !said.contains("WEIR_HOOK_WEBHOOK"), "{said}");
}

#[test]
fn version_and_help_are_answers() {
    for flag in ["--version", "-version", "version"] {
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
        // Whoever has a key to give is told where it is not seen by others.
        let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for variable in ["SRT_PASSPHRASE", "AUTH_TOKEN", "AUTH_CALLBACK", "RELAY_TO", "HOOK_WEBHOOK"] {
            let told = format!("kept in WEIR_{variable}, since other users of this computer can read");
            assert!(flowing.contains(&told), "{variable}: {text}");
        }
    }
}

#[test]
fn every_command_has_its_help() {
    let help = |line: &str| {
        let ended = Program::run(line.split(' '), &[]).end();
        assert_eq!(ended.code(), Some(0), "{line}: {ended:?}");
        ended.lines.join("\n")
    };
    for line in ["--help", "-help", "-h", "help"] {
        let text = help(line);
        for command in ["serve [FLAGS]", "config check FILE", "config --print-default", "recording repair FILE..."] {
            assert!(text.contains(&format!("\n  weir {command} ")), "{line}: {text}");
        }
        assert!(text.contains("Without a command, weir does what weir serve does"), "{text}");
    }
    for (lines, words) in [
        (["config --help", "help config"], ["weir config", "--print-default"]),
        (["config check --help", "config check -help"], ["weir config check <FILE>", "first mistake"]),
        (["recording --help", "help recording"], ["weir recording <COMMAND>", "repair"]),
        (["recording repair --help", "recording repair -h"], ["weir recording repair <FILE>...", "cut off"]),
        (["serve --help", "-listen :1 -help"], ["--log-format <FORMAT>", "text or json"]),
        (["help serve", "serve -h"], ["--hook-stdio-format <FORMAT>", "json (one line), env"]),
    ] {
        for line in lines {
            let text = help(line);
            assert!(words.iter().all(|word| text.contains(word)), "{line}: {text}");
        }
    }
}

#[test]
fn an_empty_variable_is_none() {
    let text = Program::run(["serve", "--help"], &[]).end().lines.join("\n");
    let names: Vec<&str> = text.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    assert!(names.len() > 30, "{names:?}");
    let mut variables: Vec<(&str, &str)> = names.into_iter().map(|name| (name, "")).collect();
    variables.push(("WEIR_RELAY_TO", " "));
    let own = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
    let mut program = Program::run_in(tempfile::tempdir().unwrap(), own, &variables);
    let _page = Page::of(&mut program);
}

#[test]
fn a_settings_file_is_checked_and_a_complete_one_printed() {
    let printed = Program::run(["config", "--print-default"], &[]).end();
    assert_eq!(printed.code(), Some(0), "{printed:?}");
    let text = printed.lines.join("\n");
    assert!(text.contains("[rtmp]\n") && text.contains("# Whether the server runs."), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.toml");
    let check = |content: &str| {
        std::fs::write(&file, content).unwrap();
        Program::run(["config", "check", file.to_str().unwrap()], &[]).end()
    };
    let good = check(&text);
    assert_eq!(good.code(), Some(0), "{good:?}");
    let bad = check("[hooks]\nconcurrency = 0\n");
    assert_eq!((bad.code(), bad.lines.len()), (Some(1), 1), "{bad:?}");
    assert!(bad.lines[0].contains("weir.toml, line 2, column 15") && bad.lines[0].contains("1 to 256"), "{bad:?}");
    for wrong in [&["config"][..], &["config", "check"], &["config", "show"]] {
        let ended = Program::run(wrong, &[]).end();
        assert_eq!((ended.code(), ended.lines.len()), (Some(2), 1), "{wrong:?}: {ended:?}");
    }
    let missing = Program::run(["config", "check", "none.toml"], &[]).end();
    assert_eq!(missing.code(), Some(1), "{missing:?}");
}

#[test]
fn a_space_belongs_to_the_value_of_a_flag_and_lies_between_the_values_of_a_variable() {
    let hooks = |flags: &[&str], environment: &[(&str, &str)]| {
        let own = ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", "data"];
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::run_in(folder, own.iter().chain(flags), environment);
        let answer = Page::of(&mut program).get("/hooks");
        let hooks = answer["hooks"].as_array().unwrap().iter();
        hooks.map(|hook| hook["script"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let with_space = "publish_start=/opt/my scripts/x.sh";
    assert_eq!(hooks(&["-hook-script", with_space], &[]), ["/opt/my scripts/x.sh"]);
    let two = ("WEIR_HOOK_SCRIPT", "publish_start=/a  publish_stop=/b ");
    assert_eq!(hooks(&[], &[two]), ["/a", "/b"]);
    assert_eq!(hooks(&["-hook-script=publish_start=/c"], &[two]), ["/c"]);
    let ended = Program::run(["serve"], &[("WEIR_HOOK_SCRIPT", "publish_start=/a publish=/b")]).end();
    assert!(ended.lines[0].starts_with("weir: WEIR_HOOK_SCRIPT: there is no event \"publish\""), "{ended:?}");
}
