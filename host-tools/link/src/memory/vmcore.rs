//! The head of an ELF core of a whole machine: notes, and where each range of memory lies in the file.
//!
//! ```text
//! ELF header │ program headers │ notes: registers of each hart, texts │ 0 … │ memory, range by range
//!                                                                       └ data_at, a whole page
//! ```
//!
//! Memory lies behind the head in the order of its addresses, so a file that was cut off says by its length how
//! far it got. Pages of zeros are written as holes: the file is sparse.

use pagetable::{PAGE_BYTES, Xlen};

use super::PhysRange;

/// Registers of a hart, as a core keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HartRegisters {
    /// Index of the hart, from 0.
    pub hart: u32,
    /// `pc`.
    pub pc: u64,
    /// `x1` to `x31`.
    pub general: [u64; 31],
}

/// A range of memory in a core, and the virtual address at which a kernel maps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreRange {
    /// Physical addresses, whole pages.
    pub range: PhysRange,
    /// Virtual address of the first byte; the physical one where no mapping is known.
    pub va: u64,
}

/// What a core of a machine begins with.
pub struct VmcoreHead {
    /// Register width.
    pub xlen: Xlen,
    /// Ranges of memory, sorted and without overlaps.
    pub ranges: Vec<CoreRange>,
    /// Further ways to memory that is in `ranges`: a kernel's image.
    pub aliases: Vec<CoreRange>,
    /// Registers of each hart that they are known of.
    pub harts: Vec<HartRegisters>,
    /// Names and texts of further notes.
    pub notes: Vec<(&'static str, Vec<u8>)>,
}

/// Sizes and places that differ between ELF32 and ELF64.
struct Widths {
    header: u64,
    program: u64,
    /// Bytes of `struct elf_prstatus`, and where in it the process id and the registers are.
    status: usize,
    pid: usize,
    registers: usize,
}

/// Source: Linux, include/linux/elfcore.h, with the sizes of arch/riscv; BFD, elfnn-riscv.c.
const fn widths(xlen: Xlen) -> Widths {
    match xlen {
        Xlen::Rv32 => Widths {
            header: 52,
            program: 32,
            status: 204,
            pid: 24,
            registers: 72,
        },
        Xlen::Rv64 => Widths {
            header: 64,
            program: 56,
            status: 376,
            pid: 32,
            registers: 112,
        },
    }
}

const PT_LOAD: u64 = 1;
const PT_NOTE: u64 = 4;
pub(super) const NT_PRSTATUS: u32 = 1;

/// The registers in the description of a `NT_PRSTATUS` note, of the hart with that index. `None` if it is too short.
pub(super) fn registers(status: &[u8], hart: u32, xlen: Xlen) -> Option<HartRegisters> {
    let widths = widths(xlen);
    let bytes = xlen.bits() as usize / 8;
    let mut words = status.get(widths.registers..)?.chunks_exact(bytes);
    let mut word = || {
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(words.next()?);
        Some(u64::from_le_bytes(value))
    };
    let pc = word()?;
    let mut general = [0; 31];
    for value in &mut general {
        *value = word()?;
    }
    Some(HartRegisters { hart, pc, general })
}

impl VmcoreHead {
    /// Offset in the file of the first byte of memory: a whole page.
    pub fn data_at(&self) -> u64 {
        let widths = widths(self.xlen);
        let headers = widths.header + widths.program * self.segments();
        (headers + self.notes_bytes().len() as u64).next_multiple_of(PAGE_BYTES)
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        let memory: u64 = self.ranges.iter().map(bytes).sum();
        self.data_at() + memory
    }

    fn segments(&self) -> u64 {
        1 + (self.ranges.len() + self.aliases.len()) as u64
    }

    /// The bytes up to [`VmcoreHead::data_at`].
    pub fn bytes(&self) -> Vec<u8> {
        let widths = widths(self.xlen);
        let notes = self.notes_bytes();
        let notes_at = widths.header + widths.program * self.segments();
        let mut out = self.header();
        self.program(&mut out, PT_NOTE, notes_at, [0, 0], notes.len() as u64);
        let mut at = self.data_at();
        let mut places = Vec::new();
        for range in &self.ranges {
            let place = [range.va, range.range.first];
            self.program(&mut out, PT_LOAD, at, place, bytes(range));
            places.push((range.range, at));
            at += bytes(range);
        }
        for alias in &self.aliases {
            let within = places.iter().find(|(range, _)| range.holds(alias.range));
            let at = within.map_or(0, |(range, at)| at + (alias.range.first - range.first));
            let place = [alias.va, alias.range.first];
            let bytes = if within.is_some() { bytes(alias) } else { 0 };
            self.program(&mut out, PT_LOAD, at, place, bytes);
        }
        out.extend(notes);
        out.resize(self.data_at() as usize, 0);
        out
    }

    /// A number as wide as a register.
    fn word(&self, out: &mut Vec<u8>, value: u64) {
        match self.xlen {
            Xlen::Rv32 => out.extend((value as u32).to_le_bytes()),
            Xlen::Rv64 => out.extend(value.to_le_bytes()),
        }
    }

    fn header(&self) -> Vec<u8> {
        const CORE: u16 = 4;
        const RISCV: u16 = 243;
        let widths = widths(self.xlen);
        let class = if self.xlen == Xlen::Rv32 { 1 } else { 2 };
        let mut out = vec![0x7f, b'E', b'L', b'F', class, 1, 1];
        out.resize(16, 0);
        out.extend(CORE.to_le_bytes());
        out.extend(RISCV.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        // No entry point; program headers follow; no sections.
        for value in [0, widths.header, 0] {
            self.word(&mut out, value);
        }
        out.extend(0u32.to_le_bytes());
        for value in [widths.header, widths.program, self.segments(), 0, 0, 0] {
            out.extend((value as u16).to_le_bytes());
        }
        out
    }

    fn program(&self, out: &mut Vec<u8>, kind: u64, at: u64, [va, pa]: [u64; 2], bytes: u64) {
        // Readable, writable, executable: what a page table says of it is in the memory.
        const FLAGS: u32 = 7;
        let flags = if kind == PT_LOAD { FLAGS } else { 0 };
        out.extend((kind as u32).to_le_bytes());
        if self.xlen == Xlen::Rv64 {
            out.extend(flags.to_le_bytes());
        }
        for value in [at, va, pa, bytes, bytes] {
            self.word(out, value);
        }
        if self.xlen == Xlen::Rv32 {
            out.extend(flags.to_le_bytes());
        }
        let align = if kind == PT_LOAD { PAGE_BYTES } else { 4 };
        self.word(out, align);
    }

    fn notes_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for hart in &self.harts {
            note(&mut out, "CORE", NT_PRSTATUS, &self.status(hart));
        }
        for (name, text) in &self.notes {
            note(&mut out, name, 0, text);
        }
        out
    }

    /// `struct elf_prstatus`: of the numbers of a process only the id is set, which is the hart's from 1.
    fn status(&self, hart: &HartRegisters) -> Vec<u8> {
        let widths = widths(self.xlen);
        let mut status = vec![0; widths.pid];
        status.extend((hart.hart + 1).to_le_bytes());
        status.resize(widths.registers, 0);
        self.word(&mut status, hart.pc);
        for value in hart.general {
            self.word(&mut status, value);
        }
        status.resize(widths.status, 0);
        status
    }
}

fn bytes(range: &CoreRange) -> u64 {
    range.range.last - range.range.first + 1
}

/// A note: sizes, type, name and text, each filled up to 4 bytes.
fn note(out: &mut Vec<u8>, name: &str, kind: u32, text: &[u8]) {
    out.extend((name.len() as u32 + 1).to_le_bytes());
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(name.bytes().chain([0]));
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(text);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::super::{MemorySource, open_core};
    use super::*;
    use pagetable::PhysAddr;
    use std::io::Write;

    #[test]
    fn a_core_that_is_written_is_a_core_that_is_read() {
        for xlen in [Xlen::Rv32, Xlen::Rv64] {
            let range = |first, bytes, va| CoreRange {
                range: PhysRange::of(first, bytes).unwrap(),
                va,
            };
            let head = VmcoreHead {
                xlen,
                ranges: vec![
                    range(0x8000_0000, 0x3000, 0xc000_0000),
                    range(0x9000_0000, 0x1000, 0xd000_0000),
                ],
                aliases: vec![range(0x8000_1000, 0x1000, 0xf000_0000)],
                harts: vec![HartRegisters::default(); 2],
                notes: vec![(
                    "VMCOREINFO",
                    b"OSRELEASE=1\nNUMBER(satp)=0x80080001\n".to_vec(),
                )],
            };
            let mut bytes = head.bytes();
            assert_eq!(bytes.len() as u64, head.data_at());
            bytes.extend([1; 0x1000]);
            bytes.extend([2; 0x2000]);
            bytes.extend([3; 0x1000]);
            assert_eq!(bytes.len() as u64, head.file_bytes());
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            let mut core = open_core(file.path()).unwrap();
            assert_eq!((core.xlen, core.cut_at), (xlen, None));
            assert_eq!(core.info.field("OSRELEASE"), Some("1"));
            for (at, value) in [(0x8000_0000, 1), (0x8000_1000, 2), (0x9000_0fff, 3)] {
                let mut byte = [0];
                core.memory.read(PhysAddr::new(at), &mut byte).unwrap();
                assert_eq!(byte, [value], "{at:#x}");
            }
        }
    }
}
