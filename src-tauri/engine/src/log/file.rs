//! A log file that begins anew when it is large: `weir.log` is being written, `weir.1.log` is the one before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file being written.
pub(super) const NAME: &str = "weir.log";
/// Least size of a file: below it there would be nothing but rotation.
pub(super) const LEAST: u64 = 4096;

/// Writes a file that is rotated by size.
#[derive(Debug)]
pub(super) struct Rotated {
    folder: PathBuf,
    file: File,
    written: u64,
    most: u64,
    kept: u32,
}

impl Rotated {
    /// Goes on with the file in `folder`, of at most `most` bytes; `kept` files stay, this one among them.
    pub(super) fn open(folder: &Path, most: u64, kept: u32) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = append(&folder.join(NAME))?;
        let written = file.metadata()?.len();
        Ok(Self { folder: folder.to_owned(), file, written, most: most.max(LEAST), kept: kept.max(1) })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let number = |number: u32| match number {
            0 => self.folder.join(NAME),
            number => self.folder.join(format!("weir.{number}.log")),
        };
        // Whatever is beyond the number, from an earlier setting too.
        for gone in (self.kept.saturating_sub(1)..).map(number).take_while(|file| file.exists()) {
            fs::remove_file(gone)?;
        }
        for older in (0..self.kept.saturating_sub(1)).rev() {
            match fs::rename(number(older), number(older + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = append(&self.folder.join(NAME))?;
        self.written = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // Addresses of viewers are nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Write for Rotated {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written + line.len() as u64 > self.most {
            // A file that cannot be put aside (another program holds it on Windows) grows rather than being lost.
            let _ = self.rotate();
        }
        let written = self.file.write(line)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_in_size_and_number_and_the_newest_lines_are_in_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut rotated = Rotated::open(folder.path(), 5000, 3).unwrap();
        for number in 0..500 {
            writeln!(rotated, "{number:099}").unwrap();
        }
        drop(rotated);
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["weir.1.log", "weir.2.log", "weir.log"]);
        for name in &names {
            assert!(fs::metadata(folder.path().join(name)).unwrap().len() <= 5000);
        }
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("weir.log").ends_with("499\n"));
        assert!(read("weir.1.log").lines().last().unwrap() < read("weir.log").lines().next().unwrap());
        // Goes on where it was; fewer files are kept from now on.
        let mut rotated = Rotated::open(folder.path(), 4096, 1).unwrap();
        rotated.write_all(&[b'x'; 4096]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "those of the earlier setting go as well");
        rotated.write_all(&[b'y'; 4096]).unwrap();
        assert!(read("weir.log").starts_with('y'));
    }
}
