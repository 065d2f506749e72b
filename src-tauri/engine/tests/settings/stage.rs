//! A server with a publisher and a player that must not notice anything, and the changing of one setting.

use std::pin::Pin;

use serde_json::Value;
use weir_engine::{Config, Engine};

use crate::support::rtmp::{Peer, Server};
use crate::support::{stream, until};

/// What is observed of some settings.
pub(crate) struct Row {
    pub(crate) settings: &'static [&'static str],
    pub(crate) observe: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Rows: names of settings, and the function that observes them.
macro_rules! rows {
    ($($($setting:literal)|+ => $observe:path),* $(,)?) => {
        &[$($crate::stage::Row { settings: &[$($setting),+], observe: || Box::pin($observe()) }),*]
    };
}
pub(crate) use rows;

/// Observes one row after the other; who fails is named.
pub(crate) async fn observe(rows: &'static [Row]) {
    for row in rows {
        let observed = tokio::spawn((row.observe)()).await;
        if let Err(failed) = observed {
            panic!("{}: {failed}", row.settings.join(", "));
        }
    }
}

/// Its key, for when keys are asked for.
const KEY: &str = "witness-key";

/// A running engine and two connections that witness what a change costs.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) publisher: Peer,
    pub(crate) player: Peer,
    at: u32,
}

impl Stage {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let token = weir_engine::auth::Given {
            path: stream("live/witness"),
            action: None,
            token: weir_media::Secret::new(KEY.to_owned()),
        };
        let server = Server::start_with(change, |settings| settings.lend_tokens([token])).await;
        let name = format!("witness?token={KEY}");
        let mut publisher = server.publish(&name).await;
        publisher.send_headers(0).await;
        publisher.send_video(0, true, b"begin").await;
        let mut player = server.play(&name).await;
        player.media_until(|message| message.payload.ends_with(b"begin")).await;
        Self { server, publisher, player, at: 0 }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.server.engine
    }

    /// Changes one setting, live; it must be another value than before, hold, and be in the file.
    pub(crate) async fn set(&self, setting: &str, value: impl Into<Value>) {
        let value = value.into();
        self.set_all(&[(setting, value)]).await;
    }

    /// Changes settings that only make sense together.
    pub(crate) async fn set_all(&self, changes: &[(&str, Value)]) {
        let engine = self.engine();
        let mut json = serde_json::to_value(engine.config()).unwrap();
        for (setting, value) in changes {
            let place = setting.split('.').fold(&mut json, |node, name| &mut node[name]);
            assert_ne!(place, value, "{setting} is so already");
            *place = value.clone();
        }
        let wanted: Config = serde_json::from_value(json).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
        engine.apply(wanted.clone()).await.unwrap();
        assert_eq!(engine.config(), wanted);
        let kept = weir_engine::config::load(&engine.paths().config_file, weir_engine::Profile::Desktop).unwrap();
        let [kept, wanted] = [kept, wanted].map(|config| serde_json::to_value(config).unwrap());
        for (setting, _) in changes {
            let [kept, wanted] = [&kept, &wanted].map(|all| setting.split('.').fold(all, |node, name| &node[name]));
            assert_eq!(kept, wanted, "{setting} is in the file");
        }
    }

    /// The stream goes on over the same two connections.
    pub(crate) async fn unharmed(&mut self) {
        self.at += 1000;
        let mark = self.at.to_be_bytes();
        self.publisher.send_video(self.at, true, &mark).await;
        self.player.media_until(|message| message.payload.ends_with(&mark)).await;
    }

    pub(crate) async fn reported(&self, code: &str) {
        until(self.engine(), code, || self.server.problems().iter().any(|known| known == code).then_some(())).await;
    }

    /// Publishes `name` without a key; the code of the first answer.
    pub(crate) async fn try_publish(&self, name: &str) -> (String, Peer) {
        let mut peer = self.server.peer().await;
        peer.publish(name).await;
        (peer.status().await, peer)
    }

    /// Plays `name` without a key; the code of the first answer.
    pub(crate) async fn try_play(&self, name: &str) -> (String, Peer) {
        let mut peer = self.server.peer().await;
        peer.play(name).await;
        (peer.status().await, peer)
    }
}

/// Some seconds of a stream, a key frame each second.
pub(crate) async fn send_seconds(peer: &mut Peer, from: u32, seconds: u32) {
    for at in (from * 1000..(from + seconds) * 1000).step_by(100) {
        peer.send_video(at, at % 1000 == 0, &at.to_be_bytes()).await;
    }
}
