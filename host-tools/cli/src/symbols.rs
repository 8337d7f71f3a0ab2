//! Symbols and source lines of instructions, from the programs of `--elf`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use link::lines::SourceLine;
use link::{Lines, Symbols};

/// The programs, in the order of the command line.
pub struct Programs {
    symbols: Vec<Symbols>,
    lines: Vec<Lines>,
    /// By how much they lie above where they were linked to.
    moved_by: u64,
    /// Names that a report has for addresses of its own.
    printed: Vec<(u64, String)>,
}

impl Programs {
    /// Reads their symbols.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Programs> {
        paths.iter().try_for_each(|path| note_unlinked(path))?;
        Ok(Programs {
            symbols: all(paths, Symbols::read)?,
            lines: Vec::new(),
            moved_by: 0,
            printed: Vec::new(),
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

    /// The same programs; where none of them knows an address, it is called as a report has it.
    pub fn with_printed(self, printed: Vec<(u64, String)>) -> Programs {
        Programs { printed, ..self }
    }

    /// The line of source, of the first program that knows the address.
    pub fn line(&self, at: u64) -> Option<SourceLine> {
        let at = at.wrapping_sub(self.moved_by);
        self.lines.iter().find_map(|program| program.line(at))
    }

    /// `function+0x10`, from the first program that contains the address.
    pub fn name(&self, at: u64) -> Option<String> {
        let printed = || {
            let found = self.printed.iter().find(|(known, _)| *known == at);
            found.map(|(_, name)| name.clone())
        };
        match self.function(at) {
            Some((name, offset)) => Some(format!("{name}+{offset:#x}")),
            None => printed(),
        }
    }

    /// The function that contains an address, and the offset in it.
    pub fn function(&self, at: u64) -> Option<(String, u64)> {
        let at = at.wrapping_sub(self.moved_by);
        let (name, offset) = self.symbols.iter().find_map(|program| program.name(at))?;
        Some((name.to_owned(), offset))
    }
}

fn is_rel(elf: &[u8]) -> bool {
    const REL: [u8; 2] = [1, 0];
    elf.starts_with(b"\x7fELF") && elf.get(16..18) == Some(&REL)
}

/// Whether it is a module of Linux: an ELF file of type ET_REL with a section of that name. An object file may have
/// been assembled for its own addresses.
fn is_unlinked(elf: &[u8]) -> bool {
    const SECTION: &[u8] = b".gnu.linkonce.this_module";
    is_rel(elf) && elf.windows(SECTION.len()).any(|it| it == SECTION)
}

/// Most bytes of a compressed program: a vmlinux with all debug information has a few hundred MiB.
const MOST_BYTES: u64 = 2 << 30;

/// Notes which file has no addresses yet.
fn note_unlinked(path: &Path) -> anyhow::Result<()> {
    // A vmlinux is large, and is none.
    if is_rel(&container::head(path, 64)?) && is_unlinked(&container::read(path, MOST_BYTES)?) {
        let name = path.display();
        eprintln!(
            "note: {name}: a kernel's module, linked only when it is loaded: names of its \
             instructions are those that the kernel printed; scripts/faddr2line {name} FUNCTION+0xOFFSET has the line"
        );
    }
    Ok(())
}

/// Applies `read` to each file that is linked.
fn all<T>(
    paths: &[PathBuf],
    read: impl Fn(&[u8]) -> Result<T, link::symbols::SymbolsError>,
) -> anyhow::Result<Vec<T>> {
    let one = |path: &PathBuf| {
        let name = || path.display().to_string();
        let bytes = container::read(path, MOST_BYTES)?;
        if is_unlinked(&bytes) {
            return Ok(None);
        }
        read(&bytes).with_context(name).map(Some)
    };
    paths
        .iter()
        .filter_map(|path| one(path).transpose())
        .collect()
}
