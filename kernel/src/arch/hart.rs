//! One hart's own block: where the running program's registers are, and its kernel stack.

use core::ptr;

use pagetable::PhysAddr;

use super::paging::{self, VIRTUAL};
use super::shared::Ticket;
use super::{STACK_BYTES, secondary_linked};
use crate::harts::MAX_HARTS;
use crate::mm::{BootRam, Fast, Machine, TableFrames, bootmap, table};
use crate::task::context::TrapFrame;

/// What `tp` points to while the kernel runs. `trap.S` knows its layout by `offset_of!`.
#[repr(C, align(64))]
pub struct Hart {
    /// The registers of the program that was interrupted, or that will run next.
    pub frame: &'static mut TrapFrame,
    /// Top of this hart's kernel stack.
    pub stack: usize,
    /// The SBI's number of this hart.
    pub id: usize,
    /// Its place among the harts that run the kernel: 0 for the one that booted.
    pub index: usize,
    /// What it drew last: says after a crash whether it holds the lock.
    pub ticket: Ticket,
    /// How often it has had to wait for the lock.
    pub contended: u64,
    /// `satp` of the kernel's own tables: `secondary.S` starts a hart with it, and one that is asked to leave its space
    /// goes there.
    pub satp: usize,
    /// Where `secondary.S` goes on, as linked.
    pub linked: usize,
    /// Where this block is, for `secondary.S`.
    pub own: usize,
}

impl Hart {
    /// The block of a hart that has run no program.
    pub(super) const fn new(
        index: usize,
        id: usize,
        stack: usize,
        frame: &'static mut TrapFrame,
    ) -> Hart {
        Hart {
            frame,
            stack,
            id,
            index,
            ticket: Ticket::NONE,
            contended: 0,
            satp: 0,
            linked: 0,
            own: 0,
        }
    }
}

/// A hart's block and the frame that it begins with.
#[repr(C)]
pub(super) struct HartBlock {
    hart: Hart,
    frame: TrapFrame,
}

impl HartBlock {
    /// Writes the block of a hart that has run no program to `at`, whose kernel stack ends there.
    ///
    /// # Safety
    /// There is room for it at `at`, aligned to 64 bytes, which no other reference reaches.
    pub(super) unsafe fn write(at: *mut HartBlock, index: usize, id: usize) -> &'static mut Hart {
        let own = at as usize;
        // SAFETY: the caller's contract; the two references are to different parts.
        unsafe {
            let frame = &raw mut (*at).frame;
            frame.write(TrapFrame {
                hart: own,
                ..TrapFrame::EMPTY
            });
            let hart = &raw mut (*at).hart;
            hart.write(Hart::new(index, id, own, &mut *frame));
            &mut *hart
        }
    }
}

/// What lies behind a hart's stack: its block, and a window that is never opened.
#[repr(C)]
struct HartPage {
    block: HartBlock,
    fast: Fast,
}

/// A stack, and behind it a page.
const BYTES: usize = STACK_BYTES + 4096;
const _: () = assert!(size_of::<HartPage>() <= 4096);

/// A hart that can be started.
#[derive(Clone, Copy)]
pub struct ToStart {
    /// Its index, from 1.
    pub index: usize,
    /// The SBI's number of it.
    pub id: usize,
    /// Where its block lies in memory.
    block: PhysAddr,
}

/// Those of [`MAX_HARTS`] that are to be started, without the one that boots.
pub type Others = [Option<ToStart>; MAX_HARTS - 1];

/// Makes a hart's block and stack, with an empty page below; `None` when there is no memory.
pub(super) fn prepare<M: Machine>(
    machine: &mut M,
    root: PhysAddr,
    ram: &mut BootRam,
    index: usize,
    id: usize,
) -> Option<ToStart> {
    let memory = ram.take(BYTES as u64, 4096)?;
    let (base, flags) = (VIRTUAL.stack(index), bootmap::data_flags(machine));
    let own = base as usize + STACK_BYTES;
    table::map_range(
        machine,
        &mut FromRam(ram),
        root,
        pagetable::VirtAddr::new(base),
        memory,
        BYTES as u64,
        flags,
    )
    .ok()?;
    machine.fence_all();
    let page = own as *mut HartPage;
    // SAFETY: the boot allocator gives a byte out once, and the page was just mapped there; both are
    // aligned to 64 bytes and fit.
    let hart = unsafe {
        let fast = &raw mut (*page).fast;
        ptr::write(fast, Fast::EMPTY);
        let hart = HartBlock::write(&raw mut (*page).block, index, id);
        hart.frame.fast = fast as usize;
        hart
    };
    hart.satp = paging::SATP_MODE | root.frame() as usize;
    hart.linked = secondary_linked as *const () as usize;
    hart.own = own;
    Some(ToStart {
        index,
        id,
        block: memory.wrapping_add(STACK_BYTES as u64),
    })
}

impl ToStart {
    /// Where its block lies in memory, for a hart whose MMU is off.
    pub(super) fn block(&self) -> PhysAddr {
        self.block
    }
}

unsafe extern "C" {
    static boot_hart: Hart;
}

/// The block of the hart that had this address in tp when it crashed; the boot hart's if that is none.
pub(super) fn block_of(tp: usize) -> &'static Hart {
    let is_block = |&at: &usize| tp == at;
    let mut others = (1..MAX_HARTS).map(|index| VIRTUAL.stack(index) as usize + STACK_BYTES);
    match others.find(is_block) {
        // SAFETY: tp has this value on a hart that was started with this block alone.
        Some(at) => unsafe { &*(at as *const Hart) },
        // SAFETY: `entry.S` has it, and boot wrote it.
        None => unsafe { &boot_hart },
    }
}

/// Tables of the kernel's map, out of memory that boot gives out.
struct FromRam<'a>(&'a mut BootRam);

impl TableFrames for FromRam<'_> {
    fn take(&mut self) -> Option<PhysAddr> {
        self.0.take(4096, 4096)
    }

    fn give(&mut self, _table: PhysAddr) {}
}
