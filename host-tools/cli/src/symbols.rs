//! Names for instructions, out of the programs that `--elf` names.

use std::path::PathBuf;

use anyhow::Context;
use link::Symbols;

/// The programs, in the order they were named.
pub struct Programs(Vec<Symbols>);

impl Programs {
    /// Reads them.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Programs> {
        let symbols = |path: &PathBuf| {
            let name = || path.display().to_string();
            let bytes = std::fs::read(path).with_context(name)?;
            Symbols::read(&bytes).with_context(name)
        };
        let programs = paths.iter().map(symbols);
        Ok(Programs(programs.collect::<anyhow::Result<_>>()?))
    }

    /// `function+0x10`, of the first program that knows the address.
    pub fn name(&self, at: u64) -> Option<String> {
        let (name, offset) = self.0.iter().find_map(|program| program.name(at))?;
        Some(format!("{name}+{offset:#x}"))
    }
}
