//! From an ELF file to regions: nothing is loaded, only laid out.

use abi::Error;
use elf::ElfBytes;
use elf::abi::{EM_RISCV, ET_EXEC, PF_W, PF_X, PT_GNU_STACK, PT_LOAD, PT_NOTE};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use pagetable::{PhysAddr, VirtAddr, Xlen};

use super::thread::StackRange;
use crate::mm::layout::Layout;
use crate::mm::{Machine, Object, PAGE_BYTES, Prot, Region, RegionKind, Space};

/// The most that the first thread's stack can grow to where the program says nothing; a guard page lies below.
const STACK_BYTES: u64 = 256 << 10;
/// The most that a program can ask for: every layout has as much room below its stack's end.
pub const STACK_LIMIT: u64 = 64 << 20;

/// Adds the program's segments and its (empty) heap to `space`. The entry point, and the bytes of its first stack.
///
/// `file` is the ELF file as it lies at physical address `at`: whole read-only pages of it
/// will be mapped where they are. Where the store is slow, all of its pages are waited for and copied.
pub fn load<M: Machine>(
    space: &mut Space,
    file: &[u8],
    (at, is_slow): (PhysAddr, bool),
) -> Result<(u64, u64), Error> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Error::BadProgram)?;
    let header = elf.ehdr;
    let class = match M::MODE.xlen() {
        Xlen::Rv32 => Class::ELF32,
        Xlen::Rv64 => Class::ELF64,
    };
    if header.e_machine != EM_RISCV || header.e_type != ET_EXEC || header.class != class {
        return Err(Error::BadProgram);
    }
    let segments = elf.segments().ok_or(Error::BadProgram)?;
    if let Some(name) = note(&elf, file, NOTE_LAYOUT) {
        space.set_layout(Layout::named(M::MODE, name).ok_or(Error::BadProgram)?);
    }
    let mut end = 0;
    for segment in segments
        .iter()
        .filter(|segment| segment.p_type == PT_LOAD && segment.p_memsz > 0)
    {
        let mut region = region(&segment, file.len() as u64, at)?;
        if let (true, Object::Image { at, bytes }) = (is_slow, region.object) {
            region.object = Object::Stored { at, bytes };
        }
        end = end.max(region.end().raw());
        space.add::<M>(region).map_err(|_| Error::BadProgram)?;
    }
    if end == 0 {
        return Err(Error::BadProgram);
    }
    space.set_heap::<M>(VirtAddr::new(end));
    let stack = stack_bytes(&elf, file)?;
    Ok((header.e_entry, stack))
}

/// A layout's name, as a note says it.
const NOTE_LAYOUT: u32 = 1;
/// How many bytes the first thread's stack can grow to, in four bytes.
const NOTE_STACK: u32 = 2;
/// Notes that are looked at.
const NOTES: usize = 8;

/// What a note of the program says: of owner `Pagewalk`, and of that type.
fn note<'a>(elf: &ElfBytes<LittleEndian>, file: &'a [u8], kind: u32) -> Option<&'a [u8]> {
    const OWNER: &[u8] = b"Pagewalk\0";
    let note = elf
        .segments()?
        .iter()
        .find(|segment| segment.p_type == PT_NOTE)?;
    let from = usize::try_from(note.p_offset).ok()?;
    let mut bytes = file
        .get(from..)?
        .get(..usize::try_from(note.p_filesz).ok()?)?;
    for _ in 0..NOTES {
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
        let (owner, length, found) = (word(0)?, word(4)?, word(8)?);
        let rest = bytes.get(12..)?;
        let name = rest.get(..owner)?;
        let rest = rest.get(owner.checked_next_multiple_of(4)?..)?;
        if found == kind as usize && name == OWNER {
            return rest.get(..length);
        }
        bytes = rest.get(length.checked_next_multiple_of(4)?..)?;
    }
    None
}

/// Bytes of the first thread's stack: as a note says, or `-z stack-size` of a linker.
fn stack_bytes(elf: &ElfBytes<LittleEndian>, file: &[u8]) -> Result<u64, Error> {
    let in_note = note(elf, file, NOTE_STACK).and_then(|bytes| bytes.first_chunk());
    let of_linker = || {
        let segment = elf
            .segments()?
            .iter()
            .find(|it| it.p_type == PT_GNU_STACK)?;
        Some(segment.p_memsz)
    };
    let asked = in_note.map(|bytes| u32::from_le_bytes(*bytes).into());
    match asked.or_else(of_linker).unwrap_or(0) {
        0 => Ok(STACK_BYTES),
        bytes if bytes > STACK_LIMIT => Err(Error::BadProgram),
        bytes => Ok(bytes.next_multiple_of(PAGE_BYTES)),
    }
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
    let prot = Prot::new(
        true,
        segment.p_flags & PF_W != 0,
        segment.p_flags & PF_X != 0,
    );
    let kind = if prot.execute() {
        RegionKind::Text
    } else {
        RegionKind::Data
    };
    let object = if in_file == 0 {
        Object::Zero
    } else {
        Object::Image {
            at: PhysAddr::new(at.raw() + offset - lead),
            bytes: u32::try_from(in_file + lead).map_err(|_| Error::BadProgram)?,
        }
    };
    Region::new(VirtAddr::new(base), pages, prot, kind, object).map_err(|_| Error::BadProgram)
}

/// Adds a stack of `bytes` bytes and its guard where the layout says; where it lies, and where `line_bytes` bytes of
/// argument line go, which is also the first stack pointer (16-byte aligned, RISC-V psABI).
pub fn add_stack<M: Machine>(
    space: &mut Space,
    bytes: u64,
    line_bytes: usize,
) -> Result<(StackRange, VirtAddr), Error> {
    let top = space.layout::<M>().stack_end;
    let base = top - bytes;
    let pages = (bytes / PAGE_BYTES) as u32;
    space.add::<M>(Region::new(
        VirtAddr::new(base - PAGE_BYTES),
        1,
        Prot::NONE,
        RegionKind::Guard,
        Object::Zero,
    )?)?;
    space.add::<M>(Region::new(
        VirtAddr::new(base),
        pages,
        Prot::DATA,
        RegionKind::Stack,
        Object::Zero,
    )?)?;
    let first = VirtAddr::new((top - line_bytes as u64) & !15);
    Ok((StackRange { base, end: top }, first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mm::layout::kernel_start;
    use crate::mm::tests::machine::Sv39;

    const AT: u64 = 0x8030_0000;
    const FILE_BYTES: usize = 0x5000;

    /// A program header: type, flags, and the five numbers that say what lies where.
    type Segment = (u32, u32, [u64; 4]);

    /// An ELF file with these segments, and nothing in them.
    fn program(segments: &[Segment]) -> Vec<u8> {
        let mut file = vec![0; FILE_BYTES];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &ET_EXEC.to_le_bytes());
        put(18, &EM_RISCV.to_le_bytes());
        put(20, &1_u32.to_le_bytes());
        put(24, &0x1_0000_u64.to_le_bytes());
        put(32, &64_u64.to_le_bytes());
        for (at, count) in [(52, 64), (54, 56), (56, segments.len() as u16)] {
            put(at, &u16::to_le_bytes(count));
        }
        for (n, (kind, flags, [offset, start, in_file, in_memory])) in segments.iter().enumerate() {
            let at = 64 + 56 * n;
            put(at, &kind.to_le_bytes());
            put(at + 4, &flags.to_le_bytes());
            for (word, value) in [offset, start, start, in_file, in_memory]
                .iter()
                .enumerate()
            {
                put(at + 8 + 8 * word, &value.to_le_bytes());
            }
        }
        file
    }

    fn loaded(file: &[u8]) -> Result<Space, Error> {
        let mut space = Space::EMPTY;
        load::<Sv39>(&mut space, file, (PhysAddr::new(AT), false))?;
        Ok(space)
    }

    const TEXT: Segment = (PT_LOAD, PF_X | 4, [0x1000, 0x1_0000, 0x1234, 0x1234]);
    const DATA: Segment = (PT_LOAD, PF_W | 4, [0x3010, 0x1_2010, 0x20, 0x3000]);

    #[test]
    fn segments_become_regions_and_the_heap_begins_behind_them() {
        let space = loaded(&program(&[TEXT, DATA])).unwrap();
        let [text, data] = space.regions() else {
            panic!("{:?}", space.regions())
        };
        assert_eq!((text.base.raw(), text.end().raw()), (0x1_0000, 0x1_2000));
        assert_eq!((data.base.raw(), data.end().raw()), (0x1_2000, 0x1_6000));
        let image = |offset: u64, bytes| Object::Image {
            at: PhysAddr::new(AT + offset),
            bytes,
        };
        assert_eq!(text.object, image(0x1000, 0x1234));
        assert_eq!(data.object, image(0x3000, 0x30));
        assert_eq!((text.kind, data.kind), (RegionKind::Text, RegionKind::Data));
    }

    #[test]
    fn a_program_says_how_large_its_first_stack_is() {
        let asked = |bytes: u64| {
            let stack: Segment = (PT_GNU_STACK, PF_W | 4, [0, 0, 0, bytes]);
            let file = program(&[TEXT, stack]);
            let mut space = Space::EMPTY;
            load::<Sv39>(&mut space, &file, (PhysAddr::new(AT), false)).map(|(_, stack)| stack)
        };
        assert_eq!(asked(0), Ok(STACK_BYTES));
        assert_eq!(asked(1 << 20), Ok(1 << 20));
        assert_eq!(asked(1), Ok(PAGE_BYTES));
        assert_eq!(asked(STACK_LIMIT), Ok(STACK_LIMIT));
        assert_eq!(asked(STACK_LIMIT + 1), Err(Error::BadProgram));
        assert_eq!(asked(u64::MAX), Err(Error::BadProgram));
    }

    #[test]
    fn what_is_no_program_for_this_kernel_is_refused() {
        let whole = program(&[TEXT, DATA]);
        for (at, byte) in [(0, 0), (4, 1), (5, 2), (16, 3), (18, 62)] {
            let mut other = whole.clone();
            other[at] = byte;
            assert_eq!(loaded(&other).unwrap_err(), Error::BadProgram, "byte {at}");
        }
        let refused: [Segment; 7] = [
            (PT_LOAD, PF_X | PF_W | 4, [0x1000, 0x1_0000, 8, 8]),
            (PT_LOAD, 4, [0x1000, 0x1_0000, 9, 8]),
            (PT_LOAD, 4, [0x1000, 0, 8, 8]),
            (PT_LOAD, 4, [0x1000, 0x40_0000_0000, 8, 8]),
            (PT_LOAD, 4, [0x1000, 0xffff_ffff_ffff_f000, 8, 0xfff]),
            (PT_LOAD, 4, [FILE_BYTES as u64 - 4, 0x1_0000, 8, 8]),
            (PT_LOAD, 4, [0x10, 0x1_0800, 8, 8]),
        ];
        for segment in refused {
            let answer = loaded(&program(&[segment])).map(|_| ());
            assert_eq!(answer, Err(Error::BadProgram), "{segment:x?}");
        }
        assert!(
            loaded(&program(&[TEXT, TEXT])).is_err(),
            "one over the other"
        );
        assert!(loaded(&program(&[])).is_err());
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            3 => 0..0x8000_u64,
            2 => (0x10_u64..0x40).prop_map(|page| page << 12),
            1 => 0x3f_ffff_0000..0x40_0001_0000_u64,
            1 => (0..0x3000_u64).prop_map(|below| u64::MAX - below),
            1 => any::<u64>(),
        ]
    }

    proptest! {
        #[test]
        fn no_file_reaches_beyond_itself_or_beyond_user_space(
            segments in prop::collection::vec(
                (Just(PT_LOAD), 0..8_u32, [number(), number(), number(), number()]), 0..6),
            noise in prop::collection::vec((0..FILE_BYTES, any::<u8>()), 0..3),
            length in 0..=FILE_BYTES,
        ) {
            let mut file = program(&segments);
            noise.iter().for_each(|&(at, byte)| file[at] = byte);
            if noise.len() == 2 {
                file.truncate(length);
            }
            let mut space = Space::EMPTY;
            let _ = load::<Sv39>(&mut space, &file, (PhysAddr::new(AT), false));
            for region in space.regions() {
                prop_assert!(region.base.raw() >= 0x1_0000 && region.end() <= kernel_start(Sv39::MODE));
                prop_assert!(!(region.prot.write() && region.prot.execute()));
                if let Object::Image { at, bytes } = region.object {
                    prop_assert!(at.raw() >= AT && at.raw() + u64::from(bytes) <= AT + file.len() as u64);
                }
            }
            for pair in space.regions().windows(2) {
                prop_assert!(pair[0].end() <= pair[1].base);
            }
        }
    }
}
