//! Converts the kernel's ELF file to the bytes that a loader copies.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{FileKind, LittleEndian, ReadCache, ReadRef, elf};

use crate::{PackError, Result};

/// The flat kernel: byte n is loaded n bytes above the link base.
#[derive(Debug)]
pub struct Kernel {
    /// Loadable bytes, without BSS.
    pub bytes: Vec<u8>,
    /// End of BSS, boot tables and stack, in bytes from the link base.
    pub end: u64,
    /// Offset of the packer's record.
    pub record: u64,
    /// Size of the code in bytes, header included, from the link base.
    pub text: u64,
}

impl Kernel {
    /// Reads an ELF file that was linked with this project's linker script.
    pub fn read(path: &Path) -> Result<Kernel> {
        // Most of the file is debug information, which is not read.
        let file = crate::inspect::opened(path)?.file;
        let data = ReadCache::new(file);
        let wrong = |what: &str| PackError::wrong(path, what);
        match FileKind::parse(&data) {
            Ok(FileKind::Elf64) => Kernel::flatten::<FileHeader64<LittleEndian>>(path, &data),
            Ok(FileKind::Elf32) => Kernel::flatten::<FileHeader32<LittleEndian>>(path, &data),
            _ => Err(wrong("is not an ELF file; expected the kernel's")),
        }
    }

    fn flatten<H: FileHeader<Endian = LittleEndian>>(
        path: &Path,
        data: &ReadCache<File>,
    ) -> Result<Kernel> {
        let wrong = |what: &str| PackError::wrong(path, what);
        let header = H::parse(data)
            .ok()
            .filter(|header| header.is_little_endian())
            .ok_or_else(|| wrong("is not a little-endian ELF file"))?;
        if header.e_machine(LittleEndian) != elf::EM_RISCV {
            return Err(wrong("is not for RISC-V"));
        }
        let symbols =
            KernelSymbols::read(header, data).ok_or_else(|| wrong("has damaged symbols"))?;
        let symbol = |name: &str| {
            symbols.address(name).ok_or_else(|| {
                PackError::wrong(
                    path,
                    format!("has no symbol `{name}`: it is another program, or was stripped"),
                )
            })
        };
        let base = symbol("_start")?;
        let offset = |name: &str| -> Result<u64> {
            symbol(name)?.checked_sub(base).ok_or_else(|| {
                PackError::wrong(path, format!("symbol `{name}` lies below `_start`"))
            })
        };
        let (end, record) = (offset("_end")?, offset("pagewalk_record")?);
        let text = offset("_text_end")?;
        let mut bytes = Vec::new();
        let segments = header
            .program_headers(LittleEndian, data)
            .map_err(|_| wrong("is cut off"))?;
        for segment in segments {
            if segment.p_type(LittleEndian) != elf::PT_LOAD {
                continue;
            }
            let content = segment
                .data(LittleEndian, data)
                .map_err(|()| wrong("is cut off"))?;
            let at = segment
                .p_vaddr(LittleEndian)
                .into()
                .checked_sub(base)
                .filter(|at| at.saturating_add(content.len() as u64) <= end);
            let at = at.ok_or_else(|| wrong("has a segment outside `_start` to `_end`"))? as usize;
            if bytes.len() < at + content.len() {
                bytes.resize(at + content.len(), 0);
            }
            bytes[at..at + content.len()].copy_from_slice(content);
        }
        if bytes.len() < 64 || bytes[0x38..0x3c] != *b"RSC\x05" {
            return Err(wrong("does not begin with a Linux Image header"));
        }
        if record as usize + romfs::record::BYTES > bytes.len() {
            return Err(wrong("has its record outside of what is loaded"));
        }
        // The record is written after the CRC of the code is computed, so it must lie outside.
        if text > record || text < 64 {
            return Err(wrong("has its text behind its record"));
        }
        Ok(Kernel {
            bytes,
            end,
            record,
            text,
        })
    }
}

/// The global symbols. The tens of thousands of local symbols are not read.
struct KernelSymbols<'a, H: FileHeader> {
    globals: &'a [H::Sym],
    /// Range of the string table in the file.
    names: Range<u64>,
    data: &'a ReadCache<File>,
}

impl<'a, H: FileHeader<Endian = LittleEndian>> KernelSymbols<'a, H> {
    /// `None` if the symbol table is damaged. A stripped file has none, which is not an error here.
    fn read(header: &H, data: &'a ReadCache<File>) -> Option<KernelSymbols<'a, H>> {
        let mut symbols = KernelSymbols {
            globals: &[],
            names: 0..0,
            data,
        };
        let sections = header.section_headers(LittleEndian, data).ok()?;
        let table = sections
            .iter()
            .find(|section| section.sh_type(LittleEndian) == elf::SHT_SYMTAB);
        let Some(table) = table else {
            return Some(symbols);
        };
        let (at, bytes) = table.file_range(LittleEndian)?;
        // Local symbols come first; sh_info is their number.
        let each = size_of::<H::Sym>() as u64;
        let locals = u64::from(table.sh_info(LittleEndian));
        let count = (bytes / each).checked_sub(locals)?;
        let at = at.checked_add(locals.checked_mul(each)?)?;
        symbols.globals = data.read_slice_at(at, usize::try_from(count).ok()?).ok()?;
        let names = sections.get(table.sh_link(LittleEndian) as usize)?;
        let (at, bytes) = names.file_range(LittleEndian)?;
        symbols.names = at..at.checked_add(bytes)?;
        Some(symbols)
    }

    fn address(&self, name: &str) -> Option<u64> {
        let named = |symbol: &&H::Sym| {
            let at = self
                .names
                .start
                .checked_add(symbol.st_name(LittleEndian).into());
            let found = at
                .filter(|at| self.names.contains(at))
                .and_then(|at| self.data.read_bytes_at_until(at..self.names.end, 0).ok());
            found == Some(name.as_bytes())
        };
        let symbol = self.globals.iter().find(named)?;
        Some(symbol.st_value(LittleEndian).into())
    }
}
