//! What a recording is written into, and which of the formats a stream needs.

use std::io;
use std::path::Path;

use weir_media::{Codec, TrackKind, Tracks};

use super::failure::Failure;
use super::writer::{Item, Progress};
use super::{config, folder_of};

/// A file that is being written. Runs on the writer's thread, so it may block.
pub(super) trait Container {
    /// Writes one item.
    fn write(&mut self, item: &Item) -> Result<(), Refusal>;
    /// How far the file has got.
    fn progress(&self) -> Progress;
    /// Whether its format holds little more: the next place to begin a file should be taken.
    fn is_nearly_full(&self) -> bool {
        false
    }
    /// Hands everything written to the operating system.
    fn flush(&mut self) -> Result<(), Failure>;
    /// Forces everything written to the disk, and notices when the file is gone.
    fn sync(&mut self) -> Result<(), Failure>;
    /// Completes the file. Called after a failure too, then to save what is there; best effort in that case.
    fn close(&mut self) -> Result<(), Failure>;
}

/// Whether the file that is written still is where it was made. On most systems an open file can be deleted or moved, and writing to it
/// goes on to nowhere; what was moved can still be closed in order.
pub(super) fn is_there(path: &Path) -> Result<(), Failure> {
    let is_gone = path.try_exists().map_or_else(|error| error.kind() == io::ErrorKind::NotADirectory, |there| !there);
    if is_gone { Err(Failure::of_disk(&io::ErrorKind::NotFound.into(), folder_of(path))) } else { Ok(()) }
}

/// Why an item was not written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The file cannot take it; a new one can.
    NeedsNewFile,
    /// Nothing can be written any more.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Flv,
    Mp4,
}

impl Format {
    /// What these tracks are written to. Every program reads H.264 with AAC or MP3 in FLV; newer codecs and several tracks of
    /// a kind are widely read in MP4 alone. What MP4 cannot hold at all is kept in FLV rather than lost.
    pub(super) fn choose(container: config::Container, tracks: &Tracks) -> Self {
        let media = || tracks.iter().filter(|track| track.id.kind != TrackKind::Data);
        let classic = media().all(|track| matches!(track.codec, Codec::H264 | Codec::Aac | Codec::Mp3))
            && media().all(|track| track.id.index == 0);
        let every = || media().all(|track| weir_mp4::supports(track.codec));
        let some = || media().any(|track| weir_mp4::supports(track.codec));
        match container {
            config::Container::Auto if !classic && every() => Self::Mp4,
            config::Container::Mp4 if some() => Self::Mp4,
            _ => Self::Flv,
        }
    }

    /// The ending of its files, without the dot.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Flv => super::path::FLV,
            Self::Mp4 => super::path::MP4,
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_media::{Track, TrackId};

    use super::*;

    #[test]
    fn a_file_is_gone_when_its_folder_is_gone_or_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("recordings");
        let file = inside.join("a.flv");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(&file, b"").unwrap();
        assert!(is_there(&file).is_ok());
        std::fs::remove_dir_all(&inside).unwrap();
        assert!(is_there(&file).is_err());
        std::fs::write(&inside, b"").unwrap();
        assert!(is_there(&file).is_err());
    }

    #[test]
    fn each_codec_goes_where_it_is_read() {
        use config::Container::{Auto, Flv, Mp4};
        let video = |codec| Track::new(TrackId::VIDEO, codec);
        let audio = |codec| Track::new(TrackId::AUDIO, codec);
        for (container, tracks, format) in [
            (Auto, vec![video(Codec::H264), audio(Codec::Aac)], Format::Flv),
            (Auto, vec![video(Codec::H264), audio(Codec::Mp3)], Format::Flv),
            (Auto, vec![audio(Codec::Aac)], Format::Flv),
            (Auto, vec![video(Codec::H264), audio(Codec::Opus)], Format::Mp4),
            (Auto, vec![video(Codec::H265)], Format::Mp4),
            (Auto, vec![video(Codec::Av1), audio(Codec::Flac)], Format::Mp4),
            (Auto, vec![audio(Codec::Aac), Track::new(TrackId::audio(1), Codec::Aac)], Format::Mp4),
            (Auto, vec![video(Codec::H266), audio(Codec::Aac)], Format::Flv),
            (Mp4, vec![video(Codec::H264), audio(Codec::Aac)], Format::Mp4),
            (Mp4, vec![video(Codec::H266)], Format::Flv),
            (Flv, vec![video(Codec::Av1)], Format::Flv),
        ] {
            let data = Track::new(TrackId::DATA, Codec::Script);
            let set = tracks.iter().cloned().fold(Tracks::default().with(data), |set, track| set.with(track));
            assert_eq!(Format::choose(container, &set), format, "{container:?} {tracks:?}");
        }
    }
}
