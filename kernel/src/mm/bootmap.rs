//! The kernel's own map: what runs can not be written, what is written can not run.
//!
//! Where what is seen, and which ranges there are, is in `kernel/shared/plan`: the host plans with the same. Here the
//! ranges become tables, out of a pool inside the Image.
//!
//! Everything is global, never user, and has A and D set: the C906 does not set them itself.

use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};
use plan::Put;
pub use plan::{ImageSections, VirtualLayout};

use super::{Machine, TableFrames, table};
use crate::tree::{Range, Wiring};

const PAGE: u64 = 4096;

/// Why there is no kernel map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMapError {
    /// The pool of boot tables is too small for this board's pieces of RAM.
    TablesExhausted,
}

/// Tables for the map, the pool of [`ImageSections::tables`]; the room for them is a part of the Image.
pub const TABLES: usize = 32;

/// What the map is made from.
pub struct BootMapPlan<'a> {
    /// Where the Image lies.
    pub layout: ImageSections,
    /// Its length with pad and initrd.
    pub image_bytes: u64,
    /// All RAM that the kernel uses.
    pub ram: &'a [Range],
    /// What others hold of it.
    pub held: &'a [Range],
    /// The devices that are wanted.
    pub wiring: &'a Wiring,
}

/// The flags of a leaf of the kernel's own.
fn flags<M: Machine>(machine: &M, rights: u64, memory: MemoryType) -> u64 {
    let kept = Pte::VALID | Pte::GLOBAL | Pte::ACCESSED | Pte::DIRTY;
    kept | rights | machine.dialect().bits(memory)
}

/// The flags of a leaf of RAM that the kernel reads and writes.
pub fn data_flags<M: Machine>(machine: &M) -> u64 {
    flags(machine, Pte::READ | Pte::WRITE, MemoryType::Ram)
}

/// The pool inside the Image that boot tables come from.
struct Pool {
    base: PhysAddr,
    used: usize,
}

impl TableFrames for Pool {
    fn take(&mut self) -> Option<PhysAddr> {
        (self.used < TABLES).then(|| {
            let table = PhysAddr::new(self.base.raw() + self.used as u64 * PAGE);
            self.used += 1;
            table
        })
    }

    fn give(&mut self, _table: PhysAddr) {}
}

/// Builds the map out of the boot pool; its root, and how many tables it took.
pub fn build<M: Machine>(
    machine: &mut M,
    plan: &BootMapPlan,
) -> Result<(PhysAddr, usize), BootMapError> {
    let base = plan.layout.base.raw();
    let mut pool = Pool {
        base: PhysAddr::new(base + plan.layout.tables),
        used: 0,
    };
    let root = pool.take().ok_or(BootMapError::TablesExhausted)?;
    machine.zero_frame(root);
    let mut map = Map {
        machine,
        pool,
        root,
    };
    let seen = VirtualLayout::of(M::MODE);
    let read_only = plan::read_only(&plan.layout, plan.image_bytes);
    plan::image(&seen, &plan.layout, |it| map.put(it))?;
    plan::ram(&seen, plan.ram, plan.held, &read_only, |it| map.put(it))?;
    plan::devices(&seen, plan.wiring.device_pages(), |it| map.put(it))?;
    let used = map.pool.used;
    Ok((root, used))
}

struct Map<'a, M> {
    machine: &'a mut M,
    pool: Pool,
    root: PhysAddr,
}

impl<M: Machine> Map<'_, M> {
    fn put(&mut self, it: Put) -> Result<(), BootMapError> {
        if it.bytes == 0 {
            return Ok(());
        }
        let flags = flags(self.machine, it.rights, it.memory);
        table::map_range(
            self.machine,
            &mut self.pool,
            self.root,
            VirtAddr::new(it.va),
            PhysAddr::new(it.pa),
            it.bytes,
            flags,
        )
        .map_err(|_| BootMapError::TablesExhausted)
    }
}
