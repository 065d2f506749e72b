//! Anything that must never be seen in a log, an API reply, a metric or an error.

use std::fmt;

/// A value whose `Debug` tells only whether it is set. There is no `Display`; whoever needs the value says [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret<T>(T);

/// A secret string: a stream key, a passphrase, a token.
impl<T> Secret<T> {
    /// Wraps a value from the moment it is read.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that must send or compare it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl Secret<String> {
    /// Whether there is anything to hide.
    pub const fn is_set(&self) -> bool {
        !self.0.is_empty()
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::new(String::from("canary-key"));
        assert!(!format!("{secret:?} {secret:#?}").contains("canary"));
        assert!(secret.is_set());
    }
}
