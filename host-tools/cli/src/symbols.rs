//! Symbols and source lines of instructions, from the programs of `--elf`.

use std::path::PathBuf;

use anyhow::Context;
use link::lines::SourceLine;
use link::{Lines, Symbols};

/// The programs, in the order of the command line.
pub struct Programs {
    symbols: Vec<Symbols>,
    lines: Vec<Lines>,
    /// By how much they lie above where they were linked to.
    moved_by: u64,
}

impl Programs {
    /// Reads their symbols.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Programs> {
        Ok(Programs {
            symbols: all(paths, Symbols::read)?,
            lines: Vec::new(),
            moved_by: 0,
        })
    }

    /// Reads their symbols, and their line tables if they have them.
    pub fn with_lines(paths: &[PathBuf]) -> anyhow::Result<Programs> {
        let lines = all(paths, Lines::read)?.into_iter().flatten();
        Ok(Programs {
            lines: lines.collect(),
            ..Programs::read(paths)?
        })
    }

    /// The same programs, loaded so much above where they were linked to: by KASLR, or by a boot
    /// loader that moved itself.
    pub fn moved_by(self, moved_by: u64) -> Programs {
        Programs { moved_by, ..self }
    }

    /// The line of source, of the first program that knows the address.
    pub fn line(&self, at: u64) -> Option<SourceLine> {
        let at = at.wrapping_sub(self.moved_by);
        self.lines.iter().find_map(|program| program.line(at))
    }

    /// `function+0x10`, from the first program that contains the address.
    pub fn name(&self, at: u64) -> Option<String> {
        let (name, offset) = self.function(at)?;
        Some(format!("{name}+{offset:#x}"))
    }

    /// The function that contains an address, and the offset in it.
    pub fn function(&self, at: u64) -> Option<(String, u64)> {
        let at = at.wrapping_sub(self.moved_by);
        let (name, offset) = self.symbols.iter().find_map(|program| program.name(at))?;
        Some((name.to_owned(), offset))
    }
}

/// Most bytes of a compressed program: a vmlinux with all debug information has a few hundred MiB.
const MOST_BYTES: u64 = 2 << 30;

/// Applies `read` to each file.
fn all<T>(
    paths: &[PathBuf],
    read: impl Fn(&[u8]) -> Result<T, link::symbols::SymbolsError>,
) -> anyhow::Result<Vec<T>> {
    let one = |path: &PathBuf| {
        let name = || path.display().to_string();
        let bytes = container::read(path, MOST_BYTES)?;
        read(&bytes).with_context(name)
    };
    paths.iter().map(one).collect()
}
