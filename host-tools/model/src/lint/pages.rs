//! Rules on mapped ranges: permissions, A and D, memory types, neighbours.

use pagetable::{Attributes, MemoryType, Mode, PAGE_BYTES, Pbmt, Pte};

use super::{Lint, LintMachine, Rule, rules};
use crate::AddressSpace;
use crate::space::MappedRange;

/// Ranges with D but not A that are kept until it is known whether software clears A.
const MOST_DIRTY: usize = 1 << 12;

/// Rules on single ranges, fed in order of address.
pub(super) struct PageRules<'a> {
    machine: &'a LintMachine,
    found: Vec<Lint>,
    /// The two last ranges; the newer one waits for its successor.
    before: Option<MappedRange>,
    last: Option<(usize, MappedRange)>,
    /// Entries with neither A nor D: software clears A, or sets it later.
    unused: u64,
    /// Number of entries with D alone, and their first ranges.
    dirty_alone: u64,
    dirty: Vec<(usize, MappedRange)>,
}

impl<'a> PageRules<'a> {
    pub fn new(machine: &'a LintMachine) -> Self {
        PageRules {
            machine,
            found: Vec::new(),
            before: None,
            last: None,
            unused: 0,
            dirty_alone: 0,
            dirty: Vec::new(),
        }
    }

    fn note(
        &mut self,
        rule: &'static Rule,
        place: usize,
        range: &MappedRange,
        detail: impl Into<String>,
    ) {
        self.found.push(Lint {
            pa: Some(range.pa),
            bytes: range.bytes,
            ..Lint::new(rule, place, range.va, detail.into())
        });
    }

    /// Adds the next range of a space.
    pub fn take(&mut self, place: usize, space: &AddressSpace, range: MappedRange) {
        self.alone(place, space.mode(), &range);
        if let Some((place, last)) = self.last.replace((place, range)) {
            self.between(place, &last, Some(&range));
            self.before = Some(last);
        }
    }

    /// Ends the space.
    pub fn end(&mut self) {
        if let Some((place, last)) = self.last.take() {
            self.between(place, &last, None);
        }
        self.before = None;
    }

    /// Rules on a range by itself.
    fn alone(&mut self, place: usize, mode: Mode, range: &MappedRange) {
        let flags = range.flags();
        let letters = || flags.flags().to_string();
        match flags.has(Pte::WRITE | Pte::EXEC) {
            true if flags.has(Pte::USER) => {
                self.note(&rules::USER_WRITE_AND_EXECUTE, place, range, letters());
            }
            true => self.note(&rules::WRITE_AND_EXECUTE, place, range, letters()),
            false => {}
        }
        // RV32 has no canonical halves: the start of the kernel is the kernel's choice.
        let is_upper = mode != Mode::Sv32 && range.va.raw() >> 63 != 0;
        if flags.has(Pte::USER) && is_upper {
            self.note(&rules::USER_IN_KERNEL_HALF, place, range, letters());
        }
        if self.machine.svade == Some(true) {
            if !flags.has(Pte::ACCESSED) {
                self.note(&rules::ACCESSED_CLEAR, place, range, letters());
            } else if flags.has(Pte::WRITE) && !flags.has(Pte::DIRTY) {
                self.note(&rules::DIRTY_CLEAR, place, range, letters());
            }
        }
        match (flags.has(Pte::ACCESSED), flags.has(Pte::DIRTY)) {
            (false, false) => self.unused += range.entries(),
            (false, true) => {
                self.dirty_alone += range.entries();
                if self.dirty.len() < MOST_DIRTY {
                    self.dirty.push((place, *range));
                }
            }
            _ => {}
        }
        if let Some((name, words)) = wrong_type(range, self.machine) {
            self.note(name, place, range, words);
        }
        if range.leaf.is_napot {
            self.napot(place, range);
        }
    }

    /// Svnapot requires 16 equal entries.
    fn napot(&mut self, place: usize, range: &MappedRange) {
        let page = range.leaf.page_bytes;
        if range.va.offset(page) != 0 || !range.bytes.is_multiple_of(page) {
            let entries = range.bytes % page / PAGE_BYTES;
            let detail = format!("{entries} of 16 entries are alike");
            self.note(&rules::NAPOT_MIXED, place, range, detail);
        }
    }

    /// Rules on a range and its two neighbours.
    fn between(&mut self, place: usize, range: &MappedRange, after: Option<&MappedRange>) {
        let before = self.before.filter(|it| touches(it, range));
        let after = after.filter(|it| touches(range, it));
        let neighbours = [before.as_ref(), after];
        let is_kernel = |it: &MappedRange| !it.flags().has(Pte::USER);
        if let [Some(before), Some(after)] = neighbours
            && !is_kernel(range)
            && is_kernel(before)
            && is_kernel(after)
            // The exception is the smaller part.
            && range.bytes <= before.bytes.saturating_add(after.bytes) / 2
        {
            let [here, before, after] = [range, before, after].map(|it| it.flags().flags());
            let detail = format!("{here} between {before} and {after}");
            self.note(&rules::USER_AMID_KERNEL, place, range, detail);
        }
        if let Some(detail) = self.out_of_memory(range, neighbours) {
            self.note(&rules::PAGE_OUTSIDE_RAM, place, range, detail);
        }
    }

    /// Why a page outside of RAM and listed devices is suspicious: devices are mapped for the kernel, are not
    /// executable, and are not mapped between pages of RAM.
    fn out_of_memory(
        &self,
        range: &MappedRange,
        neighbours: [Option<&MappedRange>; 2],
    ) -> Option<String> {
        // A device with the memory type of RAM has a rule of its own.
        if !self.machine.is_nothing(range) || wrong_type(range, self.machine).is_some() {
            return None;
        }
        let flags = range.flags();
        let is_like = |it: &&MappedRange| {
            const SAME: u64 = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER | Pte::GLOBAL;
            (it.flags().raw() ^ flags.raw()) & SAME == 0
                && it.leaf.level == range.leaf.level
                && it.attributes() == range.attributes()
                && self.machine.is_ram(it.pa) == Some(true)
        };
        if flags.has(Pte::EXEC) {
            Some(format!("code, {}", flags.flags()))
        } else if flags.has(Pte::USER) {
            Some(format!("of a user, {}", flags.flags()))
        } else {
            let beside = neighbours.into_iter().flatten().find(is_like)?;
            Some(format!("beside memory at {}", beside.va))
        }
    }

    /// All findings.
    pub fn found(mut self) -> Vec<Lint> {
        // Where software clears A to measure use, D without A is expected.
        if self.dirty_alone > self.unused {
            for (place, range) in std::mem::take(&mut self.dirty) {
                let letters = range.flags().flags().to_string();
                self.note(&rules::DIRTY_WITHOUT_ACCESSED, place, &range, letters);
            }
        }
        self.found
    }
}

/// Whether the second range starts where the first ends.
fn touches(one: &MappedRange, other: &MappedRange) -> bool {
    one.va.wrapping_add(one.bytes) == other.va
}

/// Compares the memory type with the kind of memory at the address.
fn wrong_type(range: &MappedRange, machine: &LintMachine) -> Option<(&'static Rule, &'static str)> {
    let is_ram = machine.is_ram(range.pa)?;
    match (is_ram, range.attributes()) {
        (false, Attributes::THead(bits)) if bits.cacheable => {
            Some((&rules::DEVICE_CACHEABLE, "cacheable, and no memory"))
        }
        (false, Attributes::Pbmt(Pbmt::NonCacheable)) => Some((
            &rules::DEVICE_CACHEABLE,
            "NC is for memory: accesses may be merged and repeated",
        )),
        (true, Attributes::THead(bits)) if bits.strong_order => {
            Some((&rules::RAM_AS_DEVICE, "strongly ordered"))
        }
        (true, attributes @ Attributes::Pbmt(_))
            if attributes.memory_type() == Some(MemoryType::Device) =>
        {
            Some((&rules::RAM_AS_DEVICE, "IO"))
        }
        _ => None,
    }
}
