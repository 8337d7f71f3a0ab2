//! The second stage of a hypervisor: guest physical addresses to physical ones.
//!
//! ```text
//! hgatp   RV32  31 MODE   28 VMID 22   21 PPN 0      RV64  63 MODE 60   57 VMID 44   43 PPN 0
//! Sv39x4        as Sv39, with 2 more bits at the top: a root of 2048 entries, 16 KiB, aligned to it
//! ```
//!
//! Privileged spec, §"Guest-Physical Address Translation". Every access to guest memory counts as one of user
//! mode, those of the first stage's own walk too: a page without U is closed.

use crate::{
    AccessOutcome, AccessType, Deny, Dialect, Entry, Leaf, Memory, Mode, PAGE_BYTES, PhysAddr,
    Privilege, Pte, Refusal, ReservedMode, Satp, Step, Xlen,
};

/// Address bits that the second stage has above those of its mode.
pub const GUEST_EXTRA_BITS: u32 = 2;
/// Pages of a root table of the second stage.
pub const GUEST_ROOT_PAGES: u64 = 1 << GUEST_EXTRA_BITS;

/// A decoded `hgatp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hgatp {
    /// The mode that is widened by two bits: Sv39 for Sv39x4.
    pub mode: Mode,
    /// Virtual machine identifier: 7 bits on RV32, 14 on RV64.
    pub vmid: u16,
    /// Physical address of the root table, a multiple of 16 KiB.
    pub root: PhysAddr,
}

impl Hgatp {
    /// Decodes a raw value as a hart of `xlen` bits does; the lowest two bits of PPN count as clear.
    pub const fn decode(raw: u64, xlen: Xlen) -> Result<Hgatp, ReservedMode> {
        let Satp { mode, root, .. } = match Satp::decode(raw, xlen) {
            Ok(satp) => satp,
            Err(reserved) => return Err(reserved),
        };
        let vmid = match xlen {
            Xlen::Rv32 => raw >> 22 & 0x7f,
            Xlen::Rv64 => raw >> 44 & 0x3fff,
        };
        Ok(Hgatp {
            mode,
            vmid: vmid as u16,
            root: root.align_down(GUEST_ROOT_PAGES * PAGE_BYTES),
        })
    }

    /// The register's value on a hart of `xlen` bits.
    pub const fn encode(self, xlen: Xlen) -> u64 {
        let satp = Satp {
            mode: self.mode,
            asid: self.vmid,
            root: self.root,
        };
        satp.encode(xlen)
    }

    /// The tree that this register points to, read in `dialect`.
    pub const fn tree(self, dialect: Dialect) -> GuestRoot {
        GuestRoot {
            mode: self.mode,
            table: self.root,
            dialect,
        }
    }
}

/// Start of a walk of the second stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuestRoot {
    /// The mode that is widened by two bits; Bare for none.
    pub mode: Mode,
    /// Physical address of the root table.
    pub table: PhysAddr,
    /// Meaning of bits 59–63.
    pub dialect: Dialect,
}

impl GuestRoot {
    /// Number of guest physical address bits; 64 for Bare.
    #[inline]
    pub const fn address_bits(self) -> u32 {
        match self.mode {
            Mode::Bare => 64,
            mode => mode.va_bits() + GUEST_EXTRA_BITS,
        }
    }
}

/// The name of the second stage's mode: `sv39x4`.
pub const fn guest_mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Bare => "bare",
        Mode::Sv32 => "sv32x4",
        Mode::Sv39 => "sv39x4",
        Mode::Sv48 => "sv48x4",
        Mode::Sv57 => "sv57x4",
    }
}

/// The end of a walk of the second stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestOutcome {
    /// No second stage: mode Bare.
    Bare(PhysAddr),
    /// A leaf, whose permissions are still to be asked: [`GuestWalk::refuses`].
    Mapped {
        /// The physical address.
        at: PhysAddr,
        /// The leaf that maps it.
        leaf: Leaf,
    },
    /// A guest page fault for every access; an access fault for [`Refusal::NoMemory`]. An address with more
    /// bits than the mode has is [`Refusal::NonCanonical`].
    Refused(Refusal),
}

/// A translation of a guest physical address, with its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuestWalk {
    /// The guest physical address.
    pub gpa: u64,
    steps: [Step; Mode::MOST_LEVELS],
    taken: usize,
    /// Result of the walk.
    pub outcome: GuestOutcome,
}

/// Why the second stage stops an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestDenial {
    /// An entry that the MMU rejects, or an address too wide.
    Entry(Refusal),
    /// U is clear.
    NotUser,
    /// R, W or X is clear.
    Permission,
    /// A or D is clear, and the hart leaves it to software.
    Unset(u64),
}

impl GuestWalk {
    /// The entries that were read, root first.
    pub fn steps(&self) -> &[Step] {
        &self.steps[..self.taken]
    }

    /// The physical address; `None` if the walk failed.
    #[inline]
    pub const fn address(&self) -> Option<PhysAddr> {
        match self.outcome {
            GuestOutcome::Bare(at) | GuestOutcome::Mapped { at, .. } => Some(at),
            GuestOutcome::Refused(_) => None,
        }
    }

    /// Why `access` stops here; `None` if it goes through. With `svade`, a clear A or D bit stops it. The
    /// guest's SUM and MXR have no say.
    #[inline]
    pub const fn refuses(&self, access: AccessType, svade: bool) -> Option<GuestDenial> {
        match self.outcome {
            GuestOutcome::Bare(_) => None,
            GuestOutcome::Refused(reason) => Some(GuestDenial::Entry(reason)),
            GuestOutcome::Mapped { leaf, .. } => match leaf.pte.answer(access, Privilege::USER) {
                AccessOutcome::Allowed => None,
                AccessOutcome::Updates(bits) if svade => Some(GuestDenial::Unset(bits)),
                AccessOutcome::Updates(_) => None,
                AccessOutcome::Denied(Deny::SupervisorPage) => Some(GuestDenial::NotUser),
                AccessOutcome::Denied(_) => Some(GuestDenial::Permission),
            },
        }
    }
}

/// The cause of a guest page fault: 20 for a fetch, 21 for a load, 23 for a store.
pub const fn guest_page_fault(access: AccessType) -> u8 {
    match access {
        AccessType::Execute => 20,
        AccessType::Read => 21,
        AccessType::Write => 23,
    }
}

/// Translates a guest physical address. Reads at most one entry per level.
#[inline]
pub fn translate_guest<M: Memory + ?Sized>(memory: &mut M, root: GuestRoot, gpa: u64) -> GuestWalk {
    let mut walk = GuestWalk {
        gpa,
        steps: [Step::default(); Mode::MOST_LEVELS],
        taken: 0,
        outcome: GuestOutcome::Bare(PhysAddr::new(gpa)),
    };
    if root.mode == Mode::Bare {
        return walk;
    }
    walk.outcome = GuestOutcome::Refused(Refusal::NonCanonical);
    if gpa >> root.address_bits() != 0 {
        return walk;
    }
    let bytes = root.mode.entry_bytes();
    let mut table = root.table;
    for level in (0..root.mode.levels()).rev() {
        let extra = match level == root.mode.root_level() {
            true => GUEST_EXTRA_BITS,
            false => 0,
        };
        let entries = 1_u64 << (root.mode.index_bits() + extra);
        let index = gpa >> root.mode.leaf_shift(level) & (entries - 1);
        let at = table.wrapping_add(index * bytes as u64);
        let entry = memory.read_word(at, bytes).ok().map(Pte::new);
        walk.steps[walk.taken] = Step {
            level,
            index: index as u16,
            at,
            entry,
        };
        walk.taken += 1;
        let decoded = match entry {
            Some(pte) => pte.decode(root.mode, level, root.dialect),
            None => Entry::Refused(Refusal::NoMemory),
        };
        walk.outcome = match decoded {
            Entry::Pointer(next) => {
                table = next;
                continue;
            }
            Entry::Leaf(leaf) => GuestOutcome::Mapped {
                at: PhysAddr::new(leaf.base.raw() | gpa & (leaf.page_bytes - 1)),
                leaf,
            },
            Entry::Refused(reason) => GuestOutcome::Refused(reason),
        };
        break;
    }
    walk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_has_its_own_identifier_and_a_root_of_four_pages() {
        let raw = 8 << 60 | 0x3fff << 44 | 0x8_0007;
        let hgatp = Hgatp::decode(raw, Xlen::Rv64).unwrap();
        assert_eq!((hgatp.mode, hgatp.vmid), (Mode::Sv39, 0x3fff));
        assert_eq!(hgatp.root, PhysAddr::new(0x8000_4000));
        assert_eq!(hgatp.encode(Xlen::Rv64), raw & !3);
        let narrow = Hgatp::decode(1 << 31 | 0x7f << 22 | 5, Xlen::Rv32).unwrap();
        assert_eq!((narrow.mode, narrow.vmid), (Mode::Sv32, 0x7f));
        assert_eq!(narrow.root, PhysAddr::new(0x4000));
        assert!(Hgatp::decode(1 << 60, Xlen::Rv64).is_err());
    }

    #[test]
    fn an_address_has_two_more_bits_than_the_mode() {
        for (mode, bits) in [
            (Mode::Sv32, 34),
            (Mode::Sv39, 41),
            (Mode::Sv48, 50),
            (Mode::Sv57, 59),
        ] {
            let root = GuestRoot {
                mode,
                table: PhysAddr::new(0),
                dialect: Dialect::None,
            };
            assert_eq!(root.address_bits(), bits);
        }
    }

    #[test]
    fn causes_are_the_manuals() {
        assert_eq!(AccessType::ALL.map(guest_page_fault), [21, 23, 20]);
    }
}
