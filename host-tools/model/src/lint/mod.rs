//! Judging address spaces: what the tables say that nobody can have meant.
//!
//! What the MMU refuses and what it accepts are always told apart: a reserved bit makes a fault,
//! a page that is writable and executable makes none.

mod alias;
mod entries;
mod pages;
mod rules;
mod tables;

pub use rules::{Mmu, RULES, Rule, Severity, rule};

use pagetable::{PhysAddr, Pte, VirtAddr};

use crate::Space;
use crate::space::Bounds;

/// What is known of the machine beside its tables.
#[derive(Clone, Debug, Default)]
pub struct LintMachine {
    /// What is memory; nothing if nobody says so.
    pub ram: Vec<Bounds>,
    /// Whether the hart leaves A and D to software, where that is known.
    pub svade: Option<bool>,
}

impl LintMachine {
    /// Whether the address is known to be memory, or known not to be.
    fn is_ram(&self, at: PhysAddr) -> Option<bool> {
        let holds = |bounds: &Bounds| (bounds.first..=bounds.last).contains(&at.raw());
        (!self.ram.is_empty()).then(|| self.ram.iter().any(holds))
    }
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which rule.
    pub rule: &'static Rule,
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
            space,
            va,
            pa: None,
            bytes: 0,
            entry_at: None,
            entry: None,
            detail,
        }
    }
}

/// What the rules find in some spaces of one machine, worst first, then by rule and address.
pub fn lint(spaces: &[Space], machine: &LintMachine) -> Vec<Lint> {
    let mut found = Vec::new();
    for (place, space) in spaces.iter().enumerate() {
        entries::judge(place, space, machine, &mut found);
        tables::judge(place, space, &mut found);
        pages::judge(place, space, machine, &mut found);
    }
    tables::reachable(spaces, &mut found);
    pages::shared(spaces, &mut found);
    alias::conflicts(spaces, &mut found);
    found.sort_by_key(|it| (it.rule.severity, it.rule.name, it.space, it.va));
    found
}
