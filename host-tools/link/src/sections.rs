//! Sections of a program, and where they lie: names of virtual and physical addresses.
//!
//! A section is named at its virtual address. Where the segment that holds it has a physical address of its own
//! (`p_paddr` other than `p_vaddr`), it is named there too: a kernel that is linked high and loaded low.

use object::elf::{FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSection, ObjectSymbol, SectionFlags, elf};
use thiserror::Error;

use crate::memory::PhysRange;

/// Most sections that are kept.
const MOST_SECTIONS: usize = 4096;

/// A section that takes memory while the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, as `.text`.
    pub name: String,
    /// Virtual addresses; the first and the last.
    pub va: PhysRange,
    /// Physical addresses, where the file states them apart.
    pub pa: Option<PhysRange>,
}

/// Why a file has no sections.
#[derive(Debug, Error)]
pub enum SectionsError {
    /// Not an ELF file that can be read.
    #[error("not an ELF file")]
    NotElf(#[source] object::Error),
    /// No section takes memory.
    #[error("has no sections; a program that is linked has some")]
    None,
}

/// A segment: virtual and physical address of its first byte, and length in memory.
type Load = (u64, u64, u64);

/// Reads the sections of an ELF file that take memory.
pub fn read(bytes: &[u8]) -> Result<Vec<Section>, SectionsError> {
    let file = object::File::parse(bytes).map_err(SectionsError::NotElf)?;
    let loads = match FileKind::parse(bytes).map_err(SectionsError::NotElf)? {
        FileKind::Elf32 => loads::<FileHeader32<Endianness>>(bytes),
        FileKind::Elf64 => loads::<FileHeader64<Endianness>>(bytes),
        _ => Vec::new(),
    };
    let is_allocated = |flags| match flags {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(elf::SHF_ALLOC),
        _ => false,
    };
    let mut sections = Vec::new();
    for section in file.sections().filter(|it| is_allocated(it.flags())) {
        let (at, bytes) = (section.address(), section.size());
        let (Some(va), Ok(name)) = (PhysRange::of(at, bytes), section.name()) else {
            continue;
        };
        let holder = loads.iter().find(|(start, _, length)| {
            at.checked_sub(*start)
                .is_some_and(|offset| offset < *length)
        });
        let pa = holder.filter(|(va, pa, _)| va != pa);
        let pa = pa.and_then(|(va, pa, _)| PhysRange::of(pa.checked_add(at - va)?, bytes));
        let name = name.to_owned();
        sections.push(Section { name, va, pa });
        if sections.len() == MOST_SECTIONS {
            break;
        }
    }
    match sections.is_empty() {
        true => Err(SectionsError::None),
        false => Ok(sections),
    }
}

fn loads<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Vec<Load> {
    let headers = || {
        let header = Elf::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        Some((endian, header.program_headers(endian, bytes).ok()?))
    };
    let Some((endian, headers)) = headers() else {
        return Vec::new();
    };
    let loads = headers.iter().filter(|it| it.p_type(endian) == PT_LOAD);
    let load = |it: &Elf::ProgramHeader| {
        let (va, pa) = (it.p_vaddr(endian).into(), it.p_paddr(endian).into());
        (va, pa, it.p_memsz(endian).into())
    };
    loads.map(load).collect()
}

/// The addresses of these symbols, in their order; the name of the first that the file lacks otherwise.
pub fn addresses<'a, const N: usize>(
    bytes: &[u8],
    names: [&'a str; N],
) -> Result<[u64; N], MissingSymbol<'a>> {
    let file = object::File::parse(bytes).map_err(|_| MissingSymbol(names[0]))?;
    let mut found = [0; N];
    for (at, name) in found.iter_mut().zip(names) {
        let mut symbols = file.symbols();
        let symbol = symbols.find(|it| it.name() == Ok(name));
        *at = symbol.ok_or(MissingSymbol(name))?.address();
    }
    Ok(found)
}

/// A symbol that a program lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("has no symbol `{0}`; the kernel that `just build` leaves has it, before it is stripped")]
pub struct MissingSymbol<'a>(pub &'a str);

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &[u8] = include_bytes!("../../cli/tests/captures/planned.elf");

    #[test]
    fn sections_are_named_where_they_are_linked() {
        let found = read(KERNEL).unwrap();
        let listed: Vec<_> = found.iter().map(|it| (&*it.name, it.va.first)).collect();
        let link = 0xffff_ffff_8000_0000;
        assert_eq!(listed, [(".text", link), (".data", link + 0x2000)]);
        assert!(found.iter().all(|it| it.pa.is_none()), "one address each");
    }

    #[test]
    fn a_symbol_that_is_not_there_is_named() {
        let found = addresses(KERNEL, ["_start", "_end"]).unwrap();
        assert_eq!(found[1] - found[0], 0x2_7000);
        assert_eq!(
            addresses(KERNEL, ["nowhere"]),
            Err(MissingSymbol("nowhere"))
        );
    }

    #[test]
    fn damaged_programs_are_refused_or_read_and_never_panic() {
        for at in (0..KERNEL.len()).step_by(3) {
            let _ = read(&KERNEL[..at]);
            let mut bytes = KERNEL.to_vec();
            bytes[at] ^= 0xff;
            let _ = read(&bytes);
            let _ = addresses(&bytes, ["_end"]);
        }
    }
}
