//! Where the files of a recording come from, and who hears of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use weir_media::{Frame, StreamPath};

use super::container::Format;
use super::rule::Plan;
use super::writer::Progress;
use super::{Label, path};

/// Makes the files that a [`super::reel::Reel`] writes.
pub(super) trait Files: Send {
    /// Creates the file of this number, from 1. Blocks.
    fn create(&mut self, number: u64, format: Format) -> io::Result<(File, PathBuf)>;
    /// The folder they are made in, for words about it.
    fn folder(&self) -> &Path;
    /// What a file that begins now says of itself.
    fn label(&self) -> Label;
    /// The first frames of tracks that are known already though they come later.
    fn firsts(&self) -> &[Frame] {
        &[]
    }
    /// One is closed and whole, and the recording goes on in another.
    fn is_closed(&mut self, _file: &Path, _progress: Progress) {}
    /// Others are open now: `file` is the one that is written, `beside` those beside it with their length in seconds.
    fn are_open(&mut self, file: &Path, beside: Vec<(PathBuf, f64)>);
}

/// Told of the open files.
pub(super) type OnOpen = Box<dyn FnMut(&Path, Vec<(PathBuf, f64)>) + Send>;

/// Told of a file that is closed while the recording goes on.
pub(super) type OnClose = Box<dyn FnMut(&Path, Progress) + Send>;

/// The files of a stream that is recorded.
pub(super) struct StreamFiles {
    pub(super) plan: Plan,
    pub(super) stream: StreamPath,
    pub(super) on_open: OnOpen,
    pub(super) on_close: OnClose,
}

impl Files for StreamFiles {
    fn create(&mut self, number: u64, format: Format) -> io::Result<(File, PathBuf)> {
        let (plan, ending) = (&self.plan, format.extension());
        let local = jiff::Zoned::now().datetime();
        match plan.segment {
            Some(_) => path::create_segment(&plan.folder, &self.stream, (&plan.pattern, number), local, ending),
            None => path::create(&plan.folder, &self.stream, local, ending),
        }
    }

    fn folder(&self) -> &Path {
        &self.plan.folder
    }

    fn label(&self) -> Label {
        Label::now(&self.stream)
    }

    fn is_closed(&mut self, file: &Path, progress: Progress) {
        (self.on_close)(file, progress);
    }

    fn are_open(&mut self, file: &Path, beside: Vec<(PathBuf, f64)>) {
        (self.on_open)(file, beside);
    }
}
