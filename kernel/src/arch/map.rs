//! The kernel's own map: what runs can not be written, what is written can not run.
//!
//! ```text
//! RV64 ffff_ffff_8000_0000  the Image as linked: text RX · rodata R · data, BSS, stack RW · guard –
//! RV32           be00_0000
//! RV64 ffff_ffc0_0000_0000  physmap: all RAM RW in the largest leaves, the Image's text, constants
//! RV32           8000_0000  and initrd R; firmware's memory left out
//! RV64 (in the physmap)     device pages RW, I/O typed
//! RV32           bf00_0000
//! ```
//! Everything is global, never user, and has A and D set: the C906 does not set them itself.

use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::paging::{self, LINK_BASE};
use super::start::Layout;
use super::{BOOT_TABLES, Riscv};
use crate::board::Board;
use crate::mm::{Machine, TableFrames, table};
use crate::tree::{Range, Tree};

const READ: u64 = Pte::READ;
const WRITE: u64 = Pte::WRITE;
const EXEC: u64 = Pte::EXEC;
const PAGE: u64 = 4096;

/// Why there is no kernel map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The pool of boot tables is too small for this board's pieces of RAM.
    TablesExhausted,
}

/// What the map is made from.
pub struct Plan<'a> {
    /// Where the Image lies.
    pub layout: Layout,
    /// Its length with pad and initrd.
    pub image_bytes: u64,
    /// RAM, and what others hold of it.
    pub tree: &'a Tree,
    /// The hart whose interrupts are wanted.
    pub hart: usize,
}

/// The pool inside the Image that boot tables come from.
struct Pool {
    base: PhysAddr,
    used: usize,
}

impl TableFrames for Pool {
    fn take(&mut self) -> Option<PhysAddr> {
        (self.used < BOOT_TABLES).then(|| {
            let table = PhysAddr::new(self.base.raw() + self.used as u64 * PAGE);
            self.used += 1;
            table
        })
    }

    fn give(&mut self, _table: PhysAddr) {}
}

/// Builds the map out of the boot pool; its root.
pub fn build(machine: &mut Riscv, plan: &Plan) -> Result<PhysAddr, Error> {
    let base = plan.layout.base.raw();
    let mut pool = Pool {
        base: PhysAddr::new(base + plan.layout.tables),
        used: 0,
    };
    let root = pool.take().ok_or(Error::TablesExhausted)?;
    machine.zero_frame(root);
    let mut map = Map {
        machine,
        pool,
        root,
    };
    map.image(&plan.layout)?;
    map.ram(plan)?;
    map.devices(plan.tree.board, plan.hart)?;
    Ok(root)
}

struct Map<'a> {
    machine: &'a mut Riscv,
    pool: Pool,
    root: PhysAddr,
}

impl Map<'_> {
    fn put(
        &mut self,
        va: u64,
        pa: u64,
        bytes: u64,
        rights: u64,
        memory: MemoryType,
    ) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let kept = Pte::VALID | Pte::GLOBAL | Pte::ACCESSED | Pte::DIRTY;
        let flags = kept | rights | self.machine.dialect().bits(memory);
        let (va, pa) = (VirtAddr::new(va), PhysAddr::new(pa));
        table::map_range(
            self.machine,
            &mut self.pool,
            self.root,
            va,
            pa,
            bytes,
            flags,
        )
        .map_err(|_| Error::TablesExhausted)
    }

    /// The Image where it was linked.
    fn image(&mut self, layout: &Layout) -> Result<(), Error> {
        let base = layout.base.raw();
        let parts = [
            (0, layout.text_end, READ | EXEC),
            (layout.text_end, layout.rodata_end, READ),
            (layout.rodata_end, layout.guard, READ | WRITE),
            (layout.guard + PAGE, layout.end, READ | WRITE),
        ];
        for (from, to, rights) in parts {
            self.put(
                LINK_BASE + from,
                base + from,
                to - from,
                rights,
                MemoryType::Ram,
            )?;
        }
        Ok(())
    }

    /// All RAM but the firmware's, with the Image's constant parts read-only.
    fn ram(&mut self, plan: &Plan) -> Result<(), Error> {
        let base = plan.layout.base.raw();
        let read_only = [
            Range {
                base,
                bytes: plan.layout.rodata_end,
            },
            Range {
                base: base + plan.layout.end,
                bytes: plan.image_bytes - plan.layout.end,
            },
        ];
        for range in read_only {
            self.physmap(range, READ)?;
        }
        for &ram in plan.tree.ram.as_slice() {
            let holes = plan.tree.held.as_slice().iter().chain(&read_only).copied();
            for piece in ram.without(holes) {
                self.physmap(piece, READ | WRITE)?;
            }
        }
        Ok(())
    }

    fn physmap(&mut self, range: Range, rights: u64) -> Result<(), Error> {
        self.put(
            paging::seen(PhysAddr::new(range.base)) as u64,
            range.base,
            range.bytes,
            rights,
            MemoryType::Ram,
        )
    }

    /// The registers of the board's console and interrupt controller.
    fn devices(&mut self, board: &Board, hart: usize) -> Result<(), Error> {
        for (device, base, page) in board.device_pages(hart) {
            let seen = paging::device(device, base, page);
            self.put(seen, page, PAGE, READ | WRITE, MemoryType::Device)?;
        }
        Ok(())
    }
}
