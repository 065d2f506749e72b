//! Files as people have them, and what a change makes of them.

use super::super::file::edited;
use super::super::{Config, Profile, Seconds, default_file, parse};
use crate::destination;
use crate::net::ListenAddress;
use crate::recording::Rule;

const PROFILE: Profile = Profile::Serve;

/// The file after a change of the settings, which it must mean.
#[track_caller]
fn changed(text: &str, change: impl FnOnce(&mut Config)) -> String {
    let mut config = parse(text, "before", PROFILE).unwrap();
    change(&mut config);
    let edited = edited(text, &config, PROFILE).unwrap_or_else(|| panic!("cannot be edited in place: {text}"));
    assert_eq!(parse(&edited, "after", PROFILE).unwrap(), config, "{edited}");
    edited
}

/// Every comment of the one is in the other.
#[track_caller]
fn keeps_comments(before: &str, after: &str) {
    for comment in before.lines().filter_map(|line| line.split_once('#').map(|(_, comment)| comment.trim())) {
        assert!(after.contains(comment), "{comment} is lost:\n{after}");
    }
}

const LIVED_IN: &str = r##"# Settings of the studio; ask Kim before you change them.

[recording]   # the big disk
# Since the disk is small
keep_days = 3      # not less
segment_seconds=600
container = 'mp4'

# dir = "/mnt/old"

[rtmp]
listen = [
  "127.0.0.1:1935",  # OBS
  "10.0.0.2:1935",   # the truck
]

# --- where it goes ---

# main
[[destinations]]
id = "a"
name = "One"  # with the logo
url = "rtmp://a.example/app"

# second
[[destinations]]
id = "b"
name = "Two"
url = "rtmp://b.example/app"

[log]
level = "debug" # until the summer
# the end
"##;

#[test]
fn only_the_line_of_what_changed_is_another() {
    let same = changed(LIVED_IN, |_| ());
    assert_eq!(same, LIVED_IN);
    for (change, from, to) in [
        ((|config| config.recording.keep_days = 5) as fn(&mut Config), "keep_days = 3 ", "keep_days = 5 "),
        // As the defaults have it, but somebody wrote why it was not: the line stays.
        (|config| config.recording.keep_days = 0, "keep_days = 3 ", "keep_days = 0 "),
        (|config| config.recording.segment_seconds = Seconds::new(60), "segment_seconds=600", "segment_seconds=60"),
        (
            |config| config.recording.segment_seconds = Config::default().recording.segment_seconds,
            "segment_seconds=600\n",
            "",
        ),
        (
            |config| config.log.files = 9,
            "level = \"debug\" # until the summer\n",
            "level = \"debug\" # until the summer\nfiles = 9\n",
        ),
        (|config| config.destinations[0].name = "Eins".into(), "\"One\"", "\"Eins\""),
        (
            |config| config.destinations[1].enabled = false,
            "\"rtmp://b.example/app\"\n",
            "\"rtmp://b.example/app\"\nenabled = false\n",
        ),
        (|config| config.rtmp.listen[1] = ListenAddress::All { port: 7 }, "\"10.0.0.2:1935\"", "\":7\""),
        (|config| config.rtmp.listen.truncate(1), "\n  \"10.0.0.2:1935\",", "\n"),
        (
            |config| config.rtmp.listen.retain(|it| it.to_string().starts_with("10")),
            "\n  \"127.0.0.1:1935\",  # OBS\n",
            "  # OBS\n",
        ),
        (|config| config.rtmp.listen.push(ListenAddress::All { port: 7 }), "# the truck\n", "# the truck\n  \":7\",\n"),
        (
            |config| config.streams.grace_seconds = Seconds::new(3),
            "# the end\n",
            "\n[streams]\ngrace_seconds = 3\n# the end\n",
        ),
    ] {
        let text = changed(LIVED_IN, change);
        assert_eq!(text, LIVED_IN.replace(from, to), "{from}");
        keeps_comments(LIVED_IN, &text);
    }
}

#[test]
fn items_come_go_and_change_places_with_what_was_written_about_them() {
    let two = destination::Config::new("c", "rtmp://c.example/app");
    let text = changed(LIVED_IN, |config| config.destinations.push(two));
    keeps_comments(LIVED_IN, &text);
    let at = |text: &str, word: &str| text.find(word).unwrap_or_else(|| panic!("{word} is not in {text}"));
    assert!(
        at(&text, "id = \"b\"") < at(&text, "id = \"c\"") && at(&text, "id = \"c\"") < at(&text, "[log]"),
        "{text}"
    );

    // With the first one goes what is about it, and nothing else.
    let text = changed(LIVED_IN, |config| drop(config.destinations.remove(0)));
    assert!(!text.contains("# main") && !text.contains("with the logo"), "{text}");
    keeps_comments(&LIVED_IN.replace("# main\n", "").replace("  # with the logo", ""), &text);
    assert!(at(&text, "where it goes") < at(&text, "# second"), "{text}");
    let text = changed(&text, |config| config.destinations.clear());
    assert!(at(&text, "where it goes") < at(&text, "[log]") && !text.contains("destinations"), "{text}");

    let text = changed(LIVED_IN, |config| config.destinations.swap(0, 1));
    keeps_comments(LIVED_IN, &text);
    assert!(at(&text, "# second") < at(&text, "id = \"b\"") && at(&text, "id = \"b\"") < at(&text, "# main"), "{text}");
    assert!(at(&text, "# main") < at(&text, "id = \"a\"") && at(&text, "id = \"a\"") < at(&text, "[log]"), "{text}");
}

#[test]
fn items_without_an_identity_are_known_by_what_stayed() {
    let rules = "[[recording.rules]]\nstreams = \"live/a\" # one\n\n[[recording.rules]]\nstreams = \"live/b\" # two\n\n\
                 [[recording.rules]]\nstreams = \"live/c\" # three\n";
    let named = |streams: &str| Rule { streams: streams.into(), record: Some(true), ..Rule::default() };
    let text = changed(rules, |config| drop(config.recording.rules.remove(1)));
    assert_eq!(text, rules.replace("[[recording.rules]]\nstreams = \"live/b\" # two\n\n", ""));
    let text = changed(rules, |config| config.recording.rules[1].record = Some(false));
    assert_eq!(text, rules.replace("# two\n", "# two\nrecord = false\n"));
    let text = changed(rules, |config| config.recording.rules.insert(1, named("live/x")));
    assert_eq!(text, rules.replace("# one\n", "# one\n\n[[recording.rules]]\nrecord = true\nstreams = \"live/x\"\n"));
}

#[test]
fn every_way_to_write_a_table_can_be_changed() {
    let quiet = |config: &mut Config| config.log.files = 9;
    for (text, expected) in [
        (
            "log = { level = \"debug\", file = false } # short",
            "log = { level = \"debug\", file = false , files = 9 } # short\n",
        ),
        ("log.level = \"debug\" # dotted\n", "log.level = \"debug\" # dotted\nlog.files = 9\n"),
        ("# head\n[log]\n", "# head\n[log]\nfiles = 9\n"),
        ("", "[log]\nfiles = 9\n"),
        ("# nothing yet\n", "# nothing yet\n\n[log]\nfiles = 9\n"),
        ("[log] # at the very end", "[log] # at the very end\nfiles = 9\n"),
        ("[\"log\"]\n'level' = \"debug\"\r\n", "[\"log\"]\r\n'level' = \"debug\"\r\nfiles = 9\r\n"),
        ("\u{feff}[log]\r\n# windows\r\n", "\u{feff}[log]\r\nfiles = 9\r\n# windows\r\n"),
    ] {
        let text = changed(text, quiet);
        assert_eq!(text.replace(' ', ""), expected.replace(' ', ""));
    }
    // A table that nobody wrote a head for gets one.
    let text = "# mine\n[[hooks.list]]\nid = \"a\"\nevents = [\"publish_start\"]\nscript = \"true\"\n";
    let text = changed(text, |config| config.hooks.concurrency = 3.try_into().unwrap());
    keeps_comments("# mine", &text);
    // A list in one line.
    let text = "destinations = [{ id = \"a\", url = \"rtmp://a/b\" }, { id = \"b\", url = \"rtmp://b/b\" }] # short\n";
    let text = changed(text, |config| {
        config.destinations.remove(0);
        config.destinations[0].name = "B".into();
        config.destinations.push(destination::Config::new("c", "rtmp://c/b"));
    });
    keeps_comments("# short", &text);
    assert!(!text.contains("[["), "{text}");
}

#[test]
fn what_has_no_default_goes_and_what_was_written_about_it_stays() {
    let text = "[recording]\n# The big disk\ndir = \"/mnt\" # until summer\nkeep_days = 3\n";
    let text = changed(text, |config| config.recording.dir = None);
    assert_eq!(text, "[recording]\n# The big disk\n# until summer\nkeep_days = 3\n");
    let text = "[recording]\nkeep_days = 3 # three\n# The big disk\ndir = \"/mnt\"\n\n[log]\nfiles = 9\n";
    let text = changed(text, |config| config.recording.dir = None);
    assert_eq!(text, "[recording]\nkeep_days = 3 # three\n# The big disk\n\n[log]\nfiles = 9\n");
}

/// A complete file with an explanation above every setting keeps all of them, whatever is changed and changed back.
#[test]
fn the_printed_defaults_stay_explained_through_any_changes() {
    let full = default_file(PROFILE);
    let mut dice = Dice(7);
    let mut text = full.clone();
    for _ in 0..60 {
        let mut json = serde_json::to_value(parse(&text, "", PROFILE).unwrap()).unwrap();
        for _ in 0..=dice.below(3) {
            turn(&mut json, &mut dice);
        }
        // Not every change makes sense; those that do not are not taken.
        let Ok(config) = serde_json::from_value::<Config>(json) else { continue };
        text = changed(&text, |now| *now = config);
        keeps_comments(&full, &text);
    }
    let text = changed(&text, |config| *config = Config::defaults(PROFILE));
    keeps_comments(&full, &text);
    assert_eq!(
        text.lines().filter(|line| line.starts_with('[')).count(),
        full.lines().filter(|line| line.starts_with('[')).count()
    );
}

/// Changes some value somewhere in it.
fn turn(json: &mut serde_json::Value, dice: &mut Dice) {
    use serde_json::{Value, json};
    match json {
        Value::Object(fields) => {
            let at = dice.below(fields.len());
            if let Some((name, value)) = fields.iter_mut().nth(at) {
                match (name.as_str(), dice.below(2)) {
                    ("destinations", 0) => {
                        *value = json!([{ "id": "a", "url": "rtmp://a/b" }, { "id": "b", "url": "rtmp://b/b" }]);
                    }
                    ("rules", 0) => *value = json!([{ "streams": "live/*", "record": true }]),
                    ("dir" | "file", 0) if !value.is_boolean() => *value = json!("/somewhere"),
                    _ => turn(value, dice),
                }
            }
        }
        Value::Array(list) => match dice.below(3) {
            0 => drop(list.pop()),
            1 => list.reverse(),
            _ => {
                if let Some(first) = list.first_mut() {
                    turn(first, dice);
                }
            }
        },
        Value::Bool(word) => *word = !*word,
        Value::Number(number) => *json = (number.as_u64().unwrap_or(1) + 1).into(),
        Value::String(text) => text.push('x'),
        Value::Null => {}
    }
}

/// Numbers that are the same each time (a linear congruence).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}
