//! Judging address spaces: what the tables say that nobody can have meant.
//!
//! What the MMU refuses and what it accepts are always told apart: a reserved bit makes a fault,
//! a page that is writable and executable makes none.

mod alias;
mod entries;
mod extent;
mod pages;
mod rules;
mod shared;
mod tables;
mod union;

pub use rules::{Mmu, RULES, Rule, Severity};

use std::collections::HashSet;

use pagetable::{Dialect, PhysAddr, Pte, VirtAddr};

use crate::AddressSpace;
use crate::space::{Bounds, MappedRange};
use extent::Extent;
use pages::PageRules;
use shared::Shared;
use tables::Reach;
use union::Union;

/// What is known of the machine beside its tables.
#[derive(Clone, Debug, Default)]
pub struct LintMachine {
    /// What is memory; nothing if nobody says so.
    pub ram: Vec<Bounds>,
    /// Where devices are known to be.
    pub devices: Vec<Bounds>,
    /// Whether the hart leaves A and D to software, where that is known.
    pub svade: Option<bool>,
}

impl LintMachine {
    /// Whether the address is known to be memory, or known not to be.
    fn is_ram(&self, at: PhysAddr) -> Option<bool> {
        let holds = |bounds: &Bounds| (bounds.first..=bounds.last).contains(&at.raw());
        (!self.ram.is_empty()).then(|| self.ram.iter().any(holds))
    }

    /// The same machine, with all memory that tables were read from: where a board's file knows of
    /// less than is there, and there is a table, what lies between is memory too.
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

    /// Whether tables of these spaces lie in what is said to be no memory.
    pub fn is_short_of(&self, spaces: &[AddressSpace]) -> bool {
        let mut tables = spaces.iter().flat_map(AddressSpace::tables);
        tables.any(|table| self.is_ram(table.at) == Some(false))
    }

    /// Whether all of a range is known to be neither memory nor a device.
    fn is_nothing(&self, range: &MappedRange) -> bool {
        let (first, last) = (
            range.pa.raw(),
            range.pa.raw().saturating_add(range.bytes - 1),
        );
        let meets = |it: &Bounds| it.first <= last && first <= it.last;
        !self.ram.is_empty() && !self.ram.iter().chain(&self.devices).any(meets)
    }
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which rule.
    pub rule: &'static Rule,
    /// What the MMU makes of it: the rule's, unless this one is known better.
    pub mmu: Mmu,
    /// In which of the spaces.
    pub space: usize,
    /// The first virtual address it concerns.
    pub va: VirtAddr,
    /// The page or the table it is about.
    pub pa: Option<PhysAddr>,
    /// How many bytes of addresses; 0 where that is not the point.
    pub bytes: u64,
    /// Where the entry lies, if it is about one.
    pub entry_at: Option<PhysAddr>,
    /// The entry.
    pub entry: Option<Pte>,
    /// What there is to say of this one.
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

    /// Says so if more than one root has it.
    fn in_roots(&mut self, roots: u64) {
        if roots > 1 {
            self.detail += &format!(", in {roots} roots");
        }
    }
}

/// What the rules find in some spaces of one machine, worst first, then by rule and address. What
/// is in tables that several of them share is judged, and told, once.
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
    let mut shared = Shared::default();
    for place in &distinct {
        let space = &spaces[*place];
        union.new_ranges(*place, space, &mut |range| {
            pages.take(*place, space, range);
            extent.take(&range);
            reach.take(*place, &range);
            // Without a dialect the platform has the only say.
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
    reach.tables(spaces, &mut found);
    found.sort_by_key(|it| (it.rule.severity, it.rule.name, it.mmu, it.space, it.va));
    found
}
