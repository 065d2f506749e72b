//! The program under test, as its users start it.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;

use crate::api::Api;
use crate::process::{Outcome, Process};

/// How long readers are kept after a publisher went, where a test does not say: short, so that streams end soon.
const GRACE_SECONDS: f64 = 0.5;

pub(crate) struct Weir {
    pub(crate) process: Process,
    pub(crate) api: Api,
    folder: tempfile::TempDir,
    rtmp: String,
}

impl Weir {
    /// `weir serve` on free ports with everything it writes in a folder of its own.
    pub(crate) fn start(flags: &[&str]) -> Outcome<Self> {
        Self::start_with(flags, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(flags: &[&str], environment: &[(&str, &OsStr)]) -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let at = |name: &str| folder.path().join(name).into_os_string();
        let mut arguments: Vec<OsString> =
            ["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"].map(OsString::from).into();
        arguments.extend(["--config".into(), at("weir.toml"), "--data-dir".into(), at("data")]);
        arguments.extend(["--record-dir".into(), at("recordings")]);
        arguments.extend(flags.iter().map(OsString::from));
        let process = Process::start_with("weir", env!("CARGO_BIN_EXE_weir"), arguments, environment)?;
        let api = process.until("the address of its page", |lines| {
            lines.iter().flat_map(|line| line.split_whitespace()).find_map(Api::at)
        })?;
        let rtmp = api.until("an RTMP listener", "/listeners", |answer| {
            let bound = answer["listeners"].as_array()?.iter().find(|it| it["protocol"] == "rtmp")?;
            Some(bound["bound"][0].as_str()?.to_owned())
        })?;
        let weir = Self { process, api, folder, rtmp };
        weir.set(&json!({ "grace_seconds": GRACE_SECONDS }))?;
        Ok(weir)
    }

    pub(crate) fn set(&self, settings: &serde_json::Value) -> Outcome {
        self.api.call("PATCH", "/settings", Some(settings)).map(drop)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("rtmp://{}/live/{name}", self.rtmp)
    }

    /// Where it listens for RTMP.
    pub(crate) fn rtmp_address(&self) -> &str {
        &self.rtmp
    }

    /// Where it listens for SRT.
    pub(crate) fn srt_address(&self) -> Outcome<SocketAddr> {
        self.api.until("an SRT listener", "/listeners", |answer| {
            let listener = answer["listeners"].as_array()?.iter().find(|it| it["protocol"] == "srt")?;
            listener["bound"][0].as_str()?.parse().ok()
        })
    }

    /// The address for a stream id.
    pub(crate) fn srt(&self, id: &str) -> Outcome<String> {
        Ok(format!("srt://{}?streamid={id}", self.srt_address()?))
    }

    /// Waits until the stream is in this state.
    pub(crate) fn wait_for_state(&self, name: &str, state: &str) -> Outcome {
        let path = format!("live/{name}");
        self.api.until(&format!("the stream to be {state}"), "/streams", |answer| {
            let stream = answer["streams"].as_array()?.iter().find(|stream| stream["path"] == path.as_str())?;
            (stream["state"] == state).then_some(())
        })
    }

    /// Waits until `count` players read the stream or wait for it.
    pub(crate) fn wait_for_players(&self, name: &str, count: usize) -> Outcome {
        let path = format!("live/{name}");
        self.api.until(&format!("{count} players"), "/streams", |answer| {
            let stream = answer["streams"].as_array()?.iter().find(|stream| stream["path"] == path.as_str())?;
            let players = stream["readers"].as_array()?.iter().filter(|reader| reader["kind"] == "player").count();
            (players >= count).then_some(())
        })
    }

    /// Waits until the stream is no more, and every file of it therefore closed.
    pub(crate) fn wait_for_the_end(&self, name: &str) -> Outcome {
        let path = format!("live/{name}");
        self.api.until("the end of the stream", "/streams", |answer| {
            let streams = answer["streams"].as_array()?;
            streams.iter().all(|stream| stream["path"] != path.as_str()).then_some(())
        })
    }

    /// The files in the recordings folder.
    pub(crate) fn recordings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("recordings"));
        let mut files: Vec<PathBuf> = entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        files
    }

    /// The one recording there must be, once it is closed: on a busy machine its disk is behind the stream, the end too.
    pub(crate) fn closed_recording(&self) -> Outcome<PathBuf> {
        self.api.until("the end of the recording", "/recordings", |answer| {
            let all = answer["recordings"].as_array()?;
            all.iter().all(|recording| recording["state"] != "recording").then_some(())
        })?;
        self.recording()
    }

    /// The one recording there must be.
    pub(crate) fn recording(&self) -> Outcome<PathBuf> {
        match &self.recordings()[..] {
            [one] => Ok(one.clone()),
            other => Err(format!("one recording was expected, these are there: {other:?}")),
        }
    }
}
