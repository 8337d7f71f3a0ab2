//! The hart's MMU as `mm` wants it: entries, frames, fences, and which tables are in force.

use core::arch::asm;
use core::ptr;

use pagetable::{Dialect, Mode, PhysAddr, VirtAddr};

use super::window::pointer;
use super::{Mmio, csr, sbi};
use crate::mm::{Machine, Space};
use crate::platform::Platform;
use crate::task::Floats;

/// A RISC-V hart with Sv39, after the provisional map.
///
/// Physical addresses that come in are frames that the frame allocator gave out, tables
/// built from them, or RAM reserved at boot: `mm` never makes one up. That is what makes
/// the accesses below sound; Rust references into such memory exist only inside `mm`'s own
/// frame table and the fault log, which the allocator never gives out.
pub struct Riscv {
    dialect: Dialect,
    sstc: bool,
    kernel_root: PhysAddr,
}

impl Riscv {
    /// One hart, with the memory types its entries carry.
    pub(super) fn new(dialect: Dialect) -> Riscv {
        Riscv {
            dialect,
            sstc: false,
            kernel_root: PhysAddr::new(0),
        }
    }

    /// Says that the hart has `stimecmp` (the device tree lists Sstc).
    pub fn use_sstc(&mut self) {
        self.sstc = true;
    }

    /// Puts the kernel's own tables in force and remembers them.
    ///
    /// # Safety
    /// As `set_root`, for as long as the kernel runs.
    pub(super) unsafe fn set_kernel_root(&mut self, root: PhysAddr) {
        self.kernel_root = root;
        // SAFETY: the caller's contract.
        unsafe { self.set_root(root) }
    }

    /// Puts the root at `root` in force, with every stale translation gone.
    ///
    /// # Safety
    /// The tables at `root` map the kernel as it runs now.
    unsafe fn set_root(&mut self, root: PhysAddr) {
        const SV39: u64 = 8 << 60;
        let satp = SV39 | root.raw() >> 12;
        // SAFETY: the caller's contract; all spaces share ASID 0, hence the whole fence.
        unsafe { asm!("csrw satp, {0}", "sfence.vma zero, zero", in(reg) satp, options(nostack)) };
    }
}

impl Machine for Riscv {
    const MODE: Mode = Mode::Sv39;

    #[inline]
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[inline]
    fn read_entry(&self, at: PhysAddr) -> u64 {
        // SAFETY: see `Riscv`; volatile because the walker may set A and D.
        unsafe { pointer(at).cast::<u64>().read_volatile() }
    }

    #[inline]
    fn write_entry(&mut self, at: PhysAddr, value: u64) {
        // SAFETY: see `Riscv`; one aligned store, as the walker needs it.
        unsafe { pointer(at).cast::<u64>().write_volatile(value) }
    }

    #[inline]
    fn zero_frame(&mut self, frame: PhysAddr) {
        // Unrolled: the compiler's own memset costs twice as many instructions.
        // SAFETY: see `Riscv`; a frame is 4096 bytes, aligned.
        unsafe {
            asm!(
                "2:",
                ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "sd zero, \\n*8({at})",
                ".endr",
                "addi {at}, {at}, 256",
                "bltu {at}, {end}, 2b",
                at = inout(reg) pointer(frame) => _,
                end = in(reg) pointer(frame).wrapping_add(4096),
                options(nostack),
            );
        }
    }

    #[inline]
    fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
        // SAFETY: see `Riscv`; two different frames do not overlap.
        unsafe {
            asm!(
                "2:",
                ".irp n,0,4,8,12",
                "ld {a}, \\n*8({from})",
                "ld {b}, \\n*8+8({from})",
                "ld {c}, \\n*8+16({from})",
                "ld {d}, \\n*8+24({from})",
                "sd {a}, \\n*8({to})",
                "sd {b}, \\n*8+8({to})",
                "sd {c}, \\n*8+16({to})",
                "sd {d}, \\n*8+24({to})",
                ".endr",
                "addi {from}, {from}, 128",
                "addi {to}, {to}, 128",
                "bltu {to}, {end}, 2b",
                from = inout(reg) pointer(from) => _,
                to = inout(reg) pointer(to) => _,
                end = in(reg) pointer(to).wrapping_add(4096),
                a = out(reg) _,
                b = out(reg) _,
                c = out(reg) _,
                d = out(reg) _,
                options(nostack),
            );
        }
    }

    fn read_bytes(&self, at: PhysAddr, into: &mut [u8]) {
        // SAFETY: see `Riscv`; the caller stays inside the frame or the initrd.
        unsafe { ptr::copy_nonoverlapping(pointer(at), into.as_mut_ptr(), into.len()) }
    }

    fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
        // SAFETY: see `Riscv`; the caller stays inside the frame.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), pointer(at), from.len()) }
    }

    #[inline]
    fn fence_page(&mut self, va: VirtAddr) {
        // rs1 is the address and rs2 the ASID (Privileged spec, §sfence.vma): swapped, the
        // fence would cover nothing and no emulator would show it.
        // SAFETY: forgets translations, changes none.
        unsafe { asm!("sfence.vma {0}, zero", in(reg) va.raw(), options(nostack)) };
    }

    fn fence_all(&mut self) {
        // SAFETY: forgets translations, changes none.
        unsafe { asm!("sfence.vma zero, zero", options(nostack)) };
    }

    fn fence_code(&mut self) {
        csr::fence_code();
    }
}

impl Platform for Riscv {
    type Registers = Mmio;

    fn ticks(&self) -> u64 {
        csr::time()
    }

    #[inline]
    fn instructions(&self) -> usize {
        csr::instret()
    }

    fn set_timer(&mut self, at: u64) {
        if self.sstc {
            csr::set_stimecmp(at)
        } else {
            sbi::set_timer(at)
        }
    }

    fn activate(&mut self, space: &Space) {
        // SAFETY: every space's root carries the kernel's half (`Space::create`), and a
        // space that is borrowed here has not been destroyed.
        unsafe { self.set_root(space.root()) }
    }

    fn leave_spaces(&mut self) {
        // SAFETY: `set_kernel_root` was called at boot, before any space existed.
        unsafe { self.set_root(self.kernel_root) }
    }

    fn save_floats(&mut self, into: &mut Floats) {
        // SAFETY: stores the 33 words that `Floats` has; uses only t0 and t1.
        unsafe {
            asm!("call fp_save", inout("a0") into.0.as_mut_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
        };
    }

    fn load_floats(&mut self, from: &Floats) {
        // SAFETY: loads the 33 words that `Floats` has; the kernel itself uses no float
        // register, so none of its values is lost.
        unsafe {
            asm!("call fp_load", inout("a0") from.0.as_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
        };
    }

    fn wait(&mut self) -> crate::platform::Pending {
        loop {
            let pending = csr::pending();
            if pending.timer || pending.external {
                return pending;
            }
            csr::wait_for_interrupt();
        }
    }

    fn power_off(&mut self) {
        sbi::power_off();
    }
}
