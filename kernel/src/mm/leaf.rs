//! The bits of a leaf that the pager enters.

use abi::Access;
use pagetable::{MemoryType, Pte};

use super::Machine;
use super::region::Prot;

/// The bits of a leaf besides its frame, A and D.
#[inline]
pub(super) fn leaf_flags<M: Machine>(machine: &M, prot: Prot, memory: MemoryType) -> u64 {
    Pte::VALID | Pte::USER | prot.bits() | machine.dialect().bits(memory)
}

/// A, and D for a store: set when a leaf is entered, so that the access does not fault again
/// where the hart leaves them to us.
#[inline]
pub(super) fn accessed(access: Access) -> u64 {
    match access {
        Access::Write => Pte::ACCESSED | Pte::DIRTY,
        _ => Pte::ACCESSED,
    }
}

/// The right that an access needs.
pub(super) fn right(access: Access) -> u64 {
    match access {
        Access::Write => Pte::WRITE,
        Access::Execute => Pte::EXEC,
        _ => Pte::READ,
    }
}
