//! The few lines that need unsafe code.
#![expect(
    unsafe_code,
    reason = "system calls, the entry point, and touching what must fault"
)]

use abi::Call;

#[cfg(target_os = "none")]
core::arch::global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    "_start:",
    "  mv   fp, zero",
    "  mv   ra, zero",
    "  call program",
);

/// Makes a system call with up to five arguments; what came back in `a0` and `a1`.
pub(crate) fn call(call: Call, arguments: [usize; 5]) -> (usize, usize) {
    ask(call.number(), arguments)
}

/// Makes a call about messages, with seven arguments; what came back in `a0` to `a6`.
#[cfg(target_os = "none")]
pub(crate) fn message_call(call: Call, arguments: [usize; 7]) -> [usize; 7] {
    let [mut a0, mut a1, mut a2, mut a3, mut a4, mut a5, mut a6] = arguments;
    // SAFETY: the kernel writes no memory for these calls, and no other register.
    unsafe {
        core::arch::asm!(
            "ecall",
            inlateout("a0") a0, inlateout("a1") a1, inlateout("a2") a2, inlateout("a3") a3,
            inlateout("a4") a4, inlateout("a5") a5, inlateout("a6") a6, in("a7") call.number(),
            options(nostack),
        );
    }
    [a0, a1, a2, a3, a4, a5, a6]
}

/// On the host there is no kernel.
#[cfg(not(target_os = "none"))]
pub(crate) fn message_call(_call: Call, arguments: [usize; 7]) -> [usize; 7] {
    let mut answers = arguments;
    answers[0] = abi::Error::Unsupported.to_a0();
    answers
}

/// Makes any system call with anything as its arguments, for programs that test the kernel:
/// what came back in `a0`. The kernel may write wherever they point.
#[cfg(target_os = "none")]
pub fn raw_call(number: usize, arguments: [usize; 5]) -> usize {
    let [mut a0, a1, a2, a3, a4] = arguments;
    // SAFETY: whichever call it is, the kernel keeps every register but a0 to a6; where it writes memory, the caller
    // claims nothing of that.
    unsafe {
        core::arch::asm!(
            "ecall",
            inlateout("a0") a0, inlateout("a1") a1 => _, inlateout("a2") a2 => _, inlateout("a3") a3 => _,
            inlateout("a4") a4 => _, inlateout("a5") 0 => _, lateout("a6") _, in("a7") number,
            options(nostack),
        );
    }
    a0
}

/// On the host there is no kernel.
#[cfg(not(target_os = "none"))]
pub fn raw_call(_number: usize, _arguments: [usize; 5]) -> usize {
    abi::Error::Unsupported.to_a0()
}

#[cfg(target_os = "none")]
fn ask(number: usize, arguments: [usize; 5]) -> (usize, usize) {
    let [mut a0, mut a1, a2, a3, a4] = arguments;
    // SAFETY: the kernel keeps every register but a0 and a1, and writes only into buffers
    // whose address and length it was given by the safe wrappers in `call`.
    unsafe {
        core::arch::asm!(
            "ecall",
            inlateout("a0") a0, inlateout("a1") a1, in("a2") a2, in("a3") a3, in("a4") a4,
            in("a5") 0, in("a7") number,
            options(nostack),
        );
    }
    (a0, a1)
}

/// On the host there is no kernel.
#[cfg(not(target_os = "none"))]
fn ask(_number: usize, _arguments: [usize; 5]) -> (usize, usize) {
    (abi::Error::Unsupported.to_a0(), 0)
}

/// The bytes that the kernel put on top of the stack for the program to read.
pub(crate) fn bytes_at(at: *const u8, bytes: usize) -> &'static [u8] {
    if bytes == 0 {
        return &[];
    }
    // SAFETY: the entry point passes what the kernel gave it; the stack's top page stays.
    unsafe { core::slice::from_raw_parts(at, bytes) }
}

/// Anonymous pages that were just mapped for this program alone.
pub(crate) fn pages_at(at: usize, bytes: usize) -> &'static mut [u8] {
    // SAFETY: `mmap` and `sbrk` answer with memory that is zero and only the caller's.
    unsafe { core::slice::from_raw_parts_mut(at as *mut u8, bytes) }
}

/// A value that threads share under a lock of [`sync`](crate::sync).
pub(crate) struct Shared<T>(core::cell::UnsafeCell<T>);

// SAFETY: only the lock's guard, which one thread at a time has, makes references to the value.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Shared<T> {
        Shared(core::cell::UnsafeCell::new(value))
    }

    /// For the guard of the lock alone.
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the caller holds the lock, and lends what it is given.
        unsafe { &*self.0.get() }
    }

    /// For the guard of the lock alone, which lends it as its own.
    #[expect(clippy::mut_from_ref, reason = "the guard is the only one that has it")]
    pub(crate) fn get_mut(&self) -> &mut T {
        // SAFETY: as for `get`.
        unsafe { &mut *self.0.get() }
    }
}

/// Loads a word from any address, mapped or not: for programs that fault on purpose.
pub fn read_at(at: usize) -> u32 {
    // SAFETY: none is claimed; at worst the kernel ends this program, which is the point.
    unsafe { (at as *const u32).read_volatile() }
}

/// Stores a word to any address, mapped or not: for programs that fault on purpose.
pub fn write_at(at: usize, value: u32) {
    // SAFETY: as for `read_at`.
    unsafe { (at as *mut u32).write_volatile(value) }
}

/// Jumps to an address as if a function stood there.
pub fn run_at(at: usize) {
    // SAFETY: as for `read_at`.
    unsafe { core::mem::transmute::<usize, extern "C" fn()>(at)() }
}

/// Executes `lr` on a word across a 16-byte boundary: misaligned loads and stores may be emulated, this never
/// is.
pub fn reserve_misaligned() {
    #[cfg(target_os = "none")]
    {
        #[repr(align(16))]
        struct AlignedWords([u32; 8]);
        let words = AlignedWords([0; 8]);
        // SAFETY: stays inside `words`, if it is carried out at all.
        unsafe {
            core::arch::asm!("lr.w zero, ({0})", in(reg) words.0.as_ptr() as usize + 14, options(nostack));
        }
    }
}

/// Stops at a breakpoint that no debugger has set.
pub fn breakpoint() {
    #[cfg(target_os = "none")]
    // SAFETY: traps before it could do anything.
    unsafe {
        core::arch::asm!("ebreak", options(nostack));
    }
}

/// Executes an encoding that is no instruction.
pub fn illegal() {
    #[cfg(target_os = "none")]
    // SAFETY: traps before it could do anything.
    unsafe {
        core::arch::asm!("unimp", options(nostack));
    }
}

/// Number of instructions retired by this hart. Ends the program if `instret` cannot be read: a
/// [`Counter`](crate::Counter) exists only if it can.
#[inline(always)]
pub fn instructions() -> usize {
    #[cfg(target_os = "none")]
    {
        let count: usize;
        // SAFETY: reads a counter; `volatile` by default, so it stays where it stands.
        unsafe { core::arch::asm!("rdinstret {0}", out(reg) count, options(nostack)) };
        count
    }
    #[cfg(not(target_os = "none"))]
    0
}
