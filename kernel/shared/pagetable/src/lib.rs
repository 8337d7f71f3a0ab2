//! RISC-V page tables: modes, entries, memory types, and the walk.
//!
//! One decoder for every reader of page tables: the kernel's pager and debug agent, a dump on the host, a
//! debugger. Modes and dialects are values, because a decoder of dumps cannot fix them at compile time. An
//! entry that the MMU rejects is always an explicit case ([`Refusal`]), never an absent result.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
mod addr;
mod attr;
mod guest;
mod leaf;
mod memory;
mod mode;
mod pmp;
mod pmp_registers;
mod pte;
mod satp;
mod scan;
mod seen;
mod two_stage;
mod visit;
mod walk;
mod xlen;

pub use access::{AccessOutcome, AccessType, Deny, Privilege};
pub use addr::{PAGE_BYTES, PAGE_SHIFT, PhysAddr, VirtAddr};
pub use attr::{Attributes, Dialect, MemoryType, Pbmt, THead};
pub use guest::{
    GUEST_EXTRA_BITS, GUEST_ROOT_PAGES, GuestDenial, GuestOutcome, GuestRoot, GuestWalk, Hgatp,
    guest_mode_name, guest_page_fault, translate_guest,
};
pub use leaf::{Entry, Leaf, Refusal};
pub use memory::{Memory, Outside};
pub use mode::Mode;
pub use pmp::{PMP_ENTRIES, Pmp, PmpEntry, PmpMode, PmpVerdict};
pub use pmp_registers::{PmpMatching, PmpRegisters, PmpRegistersError};
pub use pte::{Flags, Pte};
pub use satp::{ReservedMode, Satp};
pub use scan::{Scanned, scan};
pub use seen::{Mapping, Problem, ScanBudget, Seen, Trouble, Visited};
pub use two_stage::{
    GuestMemory, GuestReadError, StageStep, TwoStageFault, TwoStageOutcome, TwoStageWalk,
    translate_two_stage,
};
pub use visit::{visit, visit_within};
pub use walk::{Root, Step, Walk, WalkOutcome, translate};
pub use xlen::Xlen;

/// The page that a registry shows: its example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct PagetableReadme;
