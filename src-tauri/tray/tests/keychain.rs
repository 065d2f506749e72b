//! Stream keys and the keychain of the system: the desktop's own start, in a session of its own with a real keychain, then in
//! another one, and in one that has none.
//!
//! A program this machine lacks makes its tests ignored, with the reason in their names; none passes unseen.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends, and talks to its parent")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, HOST};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_tray::Core;

/// Says what this program is to do when it runs inside a session.
const PART: &str = "WEIR_TEST_PART";
/// The key that is looked for wherever it must not be.
const CANARY: &str = "canary-of-the-keychain";
/// What opens the keychain of the test.
const PASSWORD: &str = "correct-horse";
/// What stands before the answer among what the parts say.
const ANSWER: &str = "answer: ";

/// A session with a keychain that is open, and in it this program. The keychain ends before the session does.
const SESSION: &str = r#"
printf %s "$WEIR_TEST_PASSWORD" | gnome-keyring-daemon --foreground --unlock --components=secrets & keychain=$!
tries=0
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
    string:org.freedesktop.secrets | grep -q true
do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { echo "the keychain does not start" >&2; exit 1; }
    sleep 0.1
done
"$0"
ended=$?
kill "$keychain"
wait "$keychain"
exit "$ended"
"#;

fn main() {
    if let Ok(part) = std::env::var(PART) {
        return play(&part);
    }
    let arguments = Arguments::from_args();
    let lacks = lacks();
    if let Some(reason) = &lacks {
        // The closing lines of `npm test` repeat it.
        eprintln!("skipped: {reason}");
    }
    let with_keychain = |name: &str, test: fn()| match &lacks {
        Some(reason) => Trial::test(format!("{name} ({reason})"), || Ok(())).with_ignored_flag(true),
        None => Trial::test(name, move || Ok(test())),
    };
    let mut trials = vec![
        with_keychain("a_key_is_kept_by_the_keychain_and_found_after_a_restart", kept_and_found),
        with_keychain("a_keychain_that_has_lost_the_key_is_said", lost),
        with_keychain("a_key_of_before_there_was_a_keychain_moves_into_it", moves),
    ];
    // Elsewhere the system's keychain is always there, and the user's own.
    if cfg!(target_os = "linux") {
        let name = "without_a_keychain_the_key_is_in_a_file_and_people_are_told";
        trials.push(Trial::test(name, || Ok(without())));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Why there can be no session with a keychain here.
fn lacks() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("only Linux can have a keychain that is not the user's own".to_owned());
    }
    let there = |program: &&str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(program).is_file())
    };
    let wanted = ["dbus-run-session", "dbus-send", "gnome-keyring-daemon"];
    let missing: Vec<&str> = wanted.into_iter().filter(|program| !there(program)).collect();
    (!missing.is_empty()).then(|| format!("{} is not installed", missing.join(", ")))
}

/// Somebody's home, with Weir's folders in the system's places.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for folder in ["config/weir", "data", "run"] {
            std::fs::create_dir_all(home.at(folder)).unwrap();
        }
        std::fs::write(home.at("config/weir/config.toml"), "[rtmp]\nlisten = [\"localhost:0\"]\n").unwrap();
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a part of the test in a session of this home; its answer.
    fn run(&self, part: &str, with_keychain: bool) -> Value {
        let this = std::env::current_exe().unwrap();
        let mut command = if with_keychain {
            let mut session = Command::new("dbus-run-session");
            session.args(["--", "sh", "-c", SESSION]).arg(this);
            session
        } else {
            Command::new(this)
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
            command.env_remove(name);
        }
        command.env(PART, part).env("WEIR_TEST_PASSWORD", PASSWORD).env("HOME", self.0.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:").env_remove("GNOME_KEYRING_CONTROL");
        for (name, folder) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CACHE_HOME", "run"),
        ] {
            command.env(name, self.at(folder));
        }
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{part}: {status}\n{out}\n{err}");
        assert!(!err.contains(CANARY), "{part}: the log holds the key");
        let answer =
            out.lines().find_map(|line| line.strip_prefix(ANSWER)).unwrap_or_else(|| panic!("{part}: {out}\n{err}"));
        serde_json::from_str(answer).unwrap()
    }

    /// No file below holds the key, that of the keychain's own neither.
    fn holds_no_key(&self) {
        let mut folders = vec![self.0.path().to_owned()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    files += 1;
                    assert!(!holds(&bytes, CANARY), "{} holds the key", path.display());
                }
            }
        }
        assert!(files > 2, "only {files} files were looked at");
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn sealed_with(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("key = ")).unwrap_or_else(|| panic!("{text}"));
    line.trim_matches('"').to_owned()
}

fn kept_and_found() {
    let home = Home::new();
    let told = home.run("store", true);
    assert_eq!(told["storage"]["kind"], "keychain", "{told}");
    assert!(told["storage"]["message"].as_str().unwrap().contains("in this system's keychain"), "{told}");
    assert_eq!(told["key_set"], true, "{told}");
    assert_eq!(sealed_with(&home.at("config/weir/secrets.toml")), "keychain");
    assert!(!home.at("data/weir/secrets.key").exists(), "there is a key beside the keychain");
    assert!(home.at("data/keyrings/login.keyring").exists(), "the keychain has written nothing");
    home.holds_no_key();
    let told = home.run("find", true);
    assert_eq!((&told["found"], &told["key_set"]), (&json!(true), &json!(true)), "{told}");
    home.holds_no_key();
}

fn lost() {
    let home = Home::new();
    home.run("store", true);
    let sealed = std::fs::read(home.at("config/weir/secrets.toml")).unwrap();
    std::fs::remove_dir_all(home.at("data/keyrings")).unwrap();
    for with_keychain in [true, false] {
        let told = home.run("find", with_keychain);
        let message = told["refused"]["message"].as_str().unwrap_or_else(|| panic!("it started all the same: {told}"));
        assert!(message.contains("the keychain of this system does not give out the key"), "{told}");
        assert!(message.contains("unlock it and start Weir again"), "{told}");
        assert_eq!(std::fs::read(home.at("config/weir/secrets.toml")).unwrap(), sealed, "what is sealed was touched");
    }
}

fn moves() {
    let home = Home::new();
    home.run("store", false);
    assert_eq!(sealed_with(&home.at("config/weir/secrets.toml")), "key_file");
    let told = home.run("find", true);
    assert_eq!((&told["found"], &told["storage"]["kind"]), (&json!(true), &json!("keychain")), "{told}");
    assert!(!home.at("data/weir/secrets.key").exists(), "the old key was left");
    assert_eq!(home.run("find", true)["found"], true);
}

fn without() {
    let home = Home::new();
    let told = home.run("store", false);
    assert_eq!(told["storage"]["kind"], "key_file", "{told}");
    assert!(told["storage"]["message"].as_str().unwrap().contains("because no keychain is used here"), "{told}");
    assert_eq!(sealed_with(&home.at("config/weir/secrets.toml")), "key_file");
    home.holds_no_key();
    assert_eq!(home.run("find", false)["found"], true);
}

/// What happens inside a session: the desktop starts, something is asked of it, and it ends.
fn play(part: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let core = Core::start().await;
        let new = json!({ "name": "a", "url": "rtmp://127.0.0.1:1/app", "key": CANARY, "start": "by_hand" });
        if part == "store" {
            let (status, made) = ask(&core, "POST", "/api/v1/destinations", Some(&new)).await;
            assert_eq!(status, 201, "{made}");
        }
        let (status, destinations) = ask(&core, "GET", "/api/v1/destinations", None).await;
        if status != 200 {
            return json!({ "refused": destinations });
        }
        let (_, about) = ask(&core, "GET", "/api/v1/status", None).await;
        let destination = &destinations["destinations"][0];
        let name = format!("destination/{}", destination["id"].as_str().unwrap());
        let found = core.engine().unwrap().secrets().find(&name).is_some_and(|key| key.expose() == CANARY);
        let answer = json!({ "storage": about["secrets"], "key_set": destination["key_set"], "found": found });
        core.shutdown().await;
        answer
    });
    println!("{ANSWER}{answer}");
}

async fn ask(core: &Core, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
    let answer = core.router().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}
