//! What no single setting shows: settings that exclude each other, and settings that need another one.

use std::fmt;

use toml::de::{DeTable, DeValue};

use super::Config;
use crate::net::ListenAddress;
use crate::protocol::srt::Encryption;
use crate::{auth, destination, preset};

/// A mistake and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    place: Vec<Step>,
    /// What is wrong, going on from the name of the setting.
    pub problem: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Name(&'static str),
    Item(usize),
}

/// Where the setting is, such as `hooks.list[1].id`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.place.iter().enumerate() {
            match step {
                Step::Name(name) if at == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

impl Mistake {
    pub(super) fn at<const N: usize>(place: [Step; N], problem: impl Into<String>) -> Self {
        Self { place: place.to_vec(), problem: problem.into() }
    }

    /// Where in a settings file it is, in bytes from the start; of a setting that the file does not have, what it belongs to.
    pub(super) fn offset(&self, text: &str) -> usize {
        let Ok(table) = DeTable::parse(text) else { return 0 };
        let all = DeValue::Table(table.into_inner());
        let (mut here, mut offset) = (&all, 0);
        for step in &self.place {
            let next = match step {
                Step::Name(name) => here.get(*name),
                Step::Item(item) => here.get(*item),
            };
            let Some(next) = next else { break };
            (here, offset) = (next.get_ref(), next.span().start);
        }
        offset
    }
}

impl Config {
    /// Refuses settings that exclude each other.
    pub fn check(&self) -> Result<(), Mistake> {
        use Step::{Item, Name};
        let hooks = self.hooks.list.iter().map(|hook| hook.id.as_str());
        if let Some((item, id)) = twice(hooks) {
            let problem = format!("there are two hooks {id:?}; give each an id of its own");
            return Err(Mistake::at([Name("hooks"), Name("list"), Item(item), Name("id")], problem));
        }
        let ids = || self.destinations.iter().map(|destination| destination.id.as_str());
        if let Some((item, id)) = twice(ids()) {
            let problem = format!("there are two destinations {id:?}; give each an id of its own");
            return Err(Mistake::at([Name("destinations"), Item(item), Name("id")], problem));
        }
        let plain = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if let Some((item, id)) = ids().enumerate().find(|(_, id)| !plain(id)) {
            let problem = format!("{id:?} cannot identify a destination: letters, digits, - and _ can");
            return Err(Mistake::at([Name("destinations"), Item(item), Name("id")], problem));
        }
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            let there = if self.tls.cert.is_some() { "cert" } else { "key" };
            let problem = "tls.cert and tls.key belong together; set both or neither";
            return Err(Mistake::at([Name("tls"), Name(there)], problem));
        }
        let lists: [(_, &[ListenAddress]); 4] = [
            ("rtmp", &self.rtmp.listen),
            ("rtmps", &self.rtmps.listen),
            ("srt", &self.srt.listen),
            ("http", &self.http.listen),
        ];
        for (name, list) in lists {
            // The system chooses another one each time for port 0.
            if let Some((item, address)) = twice(list.iter()).filter(|(_, address)| address.port() != 0) {
                let problem = format!("{address} is there twice; once is enough");
                return Err(Mistake::at([Name(name), Name("listen"), Item(item)], problem));
            }
        }
        Ok(())
    }

    /// What is left to be done before these settings do what they say. Flags and what is kept with the secrets may do it, so a
    /// running Weir goes on with them and tells what it lacks.
    pub fn gap(&self) -> Option<Mistake> {
        use Step::{Item, Name};
        match self.auth.mode {
            auth::Mode::File if self.auth.file.is_none() => {
                let problem = "nobody is let in without a file of tokens; set auth.file, or give --auth-file";
                return Some(Mistake::at([Name("auth"), Name("mode")], problem));
            }
            auth::Mode::Callback if self.auth.callback.is_none() => {
                let problem = "nobody is let in without an address to ask; set auth.callback, or give --auth-callback";
                return Some(Mistake::at([Name("auth"), Name("mode")], problem));
            }
            _ => {}
        }
        if self.srt.encryption == Encryption::File && self.srt.passphrase_file.is_none() {
            let problem = "no caller is let in without a file of passphrases; set srt.passphrase_file, or give --srt-passphrase-file";
            return Some(Mistake::at([Name("srt"), Name("encryption")], problem));
        }
        if let Some(clash) = self.clash() {
            return Some(clash);
        }
        for (item, destination) in self.destinations.iter().enumerate() {
            let at = |name| [Name("destinations"), Item(item), Name(name)];
            let urls = [("url", Some(&destination.url)), ("backup_url", destination.backup_url.as_ref())];
            for (name, url) in urls {
                if let Some(error) = url.and_then(|url| destination::Given::read(url, None).err()) {
                    return Some(Mistake::at(at(name), format!("{error}. {}", error.hint())));
                }
            }
            if destination.preset.as_deref().is_some_and(|preset| preset::find(preset).is_none()) {
                return Some(Mistake::at(at("preset"), "there is no such preset; GET /api/v1/presets lists them"));
            }
        }
        None
    }

    /// Two listeners that cannot both be open: they want the same port of the same interface. SRT has ports of its own kind.
    fn clash(&self) -> Option<Mistake> {
        let tcp = [
            ("rtmp", self.rtmp.addresses()),
            ("rtmps", self.rtmps.addresses()),
            ("http", &self.http.listen),
            ("metrics", self.metrics.listen.as_slice()),
        ];
        clash(&tcp).or_else(|| clash(&[("srt", self.srt.addresses())]))
    }
}

fn clash(services: &[(&'static str, &[ListenAddress])]) -> Option<Mistake> {
    let mut before: Vec<(&str, ListenAddress)> = Vec::new();
    for (name, list) in services {
        for (item, address) in list.iter().enumerate() {
            if let Some((other, there)) = before.iter().find(|(_, there)| there.meets(*address)) {
                let problem = format!("{address} is taken by {there} of {other}.listen; give each a port of its own");
                return Some(Mistake::at([Step::Name(name), Step::Name("listen"), Step::Item(item)], problem));
            }
            before.push((name, *address));
        }
    }
    None
}

/// The first item that was there before, and where it is again.
fn twice<T: PartialEq + Copy>(all: impl Iterator<Item = T>) -> Option<(usize, T)> {
    let all: Vec<T> = all.collect();
    let is_again = |(at, item): &(usize, &T)| all.iter().take(*at).any(|before| before == *item);
    all.iter().enumerate().find(is_again).map(|(at, item)| (at, *item))
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, check, parse};

    #[test]
    fn what_excludes_each_other_is_refused_where_it_is() {
        let hook = |id: &str| format!("[[hooks.list]]\nid = \"{id}\"\nevents = [\"play_start\"]\nscript = \"x\"\n");
        let destination = |id: &str| format!("[[destinations]]\nid = \"{id}\"\nurl = \"rtmp://h/app\"\n");
        for (text, expected) in [
            (hook("a") + &hook("b") + &hook("a"), "line 10, column 6: there are two hooks \"a\""),
            (destination("a") + &destination("a"), "line 5, column 6: there are two destinations \"a\""),
            (destination("a b"), "line 2, column 6: \"a b\" cannot identify a destination"),
            ("[tls]\nkey = \"k.pem\"\n".to_owned(), "line 2, column 7: tls.cert and tls.key belong together"),
            ("tls = { cert = \"c.pem\" }\n".to_owned(), "line 1, column 16: tls.cert and tls.key belong together"),
            ("[rtmp]\nlisten = [\":1\", \":2\",\n  \":1\"]\n".to_owned(), "line 3, column 3: :1 is there twice"),
            (
                "[tls]\nnames = [\"no name\"]\n".to_owned(),
                "line 2, column 9: \"no name\" is neither a name nor an address",
            ),
            ("[http]\nnames = [\"a.b:8080\"]\n".to_owned(), "line 2, column 9: \"a.b:8080\" is neither a name nor"),
            ("[recording]\ndir = \"\"\n".to_owned(), "line 2, column 7: the path is empty"),
            ("[auth]\ncallback = \"ftp://canary\"\n".to_owned(), "line 2, column 12: it begins neither with http://"),
        ] {
            let error = parse(&text, "c.toml", Profile::Serve).unwrap_err().to_string();
            assert!(error.starts_with(&format!("c.toml, {expected}")), "{text}: {error}");
            assert!(!error.contains("canary"));
        }
        for text in ["[rtmp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n", "[tls]\nnames = [\"*.a.b\", \"::1\"]\n"] {
            assert!(parse(text, "c.toml", Profile::Serve).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_left_to_be_done_is_told_when_the_file_is_checked_and_refuses_no_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let destination = |more: &str| format!("[[destinations]]\nid = \"a\"\nurl = \"rtmp://h/app\"\n{more}");
        for (text, expected) in [
            ("[auth]\nmode = \"file\"\n".to_owned(), "line 2, column 8: nobody is let in without a file of tokens"),
            ("[auth]\nmode = \"callback\"\n".to_owned(), "line 2, column 8: nobody is let in without an address"),
            ("[srt]\nencryption = \"file\"\n".to_owned(), "line 2, column 14: no caller is let in without"),
            (
                "[rtmp]\nlisten = [\":1\", \"localhost:1\"]\n".to_owned(),
                "line 2, column 17: localhost:1 is taken by :1 of rtmp.listen",
            ),
            (
                "[rtmp]\nlisten = [\":1\"]\n[http]\nlisten = [\"127.0.0.1:1\"]\n".to_owned(),
                "line 4, column 11: 127.0.0.1:1 is taken by :1 of rtmp.listen",
            ),
            (
                "[http]\nlisten = [\":1\"]\n[metrics]\nlisten = \":1\"\n".to_owned(),
                "line 4, column 10: :1 is taken by :1 of http.listen",
            ),
            (destination("backup_url = \"http://h/canary\"\n"), "line 4, column 14: the address does not begin with"),
            (destination("preset = \"twich\"\n"), "line 4, column 10: there is no such preset"),
        ] {
            assert!(parse(&text, "c.toml", Profile::Serve).is_ok(), "{text}");
            std::fs::write(&file, &text).unwrap();
            let error = check(&file, Profile::Serve).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}, {expected}", file.display())), "{text}: {error}");
            assert!(!error.contains("canary"));
        }
        std::fs::write(&file, destination("")).unwrap();
        assert!(check(&file, Profile::Serve).is_ok());
    }
}
