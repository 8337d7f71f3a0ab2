//! A small RAM at 0x80000000 for page tables; it does not lend pages.

use pagetable::{Dialect, Memory, Mode, Outside, PhysAddr, Pte, Root, VirtAddr};

pub const BASE: u64 = 0x8000_0000;
/// The page that [`Ram::with_path`] maps; it is not in the RAM.
pub const PAGE: u64 = 0x9000_0000;

#[derive(Debug)]
pub struct Ram {
    pub bytes: Vec<u8>,
    pub is_lent: bool,
}

impl Ram {
    pub fn new(pages: usize) -> Ram {
        Ram {
            bytes: vec![0; pages * 4096],
            is_lent: false,
        }
    }

    /// Tables that map `va` with the leaf returned by `leaf` for [`PAGE`].
    pub fn with_path(mode: Mode, va: VirtAddr, leaf: impl Fn(PhysAddr) -> Pte) -> (Ram, Root) {
        let mut ram = Ram::new(mode.levels() as usize);
        let mut table = BASE;
        for level in (1..mode.levels()).rev() {
            let next = table + 4096;
            let pointer = Pte::pointer(mode, PhysAddr::new(next));
            ram.put(mode, table, mode.index(va, level), pointer);
            table = next;
        }
        ram.put(mode, table, mode.index(va, 0), leaf(PhysAddr::new(PAGE)));
        let table = PhysAddr::new(BASE);
        let dialect = Dialect::None;
        (
            ram,
            Root {
                mode,
                table,
                dialect,
            },
        )
    }

    pub fn put(&mut self, mode: Mode, table: u64, index: usize, pte: Pte) {
        let bytes = mode.entry_bytes();
        let at = (table - BASE) as usize + index * bytes;
        self.bytes[at..at + bytes].copy_from_slice(&pte.raw().to_le_bytes()[..bytes]);
    }

    fn slice(&self, at: PhysAddr, bytes: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.raw().checked_sub(BASE)?).ok()?;
        self.bytes.get(from..from.checked_add(bytes)?)
    }
}

impl Memory for Ram {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        assert!(at.is_aligned(bytes as u64), "{at} for {bytes} bytes");
        let slice = self.slice(at, bytes).ok_or(Outside { at, bytes })?;
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(slice);
        Ok(u64::from_le_bytes(word))
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        if !self.is_lent {
            return None;
        }
        self.slice(at, 4096)?.try_into().ok()
    }
}
