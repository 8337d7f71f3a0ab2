//! The kernel Image taken apart, without the code that put it together.

use object::{Object, ObjectSymbol};

use crate::board::built;

/// The kernel as linked, whose symbols say where things lie in the flat file.
const KERNEL: &str = "board-side/riscv64gc-unknown-none-elf/board/kernel";

/// An Image file and the symbols of the kernel in it.
pub struct Image {
    pub bytes: Vec<u8>,
    symbols: Vec<(String, u64)>,
}

/// The packer's record, field by field as the format says (all little endian).
pub struct Record {
    pub initrd_offset: u64,
    pub initrd_size: u64,
    pub initrd_crc32: u32,
    pub file_size: u64,
}

impl Image {
    /// The Image that was built.
    #[track_caller]
    pub fn built() -> Self {
        Self::from_bytes(std::fs::read(built("images/Image")).expect("the Image"))
    }

    #[track_caller]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let elf = std::fs::read(built(KERNEL)).expect("the kernel's ELF");
        let elf = object::File::parse(&*elf).expect("the kernel is an ELF");
        let symbols = elf
            .symbols()
            .filter_map(|s| Some((s.name().ok()?.to_owned(), s.address())))
            .collect();
        Self { bytes, symbols }
    }

    /// The record that the packer patched in, found by its symbol.
    #[track_caller]
    pub fn record(&self) -> Record {
        let at = self.record_offset();
        let record = &self.bytes[at..at + 64];
        assert_eq!(&record[..8], b"PWALKREC");
        assert_eq!(le32(record, 8), 1, "version");
        Record {
            initrd_offset: le64(record, 16),
            initrd_size: le64(record, 24),
            initrd_crc32: le32(record, 32),
            file_size: le64(record, 40),
        }
    }

    /// Where the record lies in the file.
    pub fn record_offset(&self) -> usize {
        self.offset_of("pagewalk_record") as usize
    }

    /// Where the kernel's memory ends: BSS, boot tables and stack included.
    pub fn end_offset(&self) -> u64 {
        self.offset_of("_end")
    }

    /// The ROMFS that the record points at.
    #[track_caller]
    pub fn initrd(&self) -> &[u8] {
        let record = self.record();
        &self.bytes[record.initrd_offset as usize..][..record.initrd_size as usize]
    }

    /// Where a symbol of the kernel lies in the file.
    #[track_caller]
    pub fn offset_of(&self, name: &str) -> u64 {
        self.address_of(name) - self.address_of("_start")
    }

    #[track_caller]
    fn address_of(&self, name: &str) -> u64 {
        let found = self.symbols.iter().find(|(symbol, _)| symbol == name);
        found
            .unwrap_or_else(|| panic!("the kernel has no symbol {name}"))
            .1
    }
}

pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
