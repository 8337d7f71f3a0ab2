//! A small machine whose pages are mapped by hand.

use pagetable::{AccessType, MemoryType, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::{HartView, Quirks, SimFault, SimMachine, SimRam};

/// The first byte of RAM.
pub const RAM: u64 = 0x8000_0000;
/// What a leaf needs on every hart, and a program's page.
pub const USED: u64 = Pte::ACCESSED | Pte::DIRTY;
pub const DATA: u64 = Pte::USER | Pte::READ | Pte::WRITE | USED;
pub const CODE: u64 = Pte::USER | Pte::READ | Pte::EXEC | USED;
/// Where the kernel sees RAM, once it has a map.
pub const PHYSMAP: u64 = 0xffff_ffc0_0000_0000;

/// A machine, and the first frame that nobody had.
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

    /// A frame of noise.
    pub fn frame(&mut self) -> PhysAddr {
        self.free += PAGE_BYTES;
        PhysAddr::new(self.free - PAGE_BYTES)
    }

    /// An empty table.
    pub fn table(&mut self) -> PhysAddr {
        let table = self.frame();
        self.machine.zero_frame(table);
        table
    }

    /// The place of the entry of `va` at `level`, with tables above it.
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

    /// Maps one page of this hart's RAM, or with other bits in `flags` of what they say.
    pub fn map(&mut self, root: PhysAddr, va: u64, frame: PhysAddr, flags: u64) {
        let at = self.slot(root, va, 0);
        let leaf = Pte::leaf(self.mode, frame, flags);
        self.machine.write_entry(at, leaf.raw());
    }

    /// A root, and below it one page with these flags at `va`.
    pub fn space(&mut self, va: u64, flags: u64) -> (PhysAddr, PhysAddr) {
        let (root, frame) = (self.table(), self.frame());
        self.map(root, va, frame, flags);
        (root, frame)
    }

    pub fn bits(&self, memory: MemoryType) -> u64 {
        self.machine.dialect().bits(memory)
    }

    /// What a program of that ASID reads, as the frame.
    pub fn read(&mut self, root: PhysAddr, asid: u16, va: u64) -> Result<PhysAddr, SimFault> {
        let view = HartView::user(root).with_asid(asid);
        self.machine
            .access_as(view, VirtAddr::new(va), AccessType::Read)
    }
}
