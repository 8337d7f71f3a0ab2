//! From a virtual address to a physical one, by every rule that the hart has.
//!
//! The C906 leaves A and D to software, walks its tables through the data cache, and gives each page a
//! memory type: with `sxstatus.MAEE` by bits 59 to 63 of its leaf, else by the chip's own map.

use pagetable::{
    AccessType, Attributes, Entry, Leaf, Mode, PhysAddr, Pte, Refusal, THead, VirtAddr,
};

use crate::hart::{PrivilegeLevel, status};
use crate::machine::StrictMachine;
use crate::mmu::bank;
use crate::ram::{LINE, STALE, WALKED};
use crate::rule::SiliconRule;
use crate::tlb::Held;
use crate::trace::TraceKind;
use crate::trap::SyncException;

/// `satp.MODE` of Sv39; the C906 has no other.
pub(crate) const SV39: u64 = 8;

/// How a page may be accessed by the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Cacheable,
    /// Past it, widened and merged.
    Weak,
    /// Past it, each access as it is.
    Strong,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub pa: u64,
    pub kind: Type,
}

/// What a leaf says to an access.
#[derive(PartialEq, Eq)]
enum Verdict {
    Granted,
    Denied,
    Breaks(SiliconRule),
}

impl StrictMachine {
    /// The long way. Of pages that need no second look the fast tables remember where they are.
    pub(crate) fn translate(
        &mut self,
        va: u64,
        access: AccessType,
    ) -> Result<Place, SyncException> {
        if self.hart.satp >> 60 != SV39 {
            // Sign-extended addresses are beyond what the bus has.
            let kind = self.platform_type(va);
            return self.granted(va, va, kind, access);
        }
        let leaf = self.leaf(va, access)?;
        self.permit(&leaf, va, access)?;
        let pa = leaf.at(VirtAddr::new(va)).raw();
        let kind = self.leaf_type(&leaf, pa);
        self.granted(va, pa, kind, access)
    }

    fn granted(
        &mut self,
        va: u64,
        pa: u64,
        kind: Type,
        access: AccessType,
    ) -> Result<Place, SyncException> {
        if access == AccessType::Execute && kind == Type::Strong {
            let rule = SiliconRule::FetchFromDevice;
            if self.find(rule, va) || self.ram.offset(pa, 2).is_none() {
                return Err(SyncException::access_fault(access, va));
            }
        }
        let page = self.ram.offset(pa & !0xfff, 4096);
        if let (Type::Cacheable, Some(at)) = (kind, page) {
            let tables = match access {
                AccessType::Execute => &mut self.mmu.fetches,
                AccessType::Read => &mut self.mmu.loads,
                AccessType::Write => &mut self.mmu.stores,
            };
            tables[bank(self.hart.level)].put(va, self.mmu.generation, at);
        }
        Ok(Place { pa, kind })
    }

    /// What the chip's own map says: RAM is cached, devices are strongly ordered.
    fn platform_type(&self, pa: u64) -> Type {
        match self.ram.offset(pa, 1) {
            Some(_) => Type::Cacheable,
            None => Type::Strong,
        }
    }

    fn leaf_type(&mut self, leaf: &Leaf, pa: u64) -> Type {
        let Attributes::THead(bits) = leaf.attributes else {
            return self.platform_type(pa);
        };
        let THead {
            strong_order,
            cacheable,
            ..
        } = bits;
        let is_ram = self.ram.offset(pa, 1).is_some();
        // openc906 aq_mmu_utlb.v: cacheable = C and not SO.
        let (kind, broken) = match (strong_order, cacheable, is_ram) {
            (false, true, true) => return Type::Cacheable,
            (true, _, false) => return Type::Strong,
            (true, _, true) => (Type::Strong, SiliconRule::RamTypedAsDevice),
            (false, false, true) => (Type::Weak, SiliconRule::RamNotCacheable),
            (false, _, false) => (Type::Weak, SiliconRule::DeviceNotOrdered),
        };
        if self.find(broken, pa) {
            kind
        } else {
            self.platform_type(pa)
        }
    }

    /// The leaf that the hart uses: one that it holds, right or wrong, or what a walk finds.
    fn leaf(&mut self, va: u64, access: AccessType) -> Result<Leaf, SyncException> {
        let asid = (self.hart.satp >> 44) as u16;
        let page = va >> 12;
        let held = self.mmu.tlb.get(page, asid);
        let walked = match held {
            Held::Nothing => {
                let walked = self.walk_kept(va, asid, access);
                match walked {
                    Ok(leaf) => self.note(TraceKind::Fill, va, leaf.pte.raw()),
                    Err(_) => self.note(TraceKind::Miss, va, 0),
                }
                match walked {
                    Ok(leaf) => self.mmu.tlb.put(page, asid, leaf),
                    Err(Refusal::NotValid) => self.mmu.tlb.put_miss(page, asid),
                    Err(_) => {}
                }
                walked
            }
            Held::Leaf(leaf) => {
                let now = self.walk(va);
                let is_same = now == Ok(leaf) || self.is_as_good(leaf, now, va, access);
                if is_same || self.find(SiliconRule::StaleTranslation, va) {
                    Ok(leaf)
                } else {
                    now
                }
            }
            Held::Miss => {
                let now = self.walk(va);
                if now.is_ok() && self.find(SiliconRule::NegativeTranslation, va) {
                    Err(Refusal::NotValid)
                } else {
                    now
                }
            }
        };
        walked.map_err(|refusal| self.refused(refusal, va, access))
    }

    /// A walk that begins at the lowest pointer that the hart holds, and keeps those that it meets.
    fn walk_kept(&mut self, va: u64, asid: u16, access: AccessType) -> Result<Leaf, Refusal> {
        let (now, path) = self.walk_path(va);
        let held = (0..Mode::Sv39.levels() - 1)
            .find_map(|level| Some((level, self.mmu.tlb.pointer(level, va, asid)?)));
        let walked = match held {
            Some((level, table)) if path[usize::from(level)] != Some(table) => {
                let old = self.walk_from(va, level, table, &mut [None; 3]);
                let is_same =
                    old == now || old.is_ok_and(|old| self.is_as_good(old, now, va, access));
                if !is_same && self.find(SiliconRule::StaleTranslation, va) {
                    return old;
                }
                now
            }
            _ => now,
        };
        let is_global = now.is_ok_and(|leaf| leaf.pte.has(Pte::GLOBAL));
        for (level, table) in (0..).zip(path) {
            if let Some(table) = table {
                self.mmu.tlb.put_pointer(level, va, asid, is_global, table);
            }
        }
        walked
    }

    /// Would this access end the same way by what the tables hold now? Between `satp` and its fence it must.
    fn is_as_good(
        &self,
        held: Leaf,
        now: Result<Leaf, Refusal>,
        va: u64,
        access: AccessType,
    ) -> bool {
        let address = VirtAddr::new(va);
        now.is_ok_and(|now| {
            held.at(address) == now.at(address)
                && held.attributes == now.attributes
                && self.verdict(&held, access) == self.verdict(&now, access)
        })
    }

    fn refused(&mut self, refusal: Refusal, va: u64, access: AccessType) -> SyncException {
        let broken = match refusal {
            Refusal::ReservedBits => Some(SiliconRule::ReservedBits),
            Refusal::MisalignedSuperpage => Some(SiliconRule::MisalignedSuperpage),
            Refusal::NoMemory => return SyncException::access_fault(access, va),
            _ => None,
        };
        if let Some(rule) = broken {
            self.find(rule, va);
        }
        SyncException::page_fault(access, va)
    }

    /// Privileged ISA, "Virtual Address Translation Process".
    pub(crate) fn walk(&mut self, va: u64) -> Result<Leaf, Refusal> {
        self.walk_path(va).0
    }

    /// The same, with the tables below the root that pointers lead to, by level.
    fn walk_path(&mut self, va: u64) -> (Result<Leaf, Refusal>, [Option<PhysAddr>; 3]) {
        let mut path = [None; 3];
        let root = PhysAddr::from_frame(self.hart.satp & ((1 << 44) - 1));
        let top = Mode::Sv39.levels() - 1;
        (self.walk_from(va, top, root, &mut path), path)
    }

    fn walk_from(
        &mut self,
        va: u64,
        level: u8,
        mut table: PhysAddr,
        path: &mut [Option<PhysAddr>; 3],
    ) -> Result<Leaf, Refusal> {
        let mode = Mode::Sv39;
        if !mode.canonical(VirtAddr::new(va)) {
            return Err(Refusal::NonCanonical);
        }
        for level in (0..=level).rev() {
            let index = mode.index(VirtAddr::new(va), level) * mode.entry_bytes();
            let pte = self.entry(table.raw().wrapping_add(index as u64))?;
            match pte.decode(mode, level, self.dialect) {
                Entry::Pointer(next) => {
                    table = next;
                    if let Some(below) = level.checked_sub(1) {
                        path[usize::from(below)] = Some(next);
                    }
                }
                Entry::Leaf(leaf) => return Ok(leaf),
                Entry::Refused(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::PointerAtLevelZero)
    }

    /// The walker reads through the cache, whatever the types of the pages are that the table is mapped by.
    fn entry(&mut self, pa: u64) -> Result<Pte, Refusal> {
        let at = self.ram.offset(pa, 8).ok_or(Refusal::NoMemory)?;
        let bytes = self.ram.get::<8>(at).ok_or(Refusal::NoMemory)?;
        let flags = self.ram.flags(at);
        if flags & WALKED == 0 {
            self.ram.mark(at, WALKED);
        }
        if flags & STALE != 0 {
            let behind = self.ram.get_behind(at, 8).and_then(<[u8]>::first_chunk);
            if let Some(behind) = behind.copied()
                && behind != bytes
                && !self.find(SiliconRule::WalkPastCache, pa)
            {
                return Ok(Pte::new(u64::from_le_bytes(behind)));
            }
        }
        Ok(Pte::new(u64::from_le_bytes(bytes)))
    }

    /// A line of a table is written: pages must be looked at again.
    pub(crate) fn table_written(&mut self, at: usize) {
        self.mmu.forget_fast();
        // It counts as walked again once it is walked again.
        self.ram.unmark(at / LINE * LINE, WALKED);
    }

    /// What a leaf says to an access; nothing is counted.
    fn verdict(&self, leaf: &Leaf, access: AccessType) -> Verdict {
        let pte = leaf.pte;
        let sum = self.hart.sstatus & status::SUM != 0;
        let mxr = self.hart.sstatus & status::MXR != 0;
        let is_user_page = pte.has(Pte::USER);
        let level_fits = match self.hart.level {
            PrivilegeLevel::User => is_user_page,
            PrivilegeLevel::Supervisor => !is_user_page || sum && access != AccessType::Execute,
        };
        let flag_fits = match access {
            AccessType::Execute => pte.has(Pte::EXEC),
            AccessType::Read => pte.has(Pte::READ) || mxr && pte.has(Pte::EXEC),
            AccessType::Write => pte.has(Pte::WRITE),
        };
        match access {
            _ if !level_fits || !flag_fits => Verdict::Denied,
            _ if !pte.has(Pte::ACCESSED) => Verdict::Breaks(SiliconRule::AccessedClear),
            AccessType::Write if !pte.has(Pte::DIRTY) => Verdict::Breaks(SiliconRule::DirtyClear),
            _ => Verdict::Granted,
        }
    }

    fn permit(&mut self, leaf: &Leaf, va: u64, access: AccessType) -> Result<(), SyncException> {
        let is_refused = match self.verdict(leaf, access) {
            Verdict::Granted => false,
            Verdict::Denied => true,
            Verdict::Breaks(rule) => self.find(rule, va),
        };
        if is_refused {
            return Err(SyncException::page_fault(access, va));
        }
        Ok(())
    }
}
