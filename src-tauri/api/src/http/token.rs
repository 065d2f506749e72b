//! The token that opens the API to a browser.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use subtle::ConstantTimeEq as _;
use weir_media::Secret;

/// Random bytes of a token: far beyond guessing, also for somebody who tries over the network for years.
const RANDOM: usize = 32;
/// Characters of a token: two hexadecimal digits a byte.
const LENGTH: usize = RANDOM * 2;

/// The token that opens the API to a browser. It is kept between runs, so that an open page survives a restart.
#[derive(Debug, Clone)]
pub struct Token(Secret<String>);

impl Token {
    /// A new one from the system's randomness.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let text = bytes.iter().fold(String::with_capacity(LENGTH), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Self(Secret::new(text)))
    }

    /// The one kept in `path`; a new one, kept there for its owner's eyes alone, when there is none or it is damaged.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        if let Some(kept) = load(path)? {
            return Ok(kept);
        }
        let token = Self::random()?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // A file that others could open before its rights change would have shown them the token, hence anew.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(token.0.expose().as_bytes())?;
        file.sync_all()?;
        Ok(token)
    }

    /// Whether `offered` is this token. Takes the same time wherever they differ.
    pub(crate) fn is(&self, offered: &[u8]) -> bool {
        self.0.expose().as_bytes().ct_eq(offered).into()
    }

    /// The token itself, for the start address and the cookie.
    pub const fn expose(&self) -> &String {
        self.0.expose()
    }
}

fn load(path: &Path) -> io::Result<Option<Token>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            tracing::warn!("other users could read the access token, so it is replaced");
            return Ok(None);
        }
    }
    let mut text = String::new();
    let most = LENGTH as u64 + 2;
    if file.take(most).read_to_string(&mut text).is_err() {
        return Ok(None);
    }
    let text = text.trim_end();
    let whole = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(whole.then(|| Token(Secret::new(text.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/http_token");
        let first = Token::load_or_create(&path).unwrap();
        let second = Token::load_or_create(&path).unwrap();
        assert_eq!(first.expose(), second.expose());
        assert_eq!(first.expose().len(), LENGTH);
        assert!(first.is(second.expose().as_bytes()));
        assert!(!first.is(b"") && !first.is(&first.expose().as_bytes()[1..]));
        assert_ne!(Token::random().unwrap().expose(), first.expose());
        assert!(!format!("{first:?}").contains(first.expose().as_str()));
    }

    #[test]
    fn a_damaged_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http_token");
        for damaged in [&b""[..], b"short", &[0xFF; 64], &[b'a'; 200]] {
            fs::write(&path, damaged).unwrap();
            let token = Token::load_or_create(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), token.expose().as_bytes());
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it_and_one_that_others_could_read_is_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http_token");
        let first = Token::load_or_create(&path).unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let second = Token::load_or_create(&path).unwrap();
        assert_ne!(first.expose(), second.expose());
        assert_eq!(mode(), 0o600);
    }
}
