//! The machine: the only room that may say `unsafe`.
//!
//! Everything else is given a machine and never names this one. The doors out of here are
//! safe functions whose arguments carry the proof: `activate(&Space)`, not `activate(u64)`.

mod crash;
mod csr;
pub mod hart;
mod map;
mod mmio;
mod mmu;
mod sbi;
mod start;
mod traps;
mod window;

pub use crash::die;
pub use mmio::Mmio;
pub use mmu::Riscv;
pub use sbi::print;
pub use start::{Entered, Layout, Mapped, TREE_LIMIT, record, run};
pub use window::{Plain, Slices};

use core::arch::global_asm;
use core::mem::{offset_of, size_of};

use crate::task::context::Context;
use hart::Hart;

/// Where the kernel is linked (`link.ld`).
pub const LINK_BASE: u64 = 0xffff_ffff_8000_0000;
/// Where physical address 0 appears: the physmap, 254 GiB of it.
pub const PHYSMAP: u64 = 0xffff_ffc0_0000_0000;
/// How far above RAM base a loader shall put the Image (Linux boot protocol, RV64).
pub const TEXT_OFFSET: u64 = 0x20_0000;
/// Bytes of one hart's kernel stack; the page below it is never mapped.
const STACK_BYTES: usize = 32 << 10;
/// Bytes of the stack that a crashed kernel talks to gdb on.
const EMERGENCY_BYTES: usize = 24 << 10;
/// The provisional map: a root, the high table, and a table for each of four GiB.
const PROVISIONAL_TABLES: usize = 6;
/// Tables for the final kernel map; what it does not use goes to the frame allocator.
const BOOT_TABLES: usize = 32;
/// T-Head leaf bits of ordinary RAM: cacheable, bufferable, shareable (62, 61, 60).
const THEAD_RAM: u64 = 0x7 << 60;

global_asm!(
    include_str!("entry.S"),
    text_offset = const TEXT_OFFSET,
    thead_ram = const THEAD_RAM,
    provisional_bytes = const PROVISIONAL_TABLES * 4096,
    boot_tables_bytes = const BOOT_TABLES * 4096,
    high_index = const (LINK_BASE >> 30) & 511,
    link_base = const LINK_BASE as i64,
    tree_limit = const 2 << 20,
    stack_bytes = const STACK_BYTES,
    emergency_bytes = const EMERGENCY_BYTES,
    hart_bytes = const size_of::<Hart>(),
);

global_asm!(
    include_str!("trap.S"),
    context_bytes = const size_of::<Context>(),
    started = const offset_of!(Hart, started),
    stack = const offset_of!(Hart, stack),
    pc = const offset_of!(Hart, context) + offset_of!(Context, pc),
    status = const offset_of!(Hart, context) + offset_of!(Context, status),
);

const _: () = assert!(offset_of!(Hart, context) == 0 && offset_of!(Context, x) == 0);
