//! Recordings made of others: a part of one, or several one after the other.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wire::{Event, Split, Splitter};

use super::block::{Block, BlockKind, started};
use super::file::RecordingFile;
use super::reader::Blocks;

/// Why no recording was made.
#[derive(Debug, Error)]
pub enum EditError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Nothing was recorded in that time.
    #[error("{}: nothing was recorded {}; it lasts {} s", path.display(), span(*from_us, *to_us), seconds(*lasts_us))]
    Empty {
        /// The recording.
        path: PathBuf,
        /// Microseconds since the start of the recording.
        from_us: u64,
        /// Microseconds since the start of the recording; `u64::MAX` for its end.
        to_us: u64,
        /// Length of the recording in microseconds.
        lasts_us: u64,
    },
    /// Two recordings overlap in time, so that their bytes would be mixed.
    #[error("{} and {} overlap in time: they are of two lines, and one recording has one line", .0.display(), .1.display())]
    Overlap(PathBuf, PathBuf),
    /// The result would replace an input.
    #[error("{} is an input; the result needs a name of its own", .0.display())]
    SameFile(PathBuf),
}

fn span(from_us: u64, to_us: u64) -> String {
    let from = seconds(from_us);
    match to_us {
        u64::MAX => format!("from second {from} on"),
        _ => format!("from second {from} to before {}", seconds(to_us)),
    }
}

/// Microseconds as seconds, without zeros at the end.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Copies what was recorded from `from_us` to before `to_us`, in microseconds since the first block. The
/// board's name and clock come first, so that times are known. Returns the number of blocks.
pub fn cut(path: &Path, from_us: u64, to_us: u64, to: &Path) -> Result<u64, EditError> {
    refuse_same(path, to)?;
    let mut blocks = Blocks::open(path)?;
    let Some(first) = blocks.next()? else {
        return Err(EditError::Empty {
            path: path.to_owned(),
            from_us,
            to_us,
            lasts_us: 0,
        });
    };
    let [begin, end] = [from_us, to_us].map(|since| first.at_us.saturating_add(since));
    let start_us = first.at_us;
    let mut next = Some(first);
    if from_us > 0 {
        blocks.seek(begin)?;
        if !blocks.is_old() {
            next = blocks.next()?;
        }
    }
    let (mut welcomes, mut last_us, mut count) = (WelcomeScan::default(), start_us, 0);
    let mut out: Option<RecordingFile> = None;
    while let Some(block) = next {
        if block.at_us >= end {
            break;
        }
        last_us = block.at_us;
        if block.at_us < begin {
            welcomes.take(&block);
        } else {
            let out = match &mut out {
                Some(out) => out,
                none => none.insert(beginning(to, block.at_us, &welcomes, from_us > 0)?),
            };
            out.put(block.kind, &block.payload, block.at_us)?;
            count += 1;
        }
        next = blocks.next()?;
    }
    match out {
        Some(mut out) => out.end()?,
        None => {
            while let Some(block) = blocks.next()? {
                last_us = block.at_us;
            }
            return Err(EditError::Empty {
                path: path.to_owned(),
                from_us,
                to_us,
                lasts_us: last_us.saturating_sub(start_us),
            });
        }
    }
    Ok(count)
}

/// Begins a part of a recording.
fn beginning(
    to: &Path,
    at_us: u64,
    welcomes: &WelcomeScan,
    is_part: bool,
) -> io::Result<RecordingFile> {
    let mut out = RecordingFile::create(to)?;
    if is_part {
        let started = started(at_us);
        out.put(started.kind, &started.payload, at_us)?;
        if let Some(welcome) = &welcomes.last {
            out.put(BlockKind::Context, welcome, at_us)?;
        }
    }
    Ok(out)
}

/// Joins recordings of one line, which must not overlap, in the order of their times. Returns their order.
pub fn merge(paths: &[PathBuf], to: &Path) -> Result<Vec<PathBuf>, EditError> {
    let mut parts = Vec::new();
    for path in paths {
        refuse_same(path, to)?;
        let mut blocks = Blocks::open(path)?;
        let (mut first, mut last) = (None, 0);
        while let Some(block) = blocks.next()? {
            first.get_or_insert(block.at_us);
            last = block.at_us;
        }
        if let Some(first) = first {
            parts.push((first, last, path.clone()));
        }
    }
    parts.sort();
    for pair in parts.windows(2) {
        if let [(_, end, one), (begin, _, other)] = pair
            && end > begin
        {
            return Err(EditError::Overlap(one.clone(), other.clone()));
        }
    }
    let mut out = RecordingFile::create(to)?;
    for (_, _, path) in &parts {
        let mut blocks = Blocks::open(path)?;
        while let Some(block) = blocks.next()? {
            out.put(block.kind, &block.payload, block.at_us)?;
        }
    }
    out.end()?;
    Ok(parts.into_iter().map(|(_, _, path)| path).collect())
}

/// The result is written while the input is read.
fn refuse_same(path: &Path, to: &Path) -> Result<(), EditError> {
    let same = match (path.canonicalize(), to.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => path == to,
    };
    match same {
        true => Err(EditError::SameFile(to.to_owned())),
        false => Ok(()),
    }
}

/// Keeps the last welcome of what goes by.
struct WelcomeScan {
    splitter: Splitter<{ wire::LARGEST }>,
    last: Option<Vec<u8>>,
}

impl Default for WelcomeScan {
    fn default() -> WelcomeScan {
        WelcomeScan {
            splitter: Splitter::new(),
            last: None,
        }
    }
}

impl WelcomeScan {
    fn take(&mut self, block: &Block) {
        if !matches!(block.kind, BlockKind::Received | BlockKind::Context) {
            return;
        }
        for &byte in &block.payload {
            if let Some(Split::Frame(frame)) = self.splitter.feed(byte)
                && let Ok(Event::Welcome(_)) = Event::decode(&frame)
            {
                let mut room = [0; wire::LARGEST];
                let used = frame.encode(&mut room).unwrap_or(0);
                self.last = Some(room[..used].to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> u64 {
        1_000_000_000 + number * 1_000_000
    }

    /// A recording with a line each second, from `from` to before `to`.
    fn recording(path: &Path, from: u64, to: u64) {
        let mut file = RecordingFile::create(path).unwrap();
        for number in from..to {
            let line = format!("second {number}\n");
            file.put(BlockKind::Received, line.as_bytes(), second(number))
                .unwrap();
            file.flush().unwrap();
        }
        file.end().unwrap();
    }

    fn text(path: &Path) -> String {
        let mut blocks = Blocks::open(path).unwrap();
        let mut text = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            if block.kind == BlockKind::Received {
                text.extend(block.payload);
            }
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_part_is_cut_out_and_parts_are_joined_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        recording(&at("all"), 0, 20);
        for (name, from, to) in [("a", 0, 7), ("b", 7, 13), ("c", 13, u64::MAX / 2_000_000)] {
            cut(&at("all"), from * 1_000_000, to * 1_000_000, &at(name)).unwrap();
        }
        assert_eq!(text(&at("b")).lines().next(), Some("second 7"));
        let order = merge(&[at("c"), at("a"), at("b")], &at("again")).unwrap();
        assert_eq!(order, [at("a"), at("b"), at("c")]);
        assert_eq!(text(&at("again")), text(&at("all")));
    }

    #[test]
    fn two_lines_are_not_mixed_and_no_input_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        recording(&at("one"), 0, 20);
        recording(&at("other"), 5, 8);
        let mixed = merge(&[at("one"), at("other")], &at("both"));
        assert!(matches!(mixed, Err(EditError::Overlap(..))), "{mixed:?}");
        let replaced = cut(&at("one"), 0, 9, &at("one"));
        assert!(
            matches!(replaced, Err(EditError::SameFile(_))),
            "{replaced:?}"
        );
        let late = cut(&at("one"), 90_000_000, 91_000_000, &at("late"));
        assert!(matches!(late, Err(EditError::Empty { .. })), "{late:?}");
        assert!(!at("late").exists());
    }
}
