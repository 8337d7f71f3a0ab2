//! RV32 with Sv32: where the kernel lies, and what moves a frame.

use core::arch::asm;

use pagetable::{Mode, PhysAddr};

use crate::mm::bootmap::VirtualLayout;
use crate::tree::Range;

/// The kernel's paging mode.
pub const MODE: Mode = Mode::Sv32;
/// `copy` moves as many bytes at a time.
pub const PIECE: usize = 1024;
/// An entry of its tables.
pub type RawEntry = u32;
/// `satp` with that mode and nothing else.
pub const SATP_MODE: usize = 1 << 31;
/// Where the kernel sees what.
pub const VIRTUAL: VirtualLayout = VirtualLayout::of(MODE);
/// Where the kernel is linked.
pub const LINK_BASE: u64 = VIRTUAL.link;
/// Physical memory that the kernel sees, each byte at its own address.
pub const REACH: Range = VIRTUAL.reach;
/// How far above RAM base a loader is to put the Image (Linux boot protocol, RV32).
pub const TEXT_OFFSET: u64 = 0x40_0000;
/// Bytes of a leaf in the provisional map.
pub const LEAF_BYTES: u64 = 4 << 20;
/// The provisional map: a root, which is all it needs.
pub const PROVISIONAL_TABLES: usize = 1;
/// The root's entry of the link base.
pub const LINK_INDEX: u64 = LINK_BASE >> 22;

/// Where the kernel sees physical address `at`, which lies in [`REACH`].
#[inline]
pub fn phys_to_virt(at: PhysAddr) -> usize {
    VIRTUAL.phys_to_virt(at) as usize
}

/// Fills memory that is seen at `at` with zeros: a multiple of 512 bytes, at least so many.
///
/// # Safety
/// `bytes` bytes from `at` on, aligned to 512, are the caller's alone.
#[inline]
pub unsafe fn zero(at: *mut u8, bytes: usize) {
    // Unrolled: the compiler's own memset costs twice as many instructions.
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "2:",
            ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "sw zero, \\n*4({at})",
            "sw zero, \\n*4+128({at})",
            "sw zero, \\n*4+256({at})",
            "sw zero, \\n*4+384({at})",
            ".endr",
            "addi {at}, {at}, 512",
            "bltu {at}, {end}, 2b",
            at = inout(reg) at => _,
            end = in(reg) at.wrapping_add(bytes),
            options(nostack),
        );
    }
}

/// Copies memory: a multiple of 1024 bytes, at least so many.
///
/// # Safety
/// `bytes` bytes from `from` on can be read; as many from `to` on are the caller's alone; both are
/// aligned to 1024.
#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "2:",
            ".irp n,0,4,8,12,16,20,24,28,32,36,40,44,48,52,56,60,64,68,72,76,80,84,88,92,96,100,104,108,112,116,120,124,128,132,136,140,144,148,152,156,160,164,168,172,176,180,184,188,192,196,200,204,208,212,216,220,224,228,232,236,240,244,248,252",
            "lw {a}, \\n*4({from})",
            "lw {b}, \\n*4+4({from})",
            "lw {c}, \\n*4+8({from})",
            "lw {d}, \\n*4+12({from})",
            "sw {a}, \\n*4({to})",
            "sw {b}, \\n*4+4({to})",
            "sw {c}, \\n*4+8({to})",
            "sw {d}, \\n*4+12({to})",
            ".endr",
            "addi {from}, {from}, 1024",
            "addi {to}, {to}, 1024",
            "bltu {to}, {end}, 2b",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            end = in(reg) to.wrapping_add(bytes),
            a = out(reg) _,
            b = out(reg) _,
            c = out(reg) _,
            d = out(reg) _,
            options(nostack),
        );
    }
}
