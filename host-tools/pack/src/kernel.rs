//! From the kernel's ELF file to the bytes a loader copies.

use std::fs;
use std::path::Path;

use object::read::elf::{ElfFile64, ProgramHeader};
use object::{LittleEndian, Object, ObjectSymbol, elf};

use crate::{Error, Result};

/// A kernel, flat: byte n belongs n bytes above the link base.
#[derive(Debug)]
pub struct Kernel {
    /// Its file's bytes in memory, BSS not included.
    pub bytes: Vec<u8>,
    /// Where BSS, boot tables and stack end, in bytes from the link base.
    pub end: u64,
    /// Where the packer's record lies.
    pub record: u64,
}

impl Kernel {
    /// Reads an ELF file that our linker script made.
    pub fn read(path: &Path) -> Result<Kernel> {
        let data = fs::read(path).map_err(Error::io("read", path))?;
        let wrong = |what: &str| Error::wrong(path, what);
        let file = ElfFile64::<LittleEndian>::parse(&*data)
            .map_err(|_| wrong("is no 64-bit ELF file; the kernel's is meant"))?;
        if file.elf_header().e_machine.get(LittleEndian) != elf::EM_RISCV {
            return Err(wrong("is not for RISC-V"));
        }
        let symbol = |name: &str| {
            let found = file.symbols().find(|symbol| symbol.name() == Ok(name));
            found.map(|symbol| symbol.address()).ok_or_else(|| {
                Error::wrong(
                    path,
                    format!("has no symbol `{name}`: it is not this kernel, or it was stripped"),
                )
            })
        };
        let base = symbol("_start")?;
        let offset = |name: &str| -> Result<u64> {
            symbol(name)?
                .checked_sub(base)
                .ok_or_else(|| Error::wrong(path, format!("symbol `{name}` lies below `_start`")))
        };
        let (end, record) = (offset("_end")?, offset("pagewalk_record")?);
        let mut bytes = Vec::new();
        for segment in file.elf_program_headers() {
            if segment.p_type(LittleEndian) != elf::PT_LOAD {
                continue;
            }
            let content = segment
                .data(LittleEndian, &*data)
                .map_err(|()| wrong("is cut off"))?;
            let at = segment
                .p_vaddr(LittleEndian)
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
        Ok(Kernel { bytes, end, record })
    }
}
