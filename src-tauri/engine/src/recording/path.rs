//! Where a recording is written: a name that says stream and time, never collides, and never leaves its folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use weir_media::StreamPath;

use super::pattern::Pattern;

/// Longest part of a file name that comes from the stream path, in bytes. With time, number and extension the name stays
/// below the 143 bytes of the tightest file system in use (eCryptfs), and leaves Windows' 260 characters for the folder.
const MAX_STEM: usize = 100;

/// Numbers of one name that are tried one after the other; a pattern without a time makes many, and then the first free one is
/// looked for.
const IN_A_ROW: u64 = 16;

/// How often a name may be taken just before it is made, before the folder is taken to be broken.
const MAX_TRIES: u32 = 1_000;

/// The extension of an FLV file, without the dot.
pub(crate) const FLV: &str = "flv";

/// The extension of an MP4 file, without the dot.
pub(crate) const MP4: &str = "mp4";

/// Creates the file for a recording of `path` that begins at `local` (wall clock of this computer) in `folder`, which is
/// made when it is missing.
///
/// The name is `<path with / as _>_<YYYYMMDD_HHMMSS>.flv`; when it is taken, `_2`, `_3`… follow the time. Nothing that
/// exists is ever opened, so neither a second publish within one second nor `a/b_c` beside `a_b/c` can overwrite a file.
pub(crate) fn create(
    folder: &Path,
    path: &StreamPath,
    local: DateTime,
    extension: &str,
) -> io::Result<(File, PathBuf)> {
    create_new(folder, &format!("{}_{}", stem(path), local.strftime("%Y%m%d_%H%M%S")), extension)
}

/// Creates the file for a segment: like [`create`], with a name after `pattern`.
pub(crate) fn create_segment(
    folder: &Path,
    path: &StreamPath,
    (pattern, number): (&Pattern, u64),
    local: DateTime,
    extension: &str,
) -> io::Result<(File, PathBuf)> {
    create_new(folder, &tamed(pattern.name(&stem(path), number, local)), extension)
}

/// Creates `name.extension`, or with `_2`, `_3`… when that is taken.
pub(crate) fn create_new(folder: &Path, name: &str, extension: &str) -> io::Result<(File, PathBuf)> {
    std::fs::create_dir_all(folder)?;
    let numbered = |number: u64| {
        folder.join(match number {
            1 => format!("{name}.{extension}"),
            again => format!("{name}_{again}.{extension}"),
        })
    };
    let mut number = 1;
    for _ in 0..MAX_TRIES {
        let candidate = numbered(number);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&candidate) {
            Ok(file) => {
                super::repair::claim(&file);
                // A power cut must not lose the name of a file whose content is safe.
                crate::paths::sync_folder(folder);
                return Ok((file, candidate));
            }
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {
                let is_taken = |number| numbered(number).symlink_metadata().is_ok();
                number = if number < IN_A_ROW { number + 1 } else { free_after(number, is_taken) };
            }
            Err(other) => return Err(other),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name for the recording is taken as soon as it is chosen"))
}

/// A free number after one that is taken, the first one where none between is free: thousands of files are not tried one by one.
fn free_after(taken: u64, is_taken: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (taken, taken.saturating_add(1));
    while is_taken(high) && high < u64::MAX {
        (low, high) = (high, high.saturating_mul(2));
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_taken(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The stream path as the beginning of a file name that every file system and shell takes.
fn stem(path: &StreamPath) -> String {
    let mut stem: String = path.as_str().chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    stem = tamed(stem);
    if stem.len() > MAX_STEM {
        let told_apart_by = format!("~{:08x}", fnv1a(path.as_str().as_bytes()));
        let mut end = MAX_STEM - told_apart_by.len();
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        stem.truncate(end);
        stem.push_str(&told_apart_by);
    }
    stem
}

/// A name whose beginning no system takes for something else.
pub(super) fn tamed(mut stem: String) -> String {
    if stem.starts_with(['.', ' ']) {
        // A leading dot hides the file, a leading blank is cut by some tools.
        stem.replace_range(..1, "_");
    }
    // Windows takes what stands before the first dot for the device, whatever follows: `con.show_2026….flv` is the console.
    if stem.split_once('.').is_some_and(|(device, _)| is_windows_device(device.trim_end())) {
        stem.insert(0, '_');
    }
    stem
}

/// Whether a character may stand in a file name: not a separator, not forbidden by Windows, not one that hides or turns
/// around the text beside it (a name must look like what it is).
pub(super) fn is_safe(c: char) -> bool {
    let separator = matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '%');
    let invisible =
        matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !separator && !invisible && !c.is_control()
}

/// The device names of Windows, with which no file name may begin ("Naming Files, Paths, and Namespaces").
fn is_windows_device(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    if matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let Some(number) = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT")) else { return false };
    let mut digits = number.chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// FNV-1a with 32 bits: tells shortened names apart for a reader; uniqueness itself comes from creating the file.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn path(text: &str) -> StreamPath {
        StreamPath::parse(text).unwrap()
    }

    fn noon() -> DateTime {
        date(2026, 11, 22).at(12, 5, 9, 0)
    }

    fn name_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (_, file) = create(folder.path(), &path(text), noon(), FLV).unwrap();
        file.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_says_stream_and_local_time() {
        assert_eq!(name_of("live/show"), "live_show_20261122_120509.flv");
        assert_eq!(name_of("a/b/c"), "a_b_c_20261122_120509.flv");
        assert_eq!(name_of("live/Grüße 日本"), "live_Grüße 日本_20261122_120509.flv");
    }

    #[test]
    fn what_a_file_system_refuses_is_cleaned() {
        for (from, stem) in [
            ("live/a:b*c?d", "live_a_b_c"), // the query begins at the question mark
            ("live/<a>|\"b\"", "live__a___b_"),
            (".hidden/x", "_hidden_x"),
            (" x/y", "_x_y"),
            ("con.a/b", "_con.a_b"),
            ("COM1 .x", "_COM1 .x"),
            ("com¹.x", "_com¹.x"),
            ("con", "con"),
            ("comet.x", "comet.x"),
            ("live/gpj\u{202E}exe", "live_gpj_exe"),
            ("live/%T%s", "live__T_s"),
        ] {
            assert_eq!(super::stem(&path(from)), stem, "{from:?}");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_told_apart() {
        let (one, two) = (format!("live/{}a", "ü".repeat(90)), format!("live/{}b", "ü".repeat(90)));
        let (one, two) = (stem(&path(&one)), stem(&path(&two)));
        assert!(one.len() <= MAX_STEM && two.len() <= MAX_STEM);
        assert_ne!(one, two);
    }

    /// Fault 23 of the predecessor: an earlier file was overwritten.
    #[test]
    fn publishing_again_within_one_second_never_overwrites_a_recording() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = ["a/b_c", "a_b/c", "a/b_c"]
            .iter()
            .map(|text| create(folder.path(), &path(text), noon(), FLV).unwrap().1)
            .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a_b_c_20261122_120509.flv", "a_b_c_20261122_120509_2.flv", "a_b_c_20261122_120509_3.flv"]);
    }

    /// A pattern may have no time in it: the name is the same for years.
    #[test]
    fn thousands_of_one_name_find_a_free_one_quickly() {
        let folder = tempfile::tempdir().unwrap();
        let made = |number: u64| folder.path().join(format!("show_{number}.flv"));
        std::fs::write(folder.path().join("show.flv"), b"").unwrap();
        (2..=3_000).for_each(|number| std::fs::write(made(number), b"").unwrap());
        for number in 3_001..=3_003 {
            assert_eq!(create_new(folder.path(), "show", FLV).unwrap().1, made(number));
        }
        let looks = std::cell::Cell::new(0);
        let is_taken = |number| {
            looks.set(looks.get() + 1);
            number <= 1_000_000
        };
        assert_eq!((free_after(16, is_taken), looks.get() < 50), (1_000_001, true));
    }

    #[test]
    fn fault_23_no_path_escapes_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("recordings");
        for text in ["a/...", "C:/x", "~/x", "a/%2e%2e/b", "con.x/y", "．．/x"] {
            let (_, file) = create(&inside, &path(text), noon(), FLV).unwrap();
            assert_eq!(file.parent(), Some(inside.as_path()), "{text:?}");
            assert!(file.canonicalize().unwrap().starts_with(inside.canonicalize().unwrap()), "{text:?}");
        }
    }
}
