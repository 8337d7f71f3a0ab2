//! The hart's debug triggers, which firmware shares out (SBI, Debug Triggers Extension "DBTR").
//!
//! The words of a trigger go through memory that the firmware reads; it is ours, and named before each call: the
//! kernel alone uses the extension.

use core::cell::UnsafeCell;

use pagetable::{PhysAddr, VirtAddr};
use sbi_rt::SharedPtr;
use sbi_spec::binary::TriggerMask;

use crate::mm::{Machine, table};

/// `tdata1` of an `mcontrol6`, and of an `mcontrol` (Debug spec, Sdtrig): type, U-mode, execute; equal to the address,
/// a breakpoint exception before the instruction.
const KINDS: [usize; 2] = [kind(6), kind(2)];

const fn kind(number: usize) -> usize {
    const USER: usize = 1 << 3;
    const EXECUTE: usize = 1 << 2;
    number << (usize::BITS - 4) | USER | EXECUTE
}

/// Number, `tdata1`, `tdata2`, `tdata3`.
///
/// The specification has four words, and the answer in the first of them. OpenSBI 1.5 has the answer behind the four:
/// with no room there, it writes over what lies behind, which once was the kernel's lock.
#[repr(C, align(64))]
struct TriggerWords(UnsafeCell<[usize; 8]>);

/// In the word behind the four, as long as no firmware has written there.
const NO_ANSWER: usize = usize::MAX;

// SAFETY: `arm` is called with the kernel's lock held, so by one hart at a time.
unsafe impl Sync for TriggerWords {}

static WORDS: TriggerWords = TriggerWords(UnsafeCell::new([0; 8]));

/// The kind that this hart has, and how many of it.
#[cold]
#[inline(never)]
fn found() -> Option<(usize, usize)> {
    if sbi_rt::probe_extension(sbi_rt::Dbtr).is_unavailable() {
        return None;
    }
    let counted = KINDS.map(|kind| (kind, sbi_rt::debug_num_triggers(kind)));
    counted.into_iter().find(|(_, count)| *count > 0)
}

/// How many triggers can stop a program.
pub fn count() -> usize {
    found().map_or(0, |(_, count)| count)
}

/// Has programs trap at `at`; the firmware's number of the trigger.
#[cold]
#[inline(never)]
pub fn arm<M: Machine>(machine: &M, root: PhysAddr, at: usize) -> Option<u8> {
    let (kind, _) = found()?;
    let words = WORDS.0.get();
    let va = VirtAddr::new(words as u64);
    let stop = table::walk(machine, root, va);
    let page = table::page_of::<M>(stop.entry, stop.level)?;
    let place = page
        .wrapping_add(va.offset(M::MODE.leaf_bytes(stop.level)))
        .raw();
    let shared = SharedPtr::new(place as usize, (place >> (usize::BITS - 1) >> 1) as usize);
    if sbi_rt::debug_set_shmem(shared, 0).is_err() {
        return None;
    }
    // SAFETY: `WORDS` is only touched here, and the firmware reads and writes it during the call alone.
    unsafe { words.write_volatile([0, kind, at, 0, NO_ANSWER, 0, 0, 0]) };
    let installed = sbi_rt::debug_install_triggers(1);
    // Named a second time while it is in use, it would be refused.
    let _ = sbi_rt::debug_set_shmem(SharedPtr::<u8>::new(usize::MAX, usize::MAX), 0);
    if installed.is_err() {
        return None;
    }
    // SAFETY: as above.
    let answer = unsafe { words.read_volatile() };
    let index = match answer[4] {
        NO_ANSWER => answer[0],
        behind => behind,
    };
    Some(index as u8)
}

/// Takes a trigger back.
pub fn disarm(trigger: u8) {
    let _ = sbi_rt::debug_uninstall_triggers(TriggerMask::from_mask_base(1, trigger.into()));
}
