//! A small machine with hand-made mappings.

use pagetable::{AccessType, MemoryType, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::{HartView, Quirks, SimFault, SimMachine, SimRam};

/// Physical address of the first byte of RAM.
pub const RAM: u64 = 0x8000_0000;
/// Flags of a user leaf that every hart accepts.
pub const USED: u64 = Pte::ACCESSED | Pte::DIRTY;
pub const DATA: u64 = Pte::USER | Pte::READ | Pte::WRITE | USED;
pub const CODE: u64 = Pte::USER | Pte::READ | Pte::EXEC | USED;
/// Virtual address at which the kernel maps RAM.
pub const PHYSMAP: u64 = 0xffff_ffc0_0000_0000;

/// A machine, and its first unused frame.
pub struct Bench {
    pub machine: SimMachine,
    mode: Mode,
    free: u64,
}

impl Bench {
    pub fn new(mode: Mode, quirks: Quirks) -> Bench {
        Bench {
            machine: SimMachine::new(mode, SimRam::new(RAM, 64), quirks),
            mode,
            free: RAM,
        }
    }

    /// A new frame of noise.
    pub fn frame(&mut self) -> PhysAddr {
        self.free += PAGE_BYTES;
        PhysAddr::new(self.free - PAGE_BYTES)
    }

    /// A new, empty table.
    pub fn table(&mut self) -> PhysAddr {
        let table = self.frame();
        self.machine.zero_frame(table);
        table
    }

    /// Address of the entry of `va` at `level`; missing tables are added.
    pub fn slot(&mut self, root: PhysAddr, va: u64, level: u8) -> PhysAddr {
        let mut table = root;
        for above in (level..self.mode.levels()).rev() {
            let index = self.mode.index(VirtAddr::new(va), above) * self.mode.entry_bytes();
            let at = table.wrapping_add(index as u64);
            if above == level {
                return at;
            }
            let mut entry = Pte::new(self.machine.read_entry(at));
            if !entry.is_valid() {
                entry = Pte::pointer(self.mode, self.table());
                self.machine.write_entry(at, entry.raw());
            }
            table = entry.target(self.mode);
        }
        unreachable!("a mode has levels")
    }

    /// Maps one page, with the memory type of RAM unless `flags` have another.
    pub fn map(&mut self, root: PhysAddr, va: u64, frame: PhysAddr, flags: u64) {
        let at = self.slot(root, va, 0);
        let leaf = Pte::leaf(self.mode, frame, flags);
        self.machine.write_entry(at, leaf.raw());
    }

    /// A root with one page with these flags at `va`.
    pub fn space(&mut self, va: u64, flags: u64) -> (PhysAddr, PhysAddr) {
        let (root, frame) = (self.table(), self.frame());
        self.map(root, va, frame, flags);
        (root, frame)
    }

    pub fn bits(&self, memory: MemoryType) -> u64 {
        self.machine.dialect().bits(memory)
    }

    /// Result of a user read with that ASID: the frame.
    pub fn read(&mut self, root: PhysAddr, asid: u16, va: u64) -> Result<PhysAddr, SimFault> {
        let view = HartView::user(root).with_asid(asid);
        self.machine
            .access_as(view, VirtAddr::new(va), AccessType::Read)
    }
}
