//! ELF cores: every PT_LOAD segment is physical memory at its `p_paddr`.
//!
//! What a segment says is doubted: a `p_paddr` of -1, or beyond any physical address, is none, and where all
//! are 0 the core has virtual addresses only (gdb's gcore, a process).

use std::path::Path;

use object::elf::{EM_RISCV, ET_CORE, FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};
use pagetable::{PhysAddr, Xlen};

use super::OpenError;
use super::files::{self, FilePiece, Files};
use super::vmcore::{self, HartRegisters, NT_PRSTATUS};
use super::vmcoreinfo::{NotedRoot, VmcoreInfo};

/// An open core file.
pub struct Core {
    /// Memory of its segments.
    pub memory: Files,
    /// Register width of the machine, from the ELF class.
    pub xlen: Xlen,
    /// First address that the headers list and the truncated file lacks.
    pub cut_at: Option<PhysAddr>,
    /// The root of page tables in its VMCOREINFO.
    pub root: Option<NotedRoot>,
    /// Its VMCOREINFO; empty where it has none.
    pub info: VmcoreInfo,
    /// Registers of each hart, in the order of their notes.
    pub harts: Vec<HartRegisters>,
    /// What was left out or assumed, a sentence each.
    pub remarks: Vec<String>,
}

/// Most bits of a physical address in any mode (Privileged spec, §Sv39).
const PA_BITS: u32 = 56;

/// Harts of a machine: more notes are of something else.
const MOST_HARTS: usize = 4096;
/// Bytes that are kept of a note with registers.
const LONGEST_STATUS: usize = 512;

/// What the headers of a core say.
#[derive(Default)]
struct CoreHeaders {
    pieces: Vec<FilePiece>,
    /// Segments whose `p_paddr` is no physical address: their number, and `p_vaddr` of the first.
    unusable: Option<(usize, u64)>,
    /// Whether some segment has a virtual address.
    has_virtual: bool,
    /// Whether a note of a process is there.
    is_process: bool,
    vmcoreinfo: Vec<u8>,
    /// Descriptions of the `NT_PRSTATUS` notes.
    statuses: Vec<Vec<u8>>,
}

impl CoreHeaders {
    /// Whether every address is virtual: gdb writes no `p_paddr`, and the kernel none of a process.
    fn is_virtual(&self) -> bool {
        let is_zero = self.pieces.iter().all(|piece| piece.start == 0);
        let has_places = self.has_virtual || self.pieces.len() > 1;
        is_zero && self.vmcoreinfo.is_empty() && (self.is_process || has_places)
    }
}

/// Opens a core of a RISC-V machine.
pub fn open(path: &Path) -> Result<Core, OpenError> {
    let (file, bytes) = files::open(path)?;
    let broken = |what: &str| OpenError::Elf(path.to_owned(), what.to_owned());
    let cache = ReadCache::new(&file);
    let (xlen, mut headers) = match FileKind::parse(&cache) {
        Ok(FileKind::Elf32) => (
            Xlen::Rv32,
            headers::<FileHeader32<Endianness>, _>(path, &cache)?,
        ),
        Ok(FileKind::Elf64) => (
            Xlen::Rv64,
            headers::<FileHeader64<Endianness>, _>(path, &cache)?,
        ),
        _ => return Err(broken("not an ELF file")),
    };
    drop(cache);
    if headers.pieces.is_empty() {
        return Err(match headers.unusable {
            Some(_) => OpenError::TooHigh(path.to_owned()),
            None => OpenError::Empty(path.to_owned()),
        });
    }
    if headers.is_virtual() {
        return Err(OpenError::VirtualCore(path.to_owned()));
    }
    let remarks = remarks(&headers);
    let info = VmcoreInfo::new(&headers.vmcoreinfo);
    let mut cut_at = None;
    for piece in &mut headers.pieces {
        let present = bytes.saturating_sub(piece.offset);
        if piece.in_file > present {
            cut_at.get_or_insert(PhysAddr::new(piece.start + present));
            piece.in_file = present;
            piece.end = piece.start + present;
        }
    }
    Ok(Core {
        memory: Files::new(vec![(path.to_owned(), file)], headers.pieces),
        xlen,
        cut_at,
        root: info.root(xlen),
        info,
        harts: harts(&headers.statuses, xlen),
        remarks,
    })
}

/// Registers of each hart. A note that is too short has none.
fn harts(statuses: &[Vec<u8>], xlen: Xlen) -> Vec<HartRegisters> {
    let numbered = (0..).zip(statuses);
    numbered
        .filter_map(|(hart, status)| vmcore::registers(status, hart, xlen))
        .collect()
}

/// What a reader of the memory has to know.
fn remarks(headers: &CoreHeaders) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some((count, va)) = headers.unusable {
        let what = match count {
            1 => "1 segment is left out: its".to_owned(),
            some => format!("{some} segments are left out: their"),
        };
        remarks.push(format!(
            "{what} p_paddr is no physical address; p_vaddr of the first is {va:#x}"
        ));
    }
    let absent = |piece: &&FilePiece| piece.in_file < piece.end - piece.start;
    let bytes: u64 = headers
        .pieces
        .iter()
        .filter(absent)
        .map(|piece| piece.end - piece.start - piece.in_file)
        .fold(0, u64::saturating_add);
    if let Some(first) = headers.pieces.iter().find(absent) {
        let at = PhysAddr::new(first.start + first.in_file);
        remarks.push(format!(
            "{bytes:#x} bytes are not in the file (p_filesz < p_memsz) and read as zeros, the first at {at}"
        ));
    }
    remarks
}

fn headers<'data, H, R>(path: &Path, data: R) -> Result<CoreHeaders, OpenError>
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
    let mut found = CoreHeaders::default();
    for segment in header.program_headers(endian, data).map_err(broken)? {
        // A note that is damaged takes nothing away from the memory.
        if let Ok(Some(notes)) = segment.notes(endian, data) {
            take_notes::<H>(notes, endian, &mut found);
        }
        let bytes: u64 = segment.p_memsz(endian).into();
        if segment.p_type(endian) != PT_LOAD || bytes == 0 {
            continue;
        }
        let start: u64 = segment.p_paddr(endian).into();
        let va: u64 = segment.p_vaddr(endian).into();
        found.has_virtual |= va != 0;
        let end = start.checked_add(bytes);
        let Some(end) = end.filter(|end| *end <= 1 << PA_BITS) else {
            let (count, _) = found.unusable.get_or_insert((0, va));
            *count += 1;
            continue;
        };
        let in_file: u64 = segment.p_filesz(endian).into();
        found.pieces.push(FilePiece {
            start,
            end,
            offset: segment.p_offset(endian).into(),
            in_file: in_file.min(bytes),
            file: 0,
        });
    }
    Ok(found)
}

/// What is looked for in notes: the kernel's own, and those that only a process has (its auxiliary vector, its
/// mapped files). Others, such as Xen's, say nothing about memory.
fn take_notes<H: FileHeader<Endian = Endianness>>(
    mut notes: object::read::elf::NoteIterator<'_, H>,
    endian: Endianness,
    found: &mut CoreHeaders,
) {
    const AUXV: u32 = 6;
    const FILES: u32 = 0x4649_4c45;
    while let Ok(Some(note)) = notes.next() {
        match note.name() {
            b"VMCOREINFO" => found.vmcoreinfo = note.desc().to_vec(),
            // Written by `pagewalk dump`; of a Linux both are there, and its own counts.
            b"PAGEWALK" if found.vmcoreinfo.is_empty() => {
                found.vmcoreinfo = note.desc().to_vec();
            }
            b"CORE"
                if note.n_type(endian).0 == NT_PRSTATUS && found.statuses.len() < MOST_HARTS =>
            {
                // No register lies further in.
                let status = note.desc().iter().take(LONGEST_STATUS);
                found.statuses.push(status.copied().collect());
            }
            b"CORE" => found.is_process |= matches!(note.n_type(endian).0, AUXV | FILES),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cached;
    use super::*;
    use pagetable::Memory;
    use proptest::prelude::*;
    use std::io::Write;

    /// Offset of the program headers in the ELF64 cores of these tests.
    const HEADERS: usize = 64;
    const HEADER: usize = 56;

    /// Builds a core from `[p_offset, p_paddr, p_filesz, p_memsz]` of each segment.
    fn core(segments: &[[u64; 4]], data: &[u8]) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; HEADERS + HEADER * segments.len()];
        bytes[..20].copy_from_slice(&[
            0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 243, 0,
        ]);
        bytes[20] = 1;
        bytes[32] = HEADERS as u8;
        bytes[52] = HEADERS as u8;
        bytes[54] = HEADER as u8;
        bytes[56] = segments.len() as u8;
        for (place, [offset, paddr, filesz, memsz]) in segments.iter().enumerate() {
            let header = &mut bytes[HEADERS + HEADER * place..];
            header[0] = 1;
            for (field, value) in [(8, offset), (24, paddr), (32, filesz), (40, memsz)] {
                header[field..field + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes.resize(0x400, 0);
        bytes.extend_from_slice(data);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    fn word(memory: &mut Cached<Files>, at: u64) -> Option<u64> {
        memory.read_word(PhysAddr::new(at), 8).ok()
    }

    #[test]
    fn segments_lie_where_p_paddr_says_and_end_in_zeros() {
        let file = core(
            &[[0x400, 0x8000_0000, 8, 16], [0x408, 0x9000_0000, 0, 8]],
            &[7; 16],
        );
        let core = open(file.path()).unwrap();
        assert_eq!((core.xlen, core.cut_at), (Xlen::Rv64, None));
        let mut memory = Cached::new(core.memory);
        assert_eq!(word(&mut memory, 0x8000_0000), Some(0x0707_0707_0707_0707));
        assert_eq!(word(&mut memory, 0x8000_0008), Some(0));
        assert_eq!(word(&mut memory, 0x8000_0010), None);
        assert_eq!(word(&mut memory, 0x9000_0000), Some(0));
    }

    #[test]
    fn harts_that_were_written_are_read_again_at_both_widths() {
        for xlen in [Xlen::Rv32, Xlen::Rv64] {
            let harts = [0, 1, 2].map(|hart| {
                let mut general = [0; 31];
                (0..)
                    .zip(&mut general)
                    .for_each(|(at, it)| *it = at * 8 + u64::from(hart));
                let pc = 0x8000_0000 + u64::from(hart) * 4;
                HartRegisters { hart, pc, general }
            });
            let range = crate::memory::PhysRange::of(0x8000_0000, 0x1000).unwrap();
            let head = vmcore::VmcoreHead {
                xlen,
                ranges: vec![vmcore::CoreRange {
                    range,
                    va: range.first,
                }],
                aliases: Vec::new(),
                harts: harts.to_vec(),
                notes: Vec::new(),
            };
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&head.bytes()).unwrap();
            let core = open(file.path()).unwrap();
            assert_eq!((core.xlen, core.harts), (xlen, harts.to_vec()));
        }
    }

    #[test]
    fn a_cut_file_keeps_what_it_has() {
        let file = core(&[[0x400, 0x8000_0000, 32, 32]], &[7; 16]);
        let core = open(file.path()).unwrap();
        assert_eq!(core.cut_at, Some(PhysAddr::new(0x8000_0010)));
        let mut memory = Cached::new(core.memory);
        assert!(word(&mut memory, 0x8000_0008).is_some());
        assert!(word(&mut memory, 0x8000_0010).is_none());
    }

    #[test]
    fn of_overlapping_segments_the_first_counts() {
        let segments = [[0x400, 0x8000_0000, 8, 8], [0x408, 0x8000_0000, 8, 8]];
        let file = core(&segments, &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        let mut memory = Cached::new(open(file.path()).unwrap().memory);
        assert_eq!(word(&mut memory, 0x8000_0000), Some(1));
    }

    #[test]
    fn what_is_no_riscv_core_is_refused_by_name() {
        let changed = |at: usize, value: u8| {
            let file = core(&[[0x400, 0, 8, 8]], &[0; 8]);
            let mut bytes = std::fs::read(file.path()).unwrap();
            bytes[at] = value;
            std::fs::write(file.path(), bytes).unwrap();
            open(file.path()).map(|_| ()).unwrap_err()
        };
        assert!(matches!(changed(0, 0), OpenError::Elf(..)));
        assert!(matches!(changed(16, 2), OpenError::NotACore(_, 2)));
        assert!(matches!(changed(18, 62), OpenError::Machine(_, 62)));
        let high = core(&[[0x400, u64::MAX, 8, 8]], &[0; 8]);
        assert!(matches!(open(high.path()), Err(OpenError::TooHigh(_))));
        let empty = core(&[], &[]);
        assert!(matches!(open(empty.path()), Err(OpenError::Empty(_))));
    }

    #[test]
    fn a_segment_without_a_physical_address_is_left_out_and_said() {
        let segments = [[0x400, u64::MAX, 8, 8], [0x400, 0x8000_0000, 8, 16]];
        let core = open(core(&segments, &[7; 8]).path()).unwrap();
        assert_eq!(core.memory.ranges().count(), 1);
        assert!(
            core.remarks[0].starts_with("1 segment is left out"),
            "{:?}",
            core.remarks
        );
        assert!(
            core.remarks[1].contains("0x8 bytes are not in the file"),
            "{:?}",
            core.remarks
        );
        assert!(
            core.remarks[1].ends_with("0x80000008"),
            "{:?}",
            core.remarks
        );
    }

    #[test]
    fn a_core_of_virtual_addresses_is_no_physical_memory() {
        let gcore = core(&[[0x400, 0, 8, 8], [0x408, 0, 8, 8]], &[7; 16]);
        assert!(matches!(open(gcore.path()), Err(OpenError::VirtualCore(_))));
        let low = core(&[[0x400, 0, 8, 8]], &[7; 8]);
        assert!(open(low.path()).is_ok(), "a machine may have memory at 0");
    }

    proptest! {
        #[test]
        fn no_header_panics(
            segments in prop::collection::vec(any::<[u64; 4]>(), 0..4),
            at in prop_oneof![any::<u64>(), 0u64..0x1000],
            broken in prop::option::of((0usize..0x200, any::<u8>())),
        ) {
            let file = core(&segments, &[7; 64]);
            if let Some((at, value)) = broken {
                let mut bytes = std::fs::read(file.path()).unwrap();
                bytes[at] = value;
                std::fs::write(file.path(), bytes).unwrap();
            }
            if let Ok(core) = open(file.path()) {
                let starts: Vec<_> = core.memory.ranges().map(|(start, _)| start).collect();
                let mut memory = Cached::new(core.memory);
                for at in starts.into_iter().chain([PhysAddr::new(at)]) {
                    let _ = memory.read_word(at.align_down(8), 8);
                    memory.page(at);
                }
            }
        }
    }
}
