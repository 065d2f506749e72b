//! What settings name and a start would look for on this computer: files and programs.

use std::path::Path;

use super::Config;
use super::mistake::{Mistake, Step};
use crate::hook::Target;
use crate::protocol::srt::{Encryption, passphrases};
use crate::{auth, tls};

impl Config {
    /// The first of the files named that could not be used, as it is now. Blocks for small files.
    pub(super) fn unusable(&self) -> Option<Mistake> {
        use Step::{Item, Name};
        if let (true, Some(cert), Some(key)) = (self.rtmps.enabled, &self.tls.cert, &self.tls.key)
            && let Err(error) = tls::check_files(cert, key)
        {
            return Some(Mistake::at([Name("tls"), Name("cert")], error.to_string()));
        }
        if let (auth::Mode::File, Some(file)) = (self.auth.mode, &self.auth.file)
            && let Err(error) = auth::file::read(file)
        {
            return Some(Mistake::at([Name("auth"), Name("file")], error.to_string()));
        }
        if let (true, Encryption::File, Some(file)) = (self.srt.enabled, self.srt.encryption, &self.srt.passphrase_file)
            && let Err(error) = passphrases::read(file)
        {
            let problem = format!("the passphrases in {} cannot be taken: {error}", file.display());
            return Some(Mistake::at([Name("srt"), Name("passphrase_file")], problem));
        }
        for (item, hook) in self.hooks.list.iter().enumerate() {
            let Target::Script { path, .. } = &hook.target else { continue };
            if hook.enabled && !is_program(path) {
                let problem = format!("there is no program {}; write the path of one", path.display());
                return Some(Mistake::at([Name("hooks"), Name("list"), Item(item), Name("script")], problem));
            }
        }
        let no_folder = self.recording.dir.as_deref().and_then(no_folder)?;
        Some(Mistake::at([Name("recording"), Name("dir")], no_folder))
    }
}

/// Whether there is such a program, where the system would look for it.
fn is_program(name: &Path) -> bool {
    if name.components().count() > 1 {
        return name.is_file();
    }
    let endings = if cfg!(windows) { &["", "exe", "cmd", "bat"][..] } else { &[""][..] };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| {
        let place = folder.join(name);
        endings
            .iter()
            .any(|ending| if ending.is_empty() { place.is_file() } else { place.with_extension(ending).is_file() })
    })
}

/// Why no folder can be there: what is there, or above it, is something else.
fn no_folder(folder: &Path) -> Option<String> {
    let there = folder.ancestors().find(|place| place.exists())?;
    (!there.is_dir()).then(|| format!("{} is no folder, so nothing can be recorded there", there.display()))
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, check};

    #[test]
    fn what_a_start_would_not_find_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string().replace('\\', "/")
        };
        let no_json = put("no.json", "[");
        let tokens = put("tokens.json", "{\"live/show\": \"a-token\"}");
        let hook = "[[hooks.list]]\nid = \"a\"\nevents = [\"play_start\"]\n";
        let tls = "[rtmps]\nenabled = true\n[tls]\n";
        for (text, expected) in [
            (format!("{tls}cert = \"/nowhere/c.pem\"\nkey = \"/nowhere/k.pem\"\n"), "line 4, column 8: "),
            ("[auth]\nmode = \"file\"\nfile = \"/nowhere/t.json\"\n".to_owned(), "line 3, column 8: "),
            (format!("[auth]\nmode = \"file\"\nfile = \"{no_json}\"\n"), "line 3, column 8: "),
            (
                format!("[srt]\nenabled = true\nencryption = \"file\"\npassphrase_file = \"{no_json}\"\n"),
                "line 4, column 19: the passphrases in ",
            ),
            (format!("{hook}script = \"/nowhere/hook\"\n"), "line 4, column 10: there is no program /nowhere/hook"),
            (format!("{hook}script = \"weir-has-no-such-program\"\n"), "line 4, column 10: there is no program"),
            (format!("[recording]\ndir = \"{no_json}/films\"\n"), "line 2, column 7: "),
        ] {
            let file = folder.path().join("c.toml");
            std::fs::write(&file, &text).unwrap();
            let error = check(&file, Profile::Serve).unwrap_err().to_string();
            assert!(error.contains(&format!("c.toml, {expected}")), "{text}: {error}");
        }
        for text in [
            format!("[auth]\nmode = \"file\"\nfile = \"{tokens}\"\n"),
            format!("{hook}enabled = false\nscript = \"/nowhere/hook\"\n"),
            format!("{hook}script = \"cargo\"\n"),
            format!("[recording]\ndir = \"{}/films/new\"\n", folder.path().display().to_string().replace('\\', "/")),
            // A certificate that nobody uses.
            "[tls]\ncert = \"/nowhere/c.pem\"\nkey = \"/nowhere/k.pem\"\n".to_owned(),
        ] {
            let file = folder.path().join("c.toml");
            std::fs::write(&file, &text).unwrap();
            check(&file, Profile::Serve).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
