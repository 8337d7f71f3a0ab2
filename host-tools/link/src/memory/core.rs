//! ELF cores: every PT_LOAD is physical memory at its `p_paddr`.

use std::path::Path;

use object::elf::{EM_RISCV, ET_CORE, FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};
use pagetable::{PhysAddr, Xlen};

use super::OpenError;
use super::files::{self, Files, Piece};

/// An open core.
pub struct Core {
    /// Its memory.
    pub memory: Files,
    /// Its class: the width of the machine's registers.
    pub xlen: Xlen,
    /// Where memory is missing that the headers promise: the file was cut off.
    pub cut_at: Option<PhysAddr>,
}

/// Opens a core of a RISC-V machine.
pub fn open(path: &Path) -> Result<Core, OpenError> {
    let (file, bytes) = files::open(path)?;
    let broken = |what: &str| OpenError::Elf(path.to_owned(), what.to_owned());
    let cache = ReadCache::new(&file);
    let (xlen, pieces) = match FileKind::parse(&cache) {
        Ok(FileKind::Elf32) => (
            Xlen::Rv32,
            pieces::<FileHeader32<Endianness>, _>(path, &cache)?,
        ),
        Ok(FileKind::Elf64) => (
            Xlen::Rv64,
            pieces::<FileHeader64<Endianness>, _>(path, &cache)?,
        ),
        _ => return Err(broken("not an ELF file")),
    };
    drop(cache);
    if pieces.is_empty() {
        return Err(OpenError::Empty(path.to_owned()));
    }
    let mut core = Core {
        memory: Files::default(),
        xlen,
        cut_at: None,
    };
    core.memory.add_file(path, file);
    for mut piece in pieces {
        let present = bytes.saturating_sub(piece.offset);
        if piece.in_file > present {
            core.cut_at
                .get_or_insert(PhysAddr::new(piece.start + present));
            piece.in_file = present;
            piece.end = piece.start + present;
        }
        core.memory.add_piece(piece);
    }
    Ok(core)
}

fn pieces<'data, H, R>(path: &Path, data: R) -> Result<Vec<Piece>, OpenError>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let broken = |error: object::Error| OpenError::Elf(path.to_owned(), error.to_string());
    let header = H::parse(data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    if header.e_machine(endian) != EM_RISCV {
        return Err(OpenError::Machine(
            path.to_owned(),
            header.e_machine(endian).0,
        ));
    }
    if header.e_type(endian) != ET_CORE {
        return Err(OpenError::NotACore(
            path.to_owned(),
            header.e_type(endian).0,
        ));
    }
    let mut pieces = Vec::new();
    for segment in header.program_headers(endian, data).map_err(broken)? {
        let bytes: u64 = segment.p_memsz(endian).into();
        if segment.p_type(endian) != PT_LOAD || bytes == 0 {
            continue;
        }
        let start: u64 = segment.p_paddr(endian).into();
        let Some(end) = start.checked_add(bytes) else {
            return Err(OpenError::TooHigh(path.to_owned()));
        };
        let in_file: u64 = segment.p_filesz(endian).into();
        pieces.push(Piece {
            start,
            end,
            offset: segment.p_offset(endian).into(),
            in_file: in_file.min(bytes),
            file: 0,
        });
    }
    Ok(pieces)
}
