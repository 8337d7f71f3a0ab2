//! The file that a kernel was linked to: where its symbols are, and the layouts of its structures.

use std::collections::HashMap;

use object::{Object, ObjectSymbol};
use pagetable::Xlen;

use super::OsError;
use super::dwarf::Dwarf;
use super::layouts::{Layouts, offset};
use crate::debug_sections;
use crate::symbols::SymbolsError;

/// A kernel's file with symbols, and with DWARF where it was not stripped.
pub struct KernelFile {
    /// Address and size of each symbol that is defined in it.
    symbols: HashMap<String, (u64, u64)>,
    dwarf: Dwarf,
    xlen: Xlen,
}

impl KernelFile {
    /// Reads an ELF file.
    pub fn read(elf: &[u8]) -> Result<KernelFile, SymbolsError> {
        let file = object::File::parse(elf).map_err(SymbolsError::NotAnObject)?;
        let defined = file.symbols().filter(|symbol| symbol.is_definition());
        let symbols = defined.filter_map(|symbol| {
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            Some((name.to_owned(), (symbol.address(), symbol.size())))
        });
        let sections = debug_sections::load(&file).map_err(SymbolsError::NotAnObject)?;
        Ok(KernelFile {
            symbols: symbols.collect(),
            dwarf: Dwarf::new(sections),
            xlen: match file.is_64() {
                true => Xlen::Rv64,
                false => Xlen::Rv32,
            },
        })
    }

    /// Register width that it was linked for.
    pub fn xlen(&self) -> Xlen {
        self.xlen
    }

    /// Bytes of a pointer.
    pub(super) fn word_bytes(&self) -> u64 {
        u64::from(self.xlen.bits()) / 8
    }

    /// Address of a symbol.
    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).map(|(at, _)| *at)
    }

    /// Bytes of what a symbol names.
    pub(super) fn symbol_bytes(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).map(|(_, bytes)| *bytes)
    }

    /// Offset and bytes of a member.
    pub(super) fn field(
        &self,
        of: &'static str,
        path: &'static str,
    ) -> Result<(u64, u64), OsError> {
        let bytes = self.dwarf.member_bytes(of, path);
        let bytes = bytes.ok_or(OsError::Member(of, path))?;
        Ok((offset(self, of, path)?, bytes))
    }

    /// The value of an enumeration's name.
    pub(super) fn enumerator(&self, of: &str, name: &str) -> Option<u64> {
        let all = self.dwarf.enumerators(of);
        all.into_iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }
}

impl Layouts for KernelFile {
    fn member(&self, of: &str, path: &str) -> Option<u64> {
        self.dwarf.member(of, path)
    }

    fn size(&self, of: &str) -> Option<u64> {
        self.dwarf.size(of)
    }
}
