//! What can be wrong with an MP4, or with what should go into one.

use weir_media::Codec;

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No track of the stream can be written to MP4.
    #[error("no track can be written to MP4{}", named(.0))]
    NothingToWrite(Vec<Codec>),
    /// The track's configuration is missing or does not hold what its codec needs.
    #[error("{codec}: {what}")]
    Config {
        /// The codec.
        codec: Codec,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The tracks changed after the header was written: the rest belongs into a new file.
    #[error("the tracks changed; what follows needs a new file")]
    TracksChanged,
    /// Readers would refuse the index of a longer file: the rest belongs into a new one.
    #[error("the file holds as many frames as readers take; what follows needs a new file")]
    Full,
    /// A box does not hold what its type promises.
    #[error("box {0} is damaged: {1}")]
    Damaged(crate::BoxType, &'static str),
    /// The file has no `moov` to understand its fragments by.
    #[error("the file has no header (moov): nothing in it can be read")]
    NoHeader,
}

fn named(codecs: &[Codec]) -> String {
    if codecs.is_empty() {
        return String::new();
    }
    let names: Vec<_> = codecs.iter().map(ToString::to_string).collect();
    format!(" ({})", names.join(", "))
}
