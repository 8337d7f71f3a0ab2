//! The hart's MMU as `mm` wants it: entries, frames, fences, and which tables are active.

use core::arch::asm;
use core::num::NonZeroUsize;
use core::ptr;

use pagetable::{Dialect, Mode, PhysAddr, VirtAddr};

use super::csr::FloatUnit;
use super::lock::{LOCK, REQUESTS, stop_if_crashed};
use super::paging::{self, RawEntry};
use super::physmap::phys_to_ptr;
use super::{Mmio, csr, sbi, triggers};
use crate::mm::{Machine, Run, Space};
use crate::platform::Platform;
use crate::task::Floats;

/// Bytes of a frame.
const FRAME: usize = 4096;

/// A RISC-V hart in the kernel's paging mode, after the provisional map.
///
/// Physical addresses that come in are frames that the frame allocator gave out, tables
/// built from them, or RAM reserved at boot: `mm` never makes one up. That is what makes
/// the accesses below sound; Rust references into such memory exist only inside `mm`'s own
/// frame table and the fault log, which the allocator never gives out.
pub struct Riscv {
    dialect: Dialect,
    sstc: bool,
    floats: FloatUnit,
    kernel_root: PhysAddr,
}

impl Riscv {
    /// One more hart of the same kind.
    pub(super) fn for_another_hart(&self) -> Riscv {
        Riscv { ..*self }
    }

    /// This hart, with the memory types its entries carry.
    pub(super) fn new(dialect: Dialect) -> Riscv {
        Riscv {
            dialect,
            sstc: false,
            floats: csr::float_unit(),
            kernel_root: PhysAddr::new(0),
        }
    }

    /// Uses `stimecmp` from now on, if the hart has it.
    pub fn use_sstc(&mut self) {
        self.sstc = csr::has_stimecmp();
    }

    /// Is the timer `stimecmp`, rather than the firmware's?
    pub fn has_sstc(&self) -> bool {
        self.sstc
    }

    /// Activates the kernel's own tables and remembers them.
    ///
    /// # Safety
    /// As `set_root`, for as long as the kernel runs.
    pub(super) unsafe fn set_kernel_root(&mut self, root: PhysAddr) {
        self.kernel_root = root;
        // SAFETY: the caller's contract.
        unsafe { self.set_root(root) }
    }

    /// Makes `root` the active root and forgets every translation.
    ///
    /// # Safety
    /// The tables at `root` map the kernel as it runs now.
    unsafe fn set_root(&mut self, root: PhysAddr) {
        let satp = paging::SATP_MODE | (root.raw() >> 12) as usize;
        // SAFETY: the caller's contract.
        unsafe { activate_root(satp) };
    }
}

/// Writes `satp` and forgets every translation.
///
/// # Safety
/// The tables that it names map the kernel as it runs now.
#[inline(always)]
pub(super) unsafe fn activate_root(satp: usize) {
    // SAFETY: the caller's contract; all spaces share ASID 0, hence the whole fence.
    unsafe { asm!("csrw satp, {0}", "sfence.vma zero, zero", in(reg) satp, options(nostack)) };
}

impl Machine for Riscv {
    const MODE: Mode = paging::MODE;

    #[inline]
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[inline]
    #[cfg_attr(
        target_pointer_width = "64",
        expect(
            clippy::useless_conversion,
            reason = "an entry of Sv32 has half the bits"
        )
    )]
    fn read_entry(&self, at: PhysAddr) -> u64 {
        // SAFETY: see `Riscv`; volatile because the walker may set A and D.
        unsafe { phys_to_ptr(at).cast::<RawEntry>().read_volatile().into() }
    }

    #[inline]
    fn write_entry(&mut self, at: PhysAddr, value: u64) {
        // SAFETY: see `Riscv`; one aligned store, as the walker needs it.
        unsafe {
            phys_to_ptr(at)
                .cast::<RawEntry>()
                .write_volatile(value as RawEntry)
        }
    }

    fn next_entry(&self, at: PhysAddr, end: PhysAddr) -> Option<PhysAddr> {
        // Tables are mostly empty: eight entries are looked at together.
        const BLOCK: usize = 8;
        let first = phys_to_ptr(at).cast::<RawEntry>();
        let count = (end.raw().saturating_sub(at.raw())) as usize / size_of::<RawEntry>();
        let mut index = 0;
        while index < count {
            // SAFETY: see `Riscv`; the entries before `end` lie in one table. Volatile because the
            // walker may set A and D.
            unsafe {
                if index + BLOCK <= count {
                    let mut there = 0;
                    for ahead in 0..BLOCK {
                        there |= first.wrapping_add(index + ahead).read_volatile();
                    }
                    if there == 0 {
                        index += BLOCK;
                        continue;
                    }
                }
                if first.wrapping_add(index).read_volatile() != 0 {
                    return Some(at.wrapping_add((index * size_of::<RawEntry>()) as u64));
                }
            }
            index += 1;
        }
        None
    }

    #[inline(always)]
    fn enter_missing(&mut self, run: &Run) -> u32 {
        const BLOCK: usize = 8;
        let own = run.leaf as RawEntry;
        let first = phys_to_ptr(run.at)
            .cast::<RawEntry>()
            .wrapping_sub(run.back);
        // By its parts: the run as such need not be in memory.
        let (back, va, count) = (run.back, run.va.raw() as usize, run.count);
        if count != BLOCK {
            return enter_one_by_one(first, own, back, va, count);
        }
        // A whole block is mostly empty but for the page that was wanted, which one look at all
        // of its entries together shows.
        // SAFETY: see `Riscv`; the entries lie in one table.
        unsafe {
            let mut there = 0;
            for index in 0..BLOCK {
                there |= first.wrapping_add(index).read_volatile();
            }
            if there != own {
                return enter_one_by_one(first, own, back, va, count);
            }
            let mut leaf = own.wrapping_sub((back << 10) as RawEntry);
            for index in 0..BLOCK {
                first.wrapping_add(index).write_volatile(leaf);
                leaf = leaf.wrapping_add(1 << 10);
            }
        }
        BLOCK as u32 - 1
    }

    #[inline]
    fn zero_frame(&mut self, frame: PhysAddr) {
        // SAFETY: see `Riscv`; a frame is 4096 bytes, aligned.
        unsafe { paging::zero(phys_to_ptr(frame), FRAME) }
    }

    #[inline]
    fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
        // SAFETY: see `Riscv`; two different frames do not overlap.
        unsafe { paging::copy(phys_to_ptr(from), phys_to_ptr(to), FRAME) }
    }

    fn copy_part(&mut self, from: PhysAddr, to: PhysAddr, bytes: u64) {
        if !from.raw().is_multiple_of(FRAME as u64) {
            self.zero_frame(to);
            let mut done = 0;
            while done < bytes as usize {
                // Behind it another frame begins, which need not be there.
                let here = from.wrapping_add(done as u64);
                let piece = (FRAME - here.raw() as usize % FRAME).min(bytes as usize - done);
                // SAFETY: see `Riscv`; the initrd does not lie in the frame.
                unsafe {
                    ptr::copy_nonoverlapping(
                        phys_to_ptr(here),
                        phys_to_ptr(to).wrapping_add(done),
                        piece,
                    )
                };
                done += piece;
            }
            return;
        }
        // Whole pieces are quick: what follows in the source's own frame comes along, and goes.
        let bytes = (bytes as usize).min(FRAME);
        let pieces = bytes.next_multiple_of(paging::PIECE);
        let to = phys_to_ptr(to);
        // SAFETY: see `Riscv`; both are frames, and what is copied ends within them.
        unsafe {
            paging::copy(phys_to_ptr(from), to, pieces);
            to.wrapping_add(bytes).write_bytes(0, pieces - bytes);
            if pieces < FRAME {
                paging::zero(to.wrapping_add(pieces), FRAME - pieces);
            }
        }
    }

    #[inline]
    fn phys_to_virt(&self, at: PhysAddr) -> usize {
        paging::phys_to_virt(at)
    }

    fn read_bytes(&self, at: PhysAddr, into: &mut [u8]) {
        // SAFETY: see `Riscv`; the caller stays inside the frame or the initrd.
        unsafe { ptr::copy_nonoverlapping(phys_to_ptr(at), into.as_mut_ptr(), into.len()) }
    }

    fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
        // SAFETY: see `Riscv`; the caller stays inside the frame.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), phys_to_ptr(at), from.len()) }
    }

    #[inline]
    fn fence_page(&mut self, va: VirtAddr) {
        // rs1 is the address and rs2 the ASID (Privileged spec, §sfence.vma): swapped, the
        // fence would cover nothing and no emulator would show it.
        // SAFETY: forgets translations, changes none.
        unsafe { asm!("sfence.vma {0}, zero", in(reg) va.raw() as usize, options(nostack)) };
    }

    fn fence_all(&mut self) {
        // SAFETY: forgets translations, changes none.
        unsafe { asm!("sfence.vma zero, zero", options(nostack)) };
    }

    fn instructions(&self) -> usize {
        csr::instret()
    }

    fn fence_code(&mut self) {
        csr::fence_code();
    }
}

/// Enters those leaves of a run that are not there, each with its fence. The first is at `first`;
/// that of page `va`, `back` further, is `own`.
#[cold]
#[inline(never)]
fn enter_one_by_one(
    first: *mut RawEntry,
    own: RawEntry,
    back: usize,
    va: usize,
    count: usize,
) -> u32 {
    // In words of the hart: on RV32 the numbers of other places have twice as many.
    let mut leaf = own.wrapping_sub((back << 10) as RawEntry);
    let mut va = va.wrapping_sub(back * FRAME);
    let mut entered = 0;
    for index in 0..count {
        let place = first.wrapping_add(index);
        // SAFETY: see `Riscv`; the entries lie in one table.
        unsafe {
            if place.read_volatile() == 0 {
                place.write_volatile(leaf);
                asm!("sfence.vma {0}, zero", in(reg) va, options(nostack));
                entered += 1;
            }
        }
        leaf = leaf.wrapping_add(1 << 10);
        va = va.wrapping_add(FRAME);
    }
    entered
}

impl Platform for Riscv {
    type Registers = Mmio;

    fn ticks(&self) -> u64 {
        csr::time()
    }

    #[inline]
    fn instructions_since(&self, start: NonZeroUsize) -> usize {
        csr::instret().wrapping_sub(start.get())
    }

    fn instructions_retired(&self) -> u64 {
        csr::instructions()
    }

    fn lock_taken(&self) -> u32 {
        LOCK.counts().0
    }

    fn set_timer(&mut self, at: u64) {
        if self.sstc {
            csr::set_stimecmp(at)
        } else {
            sbi::set_timer(at)
        }
    }

    fn activate(&mut self, space: &Space) {
        // `Space::EMPTY` has no root: the kernel's own maps all that it needs.
        if space.root().raw() == 0 {
            return self.leave_spaces();
        }
        // SAFETY: every space's root carries the kernel's half (`Space::create`), and a
        // space that is borrowed here has not been destroyed.
        unsafe { self.set_root(space.root()) }
    }

    fn leave_spaces(&mut self) {
        // SAFETY: `set_kernel_root` was called at boot, before any space existed.
        unsafe { self.set_root(self.kernel_root) }
    }

    fn save_floats(&mut self, into: &mut Floats) {
        // SAFETY: stores into the 33 words that `Floats` has; uses only t0 and t1.
        unsafe {
            match self.floats {
                FloatUnit::Double => {
                    asm!("call fp_save", inout("a0") into.0.as_mut_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
                }
                FloatUnit::Single => {
                    asm!("call fp_save_single", inout("a0") into.0.as_mut_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
                }
                FloatUnit::Missing => {}
            }
        }
    }

    fn load_floats(&mut self, from: &Floats) {
        // SAFETY: loads from the 33 words that `Floats` has; the kernel itself uses no float
        // register, so none of its values is lost.
        unsafe {
            match self.floats {
                FloatUnit::Double => {
                    asm!("call fp_load", inout("a0") from.0.as_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
                }
                FloatUnit::Single => {
                    asm!("call fp_load_single", inout("a0") from.0.as_ptr() => _, out("t0") _, out("t1") _, out("ra") _)
                }
                FloatUnit::Missing => {}
            }
        }
    }

    fn mask_external(&mut self) {
        csr::mask_external();
    }

    fn is_interrupted(&self) -> bool {
        let pending = csr::pending();
        pending.timer || pending.external
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

    fn is_waited_for(&self) -> bool {
        LOCK.is_waited_for()
    }

    fn shoot_down(&mut self, harts: u32, ids: &[usize]) {
        REQUESTS.ask(harts);
        for (index, &id) in ids.iter().enumerate() {
            if harts & 1 << index != 0 {
                sbi::interrupt_hart(id);
            }
        }
        // Each is in a program, and the interrupt takes it out, or in the kernel, and on its way to the queue.
        while !REQUESTS.have_answered(harts) {
            stop_if_crashed();
            core::hint::spin_loop();
        }
    }

    fn triggers(&mut self) -> usize {
        triggers::count()
    }

    fn arm_trigger(&mut self, at: usize) -> Option<u8> {
        triggers::arm(self, self.kernel_root, at)
    }

    fn disarm_trigger(&mut self, trigger: u8) {
        triggers::disarm(trigger);
    }

    fn power_off(&mut self) {
        sbi::power_off();
    }
}
