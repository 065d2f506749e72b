//! What holds at the gate.

use std::ops::Deref;

use weir_media::Secret;

use super::attempt::Action;
use super::callback::whole_callback;
use super::config::{Config, Mode};
use crate::net::tries::Patience;
use crate::secrets::Secrets;

/// The settings, and what of them is kept with the secrets.
#[derive(Debug)]
pub(super) struct Rules {
    config: Config,
    /// The whole address that is asked.
    pub(super) callback: Option<Secret<String>>,
}

impl Deref for Rules {
    type Target = Config;
    fn deref(&self) -> &Config {
        &self.config
    }
}

impl Rules {
    pub(super) fn new(config: &Config, secrets: &Secrets) -> Self {
        Self { config: config.clone(), callback: whole_callback(config, secrets) }
    }

    /// What decides on who may enter: when it is another, those who are in are looked at again.
    pub(super) fn admission(&self) -> impl PartialEq + use<'_> {
        let file = self.file.as_ref().filter(|_| self.mode == Mode::File);
        let callback = self.callback.as_ref().filter(|_| self.mode == Mode::Callback);
        (self.mode, self.open_playback, file, callback)
    }

    /// Whether somebody who wants this has to show that he may.
    pub(super) fn asks_for(&self, action: Action) -> bool {
        self.mode != Mode::None && !(self.open_playback && action == Action::Play)
    }

    pub(super) fn patience(&self) -> Patience {
        Patience { tries: self.wrong_tries, forgive: self.wrong_try_seconds.duration() }
    }
}
