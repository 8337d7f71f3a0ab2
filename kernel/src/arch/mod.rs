//! The machine: the only room that may say `unsafe`.
//!
//! Everything else is given a machine and never names this one. The doors out of here are
//! safe functions whose arguments carry the proof: `activate(&Space)`, not `activate(u64)`.

mod atomic;
mod crash;
mod csr;
mod enter;
pub mod hart;
mod harts;
mod lock;
mod mmio;
mod mmu;
mod physmap;
mod place;
mod sbi;
mod shared;
mod start;
#[cfg(target_pointer_width = "32")]
mod sv32;
#[cfg(target_pointer_width = "64")]
mod sv39;
mod traps;
mod triggers;

#[cfg(target_pointer_width = "32")]
use sv32 as paging;
#[cfg(target_pointer_width = "64")]
use sv39 as paging;

pub use crash::die;
pub use hart::{Others, ToStart};
pub use mmio::Mmio;
pub use mmu::Riscv;
pub use paging::REACH;
pub use physmap::{Plain, Slices};
pub use sbi::{can_start_harts, print};
pub use start::{Entered, Mapped, TREE_LIMIT, record, run};

use core::arch::global_asm;
use core::mem::{offset_of, size_of};

use crate::mm::{Fast, bootmap};
use crate::task::context::{Context, TrapFrame};
use hart::{Hart, HartBlock};

/// Bytes of one hart's kernel stack; the page below it is never mapped.
const STACK_BYTES: usize = 32 << 10;
/// Bytes of the stack that a crashed kernel talks to gdb on.
const EMERGENCY_BYTES: usize = 24 << 10;
/// T-Head leaf bits of ordinary RAM: cacheable, bufferable, shareable (62, 61, 60).
const THEAD_RAM: u64 = 0x7 << 60;

#[cfg(target_pointer_width = "64")]
global_asm!(include_str!("words64.S"));
#[cfg(target_pointer_width = "32")]
global_asm!(include_str!("words32.S"));

global_asm!(
    include_str!("entry.S"),
    text_offset = const paging::TEXT_OFFSET,
    thead_ram = const THEAD_RAM,
    leaf_bytes = const paging::LEAF_BYTES,
    satp_mode = const paging::SATP_MODE,
    provisional_bytes = const paging::PROVISIONAL_TABLES * 4096,
    boot_tables_bytes = const bootmap::TABLES * 4096,
    link_base = const paging::LINK_BASE as isize,
    tree_limit = const 2 << 20,
    stack_bytes = const STACK_BYTES,
    emergency_bytes = const EMERGENCY_BYTES,
    hart_bytes = const size_of::<HartBlock>(),
);

global_asm!(
    include_str!("refuse.S"),
    include_str!(concat!(env!("OUT_DIR"), "/consoles.S"))
);

#[cfg(target_pointer_width = "64")]
global_asm!(
    ".section .head, \"ax\"",
    include_str!("sv39.S"),
    link_index = const paging::LINK_INDEX,
    leaf_bytes = const paging::LEAF_BYTES,
    provisional_bytes = const paging::PROVISIONAL_TABLES * 4096,
);
#[cfg(target_pointer_width = "32")]
global_asm!(
    ".section .head, \"ax\"",
    include_str!("sv32.S"),
    link_index = const paging::LINK_INDEX,
    leaf_bytes = const paging::LEAF_BYTES,
    provisional_bytes = const paging::PROVISIONAL_TABLES * 4096,
);

global_asm!(
    concat!(
        include_str!("trap_entry.S"),
        include_str!("fast.S"),
        include_str!("trap.S"),
        include_str!("unwind.S"),
        include_str!("secondary.S")
    ),
    fast = const offset_of!(TrapFrame, fast),
    base = const offset_of!(Fast, base),
    bytes = const offset_of!(Fast, bytes),
    leaf = const offset_of!(Fast, leaf),
    flags = const offset_of!(Fast, flags),
    rows = const offset_of!(Fast, rows),
    physmap = const offset_of!(Fast, physmap),
    room = const offset_of!(Fast, room),
    record = const offset_of!(Fast, record),
    count = const offset_of!(Fast, magazine.count),
    active = const offset_of!(Fast, free.active),
    cboz = const offset_of!(Fast, cboz),
    row = const offset_of!(Fast, row),
    words = const offset_of!(Fast, words),
    satp = const offset_of!(Fast, satp),
    heads = const offset_of!(Fast, free.heads),
    zeroed = const offset_of!(Fast, magazine.zeroed),
    context_bytes = const size_of::<Context>(),
    started = const offset_of!(TrapFrame, started),
    hart = const offset_of!(TrapFrame, hart),
    stack = const offset_of!(Hart, stack),
    satp_of_hart = const offset_of!(Hart, satp),
    linked = const offset_of!(Hart, linked),
    own = const offset_of!(Hart, own),
    pc = const offset_of!(TrapFrame, registers) + offset_of!(Context, pc),
    status = const offset_of!(TrapFrame, registers) + offset_of!(Context, status),
);

unsafe extern "C" {
    /// See `secondary.S`.
    fn secondary_entry();
    /// See `secondary.S`.
    fn secondary_linked();
}

const _: () = assert!(offset_of!(TrapFrame, registers) == 0 && offset_of!(Context, x) == 0);
// `unwind.S` and `leave_kernel` find the frame by it.
const _: () = assert!(offset_of!(Hart, frame) == 0);
