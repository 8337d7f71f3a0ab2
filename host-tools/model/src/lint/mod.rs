//! Rules for address spaces: mappings that are probably mistakes.
//!
//! A finding states whether the MMU accepts or rejects the entry: a reserved bit faults, a page that is
//! writable and executable does not.

mod alias;
mod entries;
mod extent;
mod pages;
mod protection;
mod rules;
mod shared;
mod tables;
mod union;

pub use rules::{Mmu, RULES, Rule, Severity};

use std::collections::HashSet;

use pagetable::{Dialect, PhysAddr, Pmp, Pte, VirtAddr};

use crate::AddressSpace;
use crate::space::{Bounds, MappedRange};
use extent::Extent;
use pages::PageRules;
use shared::KernelHalf;
use tables::Reach;
use union::Union;

/// Facts about the machine that its tables do not contain.
#[derive(Clone, Debug, Default)]
pub struct LintMachine {
    /// Physical ranges of RAM; empty if unknown.
    pub ram: Vec<Bounds>,
    /// Physical ranges of devices.
    pub devices: Vec<Bounds>,
    /// Whether the hart leaves A and D to software (Svade); `None` if unknown.
    pub svade: Option<bool>,
    /// Physical memory protection; `None` if unknown.
    pub pmp: Option<Pmp>,
}

impl LintMachine {
    /// Whether the address is RAM; `None` if unknown.
    fn is_ram(&self, at: PhysAddr) -> Option<bool> {
        let holds = |bounds: &Bounds| (bounds.first..=bounds.last).contains(&at.raw());
        (!self.ram.is_empty()).then(|| self.ram.iter().any(holds))
    }

    /// Adds the memory that tables were read from: a board file may list less RAM than the machine has, and
    /// the range up to a table is RAM too.
    fn with_tables(&self, extent: &Extent) -> LintMachine {
        let mut machine = self.clone();
        if let Some((first, last)) = extent.tables() {
            if let Some(lowest) = machine.ram.iter_mut().min_by_key(|it| it.first) {
                lowest.first = lowest.first.min(first);
            }
            if let Some(highest) = machine.ram.iter_mut().max_by_key(|it| it.last) {
                highest.last = highest.last.max(last);
            }
        }
        machine
    }

    /// Whether tables of these spaces are outside of the listed RAM.
    pub fn is_short_of(&self, spaces: &[AddressSpace]) -> bool {
        let mut tables = spaces.iter().flat_map(AddressSpace::tables);
        tables.any(|table| self.is_ram(table.at) == Some(false))
    }

    /// Whether no part of the range is RAM or a device.
    fn is_nothing(&self, range: &MappedRange) -> bool {
        let (first, last) = (
            range.pa.raw(),
            range.pa.raw().saturating_add(range.bytes - 1),
        );
        let meets = |it: &Bounds| it.first <= last && first <= it.last;
        !self.ram.is_empty() && !self.ram.iter().chain(&self.devices).any(meets)
    }
}

/// A finding of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// The rule that matched.
    pub rule: &'static Rule,
    /// Whether the MMU accepts it; usually the rule's value.
    pub mmu: Mmu,
    /// Index of the space.
    pub space: usize,
    /// First virtual address concerned.
    pub va: VirtAddr,
    /// The page or table concerned.
    pub pa: Option<PhysAddr>,
    /// Length in bytes of the addresses concerned; 0 if not applicable.
    pub bytes: u64,
    /// Physical address of the entry, if the finding is about one.
    pub entry_at: Option<PhysAddr>,
    /// Value of the entry, if the finding is about one.
    pub entry: Option<Pte>,
    /// Details of this finding, for people.
    pub detail: String,
}

impl Lint {
    fn new(rule: &'static Rule, space: usize, va: VirtAddr, detail: String) -> Lint {
        Lint {
            rule,
            mmu: rule.mmu,
            space,
            va,
            pa: None,
            bytes: 0,
            entry_at: None,
            entry: None,
            detail,
        }
    }

    /// Adds the number of roots to the details, if above one.
    fn in_roots(&mut self, roots: u64) {
        if roots > 1 {
            self.detail += &format!(", in {roots} roots");
        }
    }
}

/// Applies every rule to the spaces of one machine. Sorted by severity, rule and address. Tables shared by
/// several spaces are judged once.
pub fn lint(spaces: &[AddressSpace], machine: &LintMachine) -> Vec<Lint> {
    let mut roots = HashSet::new();
    let distinct: Vec<usize> = (0..spaces.len())
        .filter(|place| roots.insert(spaces[*place].root))
        .collect();
    let mut union = Union::default();
    let mut extent = Extent::of(spaces);
    let machine = &machine.with_tables(&extent);
    let mut pages = PageRules::new(machine);
    let mut reach = Reach::default();
    let mut types = alias::Types::default();
    let mut shared = KernelHalf::default();
    let mut refused = Vec::new();
    for place in &distinct {
        let space = &spaces[*place];
        union.new_ranges(*place, space, &mut |range| {
            pages.take(*place, space, range);
            extent.take(&range);
            reach.take(*place, &range);
            if let Some(pmp) = &machine.pmp {
                protection::page(pmp, *place, &range, &mut refused);
            }
            // Without a dialect the memory type follows from the platform alone.
            if space.root.dialect != Dialect::None {
                types.take(*place, &range);
            }
            if distinct.len() > 1 {
                shared.own(*place, &range);
            }
        });
        pages.end();
        union.shared_ranges(*place, space, &mut |range| shared.again(*place, &range));
    }
    let mut found = pages.found();
    found.append(&mut refused);
    for lint in &mut found {
        let roots = union.roots(lint.space, &spaces[lint.space], lint.va);
        lint.in_roots(roots);
    }
    found.extend(shared.found(spaces));
    found.extend(types.conflicts());
    entries::judge(spaces, &distinct, machine, &extent, &mut found);
    for (place, space) in spaces.iter().enumerate() {
        tables::judge(place, space, &mut found);
    }
    if let Some(pmp) = &machine.pmp {
        protection::tables(pmp, spaces, &distinct, &mut found);
    }
    reach.tables(spaces, &mut found);
    found.sort_by_key(|it| (it.rule.severity, it.rule.name, it.mmu, it.space, it.va));
    found
}
