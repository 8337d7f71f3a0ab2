//! The kernel's own map: what runs can not be written, what is written can not run.
//!
//! ```text
//! RV64 ffff_ffff_8000_0000  the Image as linked: text RX · rodata R · data, BSS, stack RW · guard –
//! RV32           be00_0000
//! RV64 ffff_ffc0_0000_0000  physmap: all RAM RW in the largest leaves, the Image's text, constants
//! RV32           8000_0000  and initrd R; firmware's memory left out
//! RV64 (in the physmap)     device pages RW, I/O typed
//! RV32           bf00_0000
//! RV64 ffff_ffff_a000_0000  stacks of harts besides the boot hart: an empty page, stack, block, RW
//! RV32           be80_0000
//! ```
//! Everything is global, never user, and has A and D set: the C906 does not set them itself.

use pagetable::{MemoryType, Mode, PhysAddr, Pte, VirtAddr};

use super::{Machine, TableFrames, table};
use crate::tree::{Range, Wiring};

const READ: u64 = Pte::READ;
const WRITE: u64 = Pte::WRITE;
const EXEC: u64 = Pte::EXEC;
const PAGE: u64 = 4096;

/// Why there is no kernel map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMapError {
    /// The pool of boot tables is too small for this board's pieces of RAM.
    TablesExhausted,
}

/// Tables for the map; the room for them is a part of the Image.
pub const TABLES: usize = 32;

/// Where the parts of the Image lie, as distances in bytes from its first byte.
#[derive(Clone, Copy, Debug)]
pub struct ImageSections {
    /// Physical address of the first byte.
    pub base: PhysAddr,
    /// End of the instructions.
    pub text_end: u64,
    /// End of the constants.
    pub rodata_end: u64,
    /// The page below the boot stack, never mapped.
    pub guard: u64,
    /// End of everything that is the kernel's.
    pub end: u64,
    /// The pool of [`TABLES`] boot tables.
    pub tables: u64,
}

/// Where a paging mode's kernel sees what.
#[derive(Clone, Copy, Debug)]
pub struct VirtualLayout {
    /// Where it is linked (`build.rs` passes it to the linker).
    pub link: u64,
    /// Where physical address 0 appears, or would, if it were RAM.
    pub physmap: u64,
    /// Physical memory that the physmap shows.
    pub reach: Range,
    devices: Devices,
    /// Where the stacks of other harts than the boot hart begin, each with an empty page below.
    stacks: u64,
}

/// Bytes from the stack of one hart to that of the next.
const STACK_STRIDE: u64 = 0x1_0000;

/// Where device registers appear.
#[derive(Clone, Copy, Debug)]
enum Devices {
    /// As RAM does.
    Physmap,
    /// From an address on, each device with so many bytes.
    Apart { base: u64, each: u64 },
}

impl VirtualLayout {
    /// The physmap has 254 GiB.
    pub const SV39: VirtualLayout = VirtualLayout {
        link: 0xffff_ffff_8000_0000,
        physmap: 0xffff_ffc0_0000_0000,
        reach: Range {
            base: 0,
            bytes: 254 << 30,
        },
        devices: Devices::Physmap,
        stacks: 0xffff_ffff_a000_0000,
    };

    /// RAM appears at its own addresses, 992 MiB of it; what RAM there is elsewhere is not used.
    /// Each device has room for a PLIC with 511 contexts. Below and above is the programs'.
    pub const SV32: VirtualLayout = VirtualLayout {
        link: 0xbe00_0000,
        physmap: 0,
        reach: Range {
            base: 0x8000_0000,
            bytes: 992 << 20,
        },
        devices: Devices::Apart {
            base: 0xbf00_0000,
            each: 4 << 20,
        },
        stacks: 0xbe80_0000,
    };

    /// Those of a mode that the kernel runs in.
    #[inline]
    pub const fn of(mode: Mode) -> VirtualLayout {
        match mode {
            Mode::Sv32 => VirtualLayout::SV32,
            _ => VirtualLayout::SV39,
        }
    }

    /// Where the kernel sees physical address `at`, which lies in `reach`.
    #[inline]
    pub const fn phys_to_virt(&self, at: PhysAddr) -> u64 {
        self.physmap.wrapping_add(at.raw())
    }

    /// The first byte of the stack of the hart with that index, from 1.
    pub const fn stack(&self, index: usize) -> u64 {
        self.stacks + index as u64 * STACK_STRIDE
    }

    /// Where the kernel sees byte `at` of device number `slot`, whose registers begin at `base`.
    pub const fn device(&self, slot: usize, base: u64, at: u64) -> u64 {
        match self.devices {
            Devices::Physmap => self.physmap + at,
            Devices::Apart { base: first, each } => first + slot as u64 * each + (at - base),
        }
    }
}

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
    flags(machine, READ | WRITE, MemoryType::Ram)
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
    map.image(&plan.layout)?;
    map.ram(plan)?;
    map.devices(plan.wiring)?;
    let used = map.pool.used;
    Ok((root, used))
}

struct Map<'a, M> {
    machine: &'a mut M,
    pool: Pool,
    root: PhysAddr,
}

impl<M: Machine> Map<'_, M> {
    const VIRTUAL: VirtualLayout = VirtualLayout::of(M::MODE);

    fn put(
        &mut self,
        va: u64,
        pa: u64,
        bytes: u64,
        rights: u64,
        memory: MemoryType,
    ) -> Result<(), BootMapError> {
        if bytes == 0 {
            return Ok(());
        }
        let flags = flags(self.machine, rights, memory);
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
        .map_err(|_| BootMapError::TablesExhausted)
    }

    /// The Image where it was linked.
    fn image(&mut self, layout: &ImageSections) -> Result<(), BootMapError> {
        let base = layout.base.raw();
        let parts = [
            (0, layout.text_end, READ | EXEC),
            (layout.text_end, layout.rodata_end, READ),
            (layout.rodata_end, layout.guard, READ | WRITE),
            (layout.guard + PAGE, layout.end, READ | WRITE),
        ];
        for (from, to, rights) in parts {
            self.put(
                Self::VIRTUAL.link + from,
                base + from,
                to - from,
                rights,
                MemoryType::Ram,
            )?;
        }
        Ok(())
    }

    /// All RAM but the firmware's, with the Image's constant parts read-only.
    fn ram(&mut self, plan: &BootMapPlan) -> Result<(), BootMapError> {
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
        for &ram in plan.ram {
            let holes = plan.held.iter().chain(&read_only).copied();
            for piece in ram.without(holes) {
                self.physmap(piece, READ | WRITE)?;
            }
        }
        Ok(())
    }

    fn physmap(&mut self, range: Range, rights: u64) -> Result<(), BootMapError> {
        self.put(
            Self::VIRTUAL.phys_to_virt(PhysAddr::new(range.base)),
            range.base,
            range.bytes,
            rights,
            MemoryType::Ram,
        )
    }

    /// The registers of the board's console and interrupt controller.
    fn devices(&mut self, wiring: &Wiring) -> Result<(), BootMapError> {
        for (device, base, page) in wiring.device_pages() {
            let seen = Self::VIRTUAL.device(device, base, page);
            self.put(seen, page, PAGE, READ | WRITE, MemoryType::Device)?;
        }
        Ok(())
    }
}
