//! Physical memory protection: which entry decides an access, and how.
//!
//! ```text
//! entry 0  80000000-8003ffff  ---   the lowest number that has a byte of the access decides, and it must
//! entry 1  80040000-8005ffff  rw-   have all of them; what no entry has, machine mode may use and others not
//! entry 2  00000000-ffffffff  rwx
//! ```
//!
//! Privileged spec, §PMP "Priority and Matching Logic". Smepmp (`mseccfg`) changes these rules and is not
//! read here.

use crate::{AccessType, PhysAddr};

/// Most entries of a hart.
pub const PMP_ENTRIES: usize = 64;

/// A range of addresses and what is permitted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PmpEntry {
    /// Number of the entry, from 0 to 63; a lower one goes first.
    pub number: u8,
    /// First address.
    pub first: u64,
    /// Last address, not below the first.
    pub last: u64,
    /// R: loads are permitted.
    pub read: bool,
    /// W: stores and atomics are permitted.
    pub write: bool,
    /// X: fetches are permitted.
    pub execute: bool,
    /// L: machine mode is judged by R, W and X too.
    pub is_locked: bool,
}

impl PmpEntry {
    const NONE: PmpEntry = PmpEntry {
        number: 0,
        first: 0,
        last: 0,
        read: false,
        write: false,
        execute: false,
        is_locked: false,
    };

    /// Whether R, W or X permits it, as for user and supervisor mode.
    pub const fn permits(&self, access: AccessType) -> bool {
        match access {
            AccessType::Read => self.read,
            AccessType::Write => self.write,
            AccessType::Execute => self.execute,
        }
    }
}

/// The mode that PMP judges an access by; user and supervisor mode are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PmpMode {
    /// Machine mode: only locked entries restrict it.
    Machine,
    /// User or supervisor mode, and every implicit access of a page-table walk.
    Lower,
}

impl PmpMode {
    /// The mode that judges an access of machine mode: with MPRV, loads and stores are judged as those of
    /// the mode in MPP (0, 1 or 3). Privileged spec, "Memory Privilege in mstatus Register".
    pub const fn of_machine(access: AccessType, mprv: bool, mpp: u8) -> PmpMode {
        match access {
            AccessType::Execute => PmpMode::Machine,
            _ if mprv && mpp != 3 => PmpMode::Lower,
            _ => PmpMode::Machine,
        }
    }
}

/// What PMP makes of an access. All but [`PmpVerdict::Permitted`] are access faults: 1, 5 or 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PmpVerdict {
    /// The access goes through, by this entry; `None` in machine mode where no entry matches.
    Permitted(Option<u8>),
    /// The entry with this number has R, W or X clear.
    Refused(u8),
    /// The entry with this number holds a part of the access only, which fails whatever it permits.
    Partial(u8),
    /// No entry matches an access of user or supervisor mode.
    NoMatch,
}

/// The entries of a hart that match addresses, the lowest number first. Entries that are off are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pmp {
    entries: [PmpEntry; PMP_ENTRIES],
    count: usize,
}

impl Default for Pmp {
    fn default() -> Pmp {
        Pmp::new()
    }
}

impl Pmp {
    /// No entry that matches: user and supervisor mode may access nothing.
    pub const fn new() -> Pmp {
        Pmp {
            entries: [PmpEntry::NONE; PMP_ENTRIES],
            count: 0,
        }
    }

    /// Adds an entry; false, without effect, if its number is not above the last one's, is above 63, or if
    /// its range is empty.
    pub const fn push(&mut self, entry: PmpEntry) -> bool {
        let is_next = self.count == 0 || self.entries[self.count - 1].number < entry.number;
        if !is_next || entry.number as usize >= PMP_ENTRIES || entry.first > entry.last {
            return false;
        }
        self.entries[self.count] = entry;
        self.count += 1;
        true
    }

    /// The entries, the lowest number first.
    pub fn entries(&self) -> &[PmpEntry] {
        &self.entries[..self.count]
    }

    /// The entry with this number, if it matches any address.
    pub fn entry(&self, number: u8) -> Option<&PmpEntry> {
        self.entries().iter().find(|entry| entry.number == number)
    }

    /// What becomes of an access of `bytes` bytes, at least one, at `at`.
    pub fn judge(&self, at: PhysAddr, bytes: u64, access: AccessType, mode: PmpMode) -> PmpVerdict {
        let first = at.raw();
        let last = first.saturating_add(bytes.saturating_sub(1));
        let meets = |entry: &&PmpEntry| entry.first <= last && first <= entry.last;
        match (self.entries().iter().find(meets), mode) {
            (None, PmpMode::Machine) => PmpVerdict::Permitted(None),
            (None, PmpMode::Lower) => PmpVerdict::NoMatch,
            (Some(entry), _) if first < entry.first || entry.last < last => {
                PmpVerdict::Partial(entry.number)
            }
            (Some(entry), PmpMode::Machine) if !entry.is_locked => {
                PmpVerdict::Permitted(Some(entry.number))
            }
            (Some(entry), _) if entry.permits(access) => PmpVerdict::Permitted(Some(entry.number)),
            (Some(entry), _) => PmpVerdict::Refused(entry.number),
        }
    }

    /// The last address up to which one entry, or none, decides as at `at`.
    pub fn end_of_piece(&self, at: PhysAddr) -> PhysAddr {
        let at = at.raw();
        let ends = self.entries().iter().flat_map(|entry| {
            let before = entry.first.checked_sub(1);
            [before, Some(entry.last)]
        });
        let last = ends.flatten().filter(|end| *end >= at).min();
        PhysAddr::new(last.unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn entry(number: u8, first: u64, last: u64, rwx: u8) -> PmpEntry {
        PmpEntry {
            number,
            first,
            last,
            read: rwx & 4 != 0,
            write: rwx & 2 != 0,
            execute: rwx & 1 != 0,
            is_locked: false,
        }
    }

    /// The firmware is closed, everything else open.
    fn firmware() -> Pmp {
        let mut pmp = Pmp::new();
        assert!(pmp.push(entry(0, 0x8000_0000, 0x8003_ffff, 0)));
        assert!(pmp.push(entry(3, 0, 0x00ff_ffff_ffff_ffff, 7)));
        pmp
    }

    fn judge(pmp: &Pmp, at: u64, bytes: u64, mode: PmpMode) -> PmpVerdict {
        pmp.judge(PhysAddr::new(at), bytes, AccessType::Read, mode)
    }

    #[test]
    fn the_lowest_number_decides() {
        let pmp = firmware();
        let lower = |at| judge(&pmp, at, 8, PmpMode::Lower);
        assert_eq!(lower(0x8000_0000), PmpVerdict::Refused(0));
        assert_eq!(lower(0x8003_fff8), PmpVerdict::Refused(0));
        assert_eq!(lower(0x8004_0000), PmpVerdict::Permitted(Some(3)));
        assert_eq!(lower(1 << 60), PmpVerdict::NoMatch);
    }

    #[test]
    fn an_access_across_the_edge_fails_whatever_both_permit() {
        let mut pmp = Pmp::new();
        pmp.push(entry(0, 0x1000, 0x1fff, 7));
        pmp.push(entry(1, 0x2000, 0x2fff, 7));
        for mode in [PmpMode::Machine, PmpMode::Lower] {
            assert_eq!(judge(&pmp, 0x1ffc, 8, mode), PmpVerdict::Partial(0));
            // The lower number decides, though the access begins in the other.
            assert_eq!(judge(&pmp, 0x0ffc, 8, mode), PmpVerdict::Partial(0));
        }
    }

    #[test]
    fn machine_mode_is_judged_by_locked_entries_alone() {
        let mut pmp = firmware();
        assert_eq!(
            judge(&pmp, 0x8000_0000, 4, PmpMode::Machine),
            PmpVerdict::Permitted(Some(0))
        );
        assert_eq!(
            judge(&pmp, 1 << 60, 4, PmpMode::Machine),
            PmpVerdict::Permitted(None)
        );
        pmp.entries[0].is_locked = true;
        assert_eq!(
            judge(&pmp, 0x8000_0000, 4, PmpMode::Machine),
            PmpVerdict::Refused(0)
        );
    }

    #[test]
    fn mprv_lends_loads_and_stores_the_mode_before() {
        let mode = PmpMode::of_machine;
        assert_eq!(mode(AccessType::Read, true, 1), PmpMode::Lower);
        assert_eq!(mode(AccessType::Write, true, 0), PmpMode::Lower);
        assert_eq!(mode(AccessType::Write, true, 3), PmpMode::Machine);
        assert_eq!(mode(AccessType::Execute, true, 0), PmpMode::Machine);
        assert_eq!(mode(AccessType::Read, false, 0), PmpMode::Machine);
    }

    #[test]
    fn pieces_end_where_another_entry_decides() {
        let pmp = firmware();
        let end = |at| pmp.end_of_piece(PhysAddr::new(at)).raw();
        assert_eq!(end(0), 0x7fff_ffff);
        assert_eq!(end(0x8000_0000), 0x8003_ffff);
        assert_eq!(end(0x8004_0000), 0x00ff_ffff_ffff_ffff);
        assert_eq!(end(1 << 60), u64::MAX);
    }

    #[test]
    fn entries_are_in_order_and_64_at_most() {
        let mut pmp = Pmp::new();
        for number in 0..64 {
            assert!(pmp.push(entry(number, 0, 1, 0)));
            assert!(!pmp.push(entry(number, 0, 1, 0)));
        }
        assert!(!pmp.push(entry(64, 0, 1, 0)));
        assert!(!Pmp::new().push(entry(0, 2, 1, 0)));
        assert_eq!(pmp.entries().len(), 64);
    }
}
