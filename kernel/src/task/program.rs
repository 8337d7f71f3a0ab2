//! From an ELF file to regions: nothing is loaded, only laid out.

use abi::Error;
use elf::ElfBytes;
use elf::abi::{EM_RISCV, ET_EXEC, PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use pagetable::{PhysAddr, VirtAddr};

use crate::mm::{Kind, Machine, Object, PAGE_BYTES, Prot, Region, Space, user_end};

/// The most a stack can grow to; a guard page lies below.
const STACK_BYTES: u64 = 256 << 10;

/// Adds the program's segments and its (empty) heap to `space`. The entry point.
///
/// `file` is the ELF file as it lies at physical address `at`: whole read-only pages of it
/// will be mapped where they are.
pub fn load<M: Machine>(space: &mut Space, file: &[u8], at: PhysAddr) -> Result<u64, Error> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Error::BadProgram)?;
    let header = elf.ehdr;
    if header.e_machine != EM_RISCV || header.e_type != ET_EXEC || header.class != Class::ELF64 {
        return Err(Error::BadProgram);
    }
    let segments = elf.segments().ok_or(Error::BadProgram)?;
    let mut end = 0;
    for segment in segments
        .iter()
        .filter(|segment| segment.p_type == PT_LOAD && segment.p_memsz > 0)
    {
        let region = region(&segment, file.len() as u64, at)?;
        end = end.max(region.end().raw());
        space.add::<M>(region).map_err(|_| Error::BadProgram)?;
    }
    if end == 0 {
        return Err(Error::BadProgram);
    }
    space.set_heap(VirtAddr::new(end));
    Ok(header.e_entry)
}

/// One segment as a region. Everything in the file is a claim until it has been checked.
fn region(segment: &ProgramHeader, file_bytes: u64, at: PhysAddr) -> Result<Region, Error> {
    let &ProgramHeader {
        p_vaddr: start,
        p_offset: offset,
        p_filesz: in_file,
        p_memsz: in_memory,
        ..
    } = segment;
    // The page that the segment begins in, and how far into it.
    let lead = start % PAGE_BYTES;
    let base = start - lead;
    let end = start.checked_add(in_memory).ok_or(Error::BadProgram)?;
    let ends_in_file = offset
        .checked_add(in_file)
        .is_some_and(|end| end <= file_bytes);
    let pages = u32::try_from((end - base).div_ceil(PAGE_BYTES)).map_err(|_| Error::BadProgram)?;
    if in_file > in_memory || !ends_in_file || offset < lead {
        return Err(Error::BadProgram);
    }
    let prot = Prot {
        read: true,
        write: segment.p_flags & PF_W != 0,
        execute: segment.p_flags & PF_X != 0,
    };
    let kind = if prot.execute { Kind::Text } else { Kind::Data };
    let object = if in_file == 0 {
        Object::Zero
    } else {
        Object::Image {
            at: PhysAddr::new(at.raw() + offset - lead),
            bytes: in_file + lead,
        }
    };
    Region::new(VirtAddr::new(base), pages, prot, kind, object).map_err(|_| Error::BadProgram)
}

/// Adds the stack and its guard at the end of the user half; where `line_bytes` bytes of
/// argument line go, which is also the first stack pointer (16-byte aligned, RISC-V psABI).
pub fn add_stack<M: Machine>(space: &mut Space, line_bytes: usize) -> Result<VirtAddr, Error> {
    let top = user_end(M::MODE).raw() - PAGE_BYTES;
    let base = top - STACK_BYTES;
    let pages = (STACK_BYTES / PAGE_BYTES) as u32;
    space.add::<M>(Region::new(
        VirtAddr::new(base - PAGE_BYTES),
        1,
        Prot::NONE,
        Kind::Guard,
        Object::Zero,
    )?)?;
    space.add::<M>(Region::new(
        VirtAddr::new(base),
        pages,
        Prot::DATA,
        Kind::Stack,
        Object::Zero,
    )?)?;
    Ok(VirtAddr::new((top - line_bytes as u64) & !15))
}
