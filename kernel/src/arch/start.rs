//! From the provisional map to the final one, and into programs.

use core::arch::asm;
use core::num::NonZeroUsize;
use core::{ptr, slice};

use pagetable::{Dialect, PAGE_BYTES, PhysAddr};

use super::hart::{self, Hart, Others, ToStart};
use super::mmio::{Mmio, Width};
use super::paging::{self, LINK_BASE, VIRTUAL};
use super::physmap::{Slices, phys_to_ptr, tree_at};
use super::place::Held;
use super::{Riscv, csr, harts};
use crate::board::{CONSOLE, PLIC};
use crate::mm::BootRam;
use crate::mm::bootmap::{self, BootMapPlan, ImageSections};
use crate::system::System;
use crate::task::switch;
use crate::tree::{self, Range, Tree, TreeHarts, UartNode};

/// The largest device tree the provisional map holds.
pub const TREE_LIMIT: usize = 2 << 20;

unsafe extern "C" {
    static _start: u8;
    static _text_end: u8;
    static _rodata_end: u8;
    static _guard: u8;
    static _end: u8;
    static boot_tables: u8;
}

/// The packer finds this by name and writes where the initrd is; see `romfs::record`.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".record")]
static pagewalk_record: Record = Record([0; romfs::record::BYTES]);

/// The packer wants it on a border of 64 bytes.
#[repr(C, align(64))]
struct Record([u8; romfs::record::BYTES]);

/// What the loader passed, while the provisional map stands. Exists once.
pub struct Entered {
    pub(super) hart: &'static mut Hart,
    pub(super) tree: PhysAddr,
    pub(super) layout: ImageSections,
    pub(super) dialect: Dialect,
    pub(super) started: Option<NonZeroUsize>,
}

/// The same after the final map stands.
pub struct Mapped {
    /// This hart's block.
    pub hart: &'static mut Hart,
    /// Where the Image lies.
    pub layout: ImageSections,
    /// The hart's MMU and clocks.
    pub machine: Riscv,
    /// Root of the kernel's own tables.
    pub root: PhysAddr,
    /// How many tables it has.
    tables_used: usize,
    /// The right to take slices of boot memory.
    pub slices: Slices,
    /// `instret` at the kernel's first instruction; `None` where it cannot be read.
    pub started: Option<NonZeroUsize>,
}

/// Where the parts of the Image lie, its first byte being at `base`.
pub(super) fn layout(base: PhysAddr) -> ImageSections {
    let distance = |symbol: *const u8| symbol as u64 - LINK_BASE;
    ImageSections {
        base,
        text_end: distance(&raw const _text_end),
        rodata_end: distance(&raw const _rodata_end),
        guard: distance(&raw const _guard),
        end: distance(&raw const _end),
        tables: distance(&raw const boot_tables),
    }
}

/// The record as the packer left it.
pub fn record() -> [u8; romfs::record::BYTES] {
    // SAFETY: a static of ours; volatile because the file was changed after the compiler
    // saw its zeros.
    unsafe { ptr::read_volatile(&raw const pagewalk_record.0) }
}

impl Entered {
    /// The device tree, if the loader passed one. It can be read until the final map stands.
    pub fn device_tree(&self) -> Option<&[u8]> {
        // SAFETY: `entry.S` mapped as much as the tree claims, up to the limit.
        unsafe { tree_at(self.tree, TREE_LIMIT) }
    }

    /// The SBI's number of this hart.
    pub fn hart(&self) -> usize {
        self.hart.id
    }

    /// Where the device tree lies, to reserve it.
    pub fn tree_extent(&self) -> Range {
        Range {
            base: self.tree.raw(),
            bytes: self.device_tree().map_or(0, |tree| tree.len() as u64),
        }
    }

    /// Where the Image lies.
    pub fn layout(&self) -> ImageSections {
        self.layout
    }

    /// Builds the final map and activates it. `image_bytes` is the whole Image with its
    /// initrd.
    pub fn map(self, tree: &Tree, image_bytes: u64) -> Result<Mapped, bootmap::BootMapError> {
        // Whose tree lists Svpbmt has set menvcfg.PBMTE; Sv32 has no such bits.
        let dialect = match self.dialect {
            Dialect::None if tree.svpbmt && usize::BITS == 64 => Dialect::Svpbmt,
            found => found,
        };
        let mut machine = Riscv::new(dialect);
        if tree.sstc {
            machine.use_sstc();
        }
        let plan = BootMapPlan {
            layout: self.layout,
            image_bytes,
            ram: tree.ram.as_slice(),
            held: tree.held.as_slice(),
            wiring: &tree.wiring,
        };
        let (root, tables_used) = bootmap::build(&mut machine, &plan)?;
        // SAFETY: `build` mapped the kernel at its link base as it runs now, stack included.
        unsafe { machine.set_kernel_root(root) };
        csr::let_programs_count();
        Ok(Mapped {
            hart: self.hart,
            layout: self.layout,
            machine,
            root,
            tables_used,
            slices: Slices(()),
            started: self.started,
        })
    }
}

impl Mapped {
    /// Memory of the Image that boot needed and that is not needed any more: the provisional tables, and
    /// boot tables that the final map did not take.
    pub fn spare_tables(&self) -> [(PhysAddr, u64); 2] {
        const PAGE: u64 = 4096;
        let provisional = paging::PROVISIONAL_TABLES as u64 * PAGE;
        let tables = self.layout.base.raw() + self.layout.tables;
        let used = self.tables_used as u64 * PAGE;
        let spare = bootmap::TABLES as u64 * PAGE - used;
        [
            (PhysAddr::new(tables - provisional), provisional),
            (PhysAddr::new(tables + used), spare),
        ]
    }

    /// Does `cbo.zero` clear 64 bytes, neither more nor fewer? Tried out on the first spare table: a
    /// tree may list Zicboz where firmware has not switched it on.
    pub fn clears_64_bytes(&mut self) -> bool {
        let [(spare, _), _] = self.spare_tables();
        let at = phys_to_ptr(spare);
        // SAFETY: the provisional tables are not active any more, and not given out yet; the final
        // map holds them.
        let (taken, page) = unsafe {
            at.wrapping_add(63).write_bytes(0xff, 66);
            let taken = csr::clear_block(at.wrapping_add(64));
            (taken, slice::from_raw_parts(at, 4096))
        };
        taken && page[63] != 0 && page[128] != 0 && page[64..128].iter().all(|&byte| byte == 0)
    }

    /// Stack and block of one more hart, out of boot memory; `None` when there is none left.
    pub fn prepare_hart(&mut self, ram: &mut BootRam, index: usize, id: usize) -> Option<ToStart> {
        hart::prepare(&mut self.machine, self.root, ram, index, id)
    }

    /// The registers of the console that the final map holds.
    pub fn console_registers(&mut self, uart: &UartNode) -> Mmio {
        let shift = uart.shift;
        let width = if uart.words {
            Width::Word { shift }
        } else {
            Width::Byte { shift }
        };
        let bytes = PAGE_BYTES - uart.base % PAGE_BYTES;
        // SAFETY: the tree or the board file says what lies there, and the final map holds that
        // page to its end; boot asks once.
        unsafe { Mmio::new(registers(CONSOLE, uart.base), bytes as usize, width) }
    }

    /// The registers of the interrupt controller that the final map holds.
    pub fn plic_registers(&mut self, plic: &tree::PlicNode) -> Mmio {
        let word = Width::Word { shift: 0 };
        // SAFETY: as for the console. Of these bytes the final map holds the pages of this hart's context; between
        // them nothing is mapped.
        unsafe { Mmio::new(registers(PLIC, plic.base), plic.bytes() as usize, word) }
    }
}

/// Where the kernel's map shows a device whose registers begin at `base`.
fn registers(device: usize, base: u64) -> usize {
    VIRTUAL.device(device, base, base) as usize
}

/// Hands the kernel's state over, starts the other harts, and lets the first task run.
pub fn run(
    hart: &'static mut Hart,
    system: System<Riscv>,
    others: &Others,
    found: &mut TreeHarts,
) -> ! {
    let external = system.plic.is_some();
    {
        hart.satp = paging::SATP_MODE | system.kernel_root.frame() as usize;
        let mut held = Held::take(hart);
        let system = held.insert(system);
        if !found.all().is_empty() {
            let image = system.boot.image;
            harts::start(system, others, image, found);
            system.fast &= !system.harts.are_several();
            system.say_harts(found);
        }
        csr::enable_interrupts(external, system.harts.are_several());
        hart.frame.fast = (&raw mut *system.frames.fast) as usize;
        system.frames.fast.physmap = paging::phys_to_virt(PhysAddr::new(0));
        switch::reschedule(system, &mut hart.frame);
        if system.harts.are_several() {
            harts::give(harts::settle(held, hart));
        }
    }
    // SAFETY: the frame on the hart is a program's, its space is active, and `tp` is
    // where `trap.S` expects the block; the boot stack's content is not needed any more.
    unsafe { asm!("mv tp, {0}", "j leave_kernel", in(reg) hart, options(noreturn)) }
}
