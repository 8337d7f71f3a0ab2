//! RV64 with Sv39: where the kernel lies, and what moves a frame.

use core::arch::asm;

use pagetable::{Mode, PhysAddr};

use crate::mm::bootmap::VirtualLayout;
use crate::tree::Range;

/// The kernel's paging mode.
pub const MODE: Mode = Mode::Sv39;
/// `copy` moves as many bytes at a time.
pub const PIECE: usize = 512;
/// An entry of its tables.
pub type RawEntry = u64;
/// `satp` with that mode and nothing else.
pub const SATP_MODE: usize = 8 << 60;
/// Where the kernel sees what.
pub const VIRTUAL: VirtualLayout = VirtualLayout::of(MODE);
/// Where the kernel is linked.
pub const LINK_BASE: u64 = VIRTUAL.link;
/// Physical memory that the physmap shows.
pub const REACH: Range = VIRTUAL.reach;
/// How far above RAM base a loader is to put the Image (Linux boot protocol, RV64).
pub const TEXT_OFFSET: u64 = 0x20_0000;
/// Bytes of a leaf in the provisional map.
pub const LEAF_BYTES: u64 = 2 << 20;
/// The provisional map: a root, the high table, and a table for each of four GiB.
pub const PROVISIONAL_TABLES: usize = 6;
/// The root's entry of the link base.
pub const LINK_INDEX: u64 = (LINK_BASE >> 30) & 511;

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
            "sd zero, \\n*8({at})",
            "sd zero, \\n*8+256({at})",
            ".endr",
            "addi {at}, {at}, 512",
            "bltu {at}, {end}, 2b",
            at = inout(reg) at => _,
            end = in(reg) at.wrapping_add(bytes),
            options(nostack),
        );
    }
}

/// Copies memory: a multiple of 512 bytes, at least so many.
///
/// # Safety
/// `bytes` bytes from `from` on can be read; as many from `to` on are the caller's alone; both are
/// aligned to 512.
#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "2:",
            ".irp n,0,4,8,12,16,20,24,28,32,36,40,44,48,52,56,60",
            "ld {a}, \\n*8({from})",
            "ld {b}, \\n*8+8({from})",
            "ld {c}, \\n*8+16({from})",
            "ld {d}, \\n*8+24({from})",
            "sd {a}, \\n*8({to})",
            "sd {b}, \\n*8+8({to})",
            "sd {c}, \\n*8+16({to})",
            "sd {d}, \\n*8+24({to})",
            ".endr",
            "addi {from}, {from}, 512",
            "addi {to}, {to}, 512",
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
