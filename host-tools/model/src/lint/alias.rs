//! Physical memory that is mapped with two memory types.

use pagetable::{Attributes, PhysAddr, VirtAddr};

use super::{Lint, rules};
use crate::space::MappedRange;

/// The fields of a mapping that the rule compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mapped {
    pa: PhysAddr,
    place: u32,
    va: VirtAddr,
    bytes: u64,
    /// Index of the memory type.
    kind: u16,
}

impl Mapped {
    fn end(&self) -> u128 {
        u128::from(self.pa.raw()) + u128::from(self.bytes)
    }
}

/// Mappings grouped by memory type.
#[derive(Default)]
pub(super) struct Types {
    kinds: Vec<Attributes>,
    mapped: Vec<Mapped>,
}

impl Types {
    pub fn take(&mut self, place: usize, range: &MappedRange) {
        let attributes = range.attributes();
        let known = self.kinds.iter().position(|it| *it == attributes);
        let kind = known.unwrap_or_else(|| {
            self.kinds.push(attributes);
            self.kinds.len() - 1
        });
        self.mapped.push(Mapped {
            pa: range.pa,
            place: place as u32,
            va: range.va,
            bytes: range.bytes,
            kind: kind as u16,
        });
    }

    /// Each mapping that overlaps one of another type; a pair is reported once.
    pub fn conflicts(mut self) -> Vec<Lint> {
        let mut found = Vec::new();
        if self.kinds.len() < 2 {
            return found;
        }
        self.mapped.sort_unstable();
        // For each type, the mapping with the highest end among those that start earlier.
        let mut open: Vec<Option<Mapped>> = vec![None; self.kinds.len()];
        let mut told = std::collections::HashSet::new();
        for here in &self.mapped {
            let first = u128::from(here.pa.raw());
            let others = open.iter().flatten().filter(|it| it.kind != here.kind);
            let overlap = others.copied().find(|it| it.end() > first);
            if let Some(other) = overlap
                && told.insert((here.va, here.pa, other.va))
            {
                let bytes = (other.end() - first).min(u128::from(here.bytes));
                let [theirs, ours] = [&other, here].map(|it| self.words(it));
                let detail = format!("{} has it as {theirs}, here {ours}", other.va);
                found.push(Lint {
                    pa: Some(here.pa),
                    bytes: bytes as u64,
                    ..Lint::new(
                        &rules::ALIAS_MEMORY_TYPE,
                        here.place as usize,
                        here.va,
                        detail,
                    )
                });
            }
            let furthest = &mut open[usize::from(here.kind)];
            if furthest.is_none_or(|it| it.end() < here.end()) {
                *furthest = Some(*here);
            }
        }
        found
    }

    fn words(&self, mapped: &Mapped) -> String {
        words(self.kinds[usize::from(mapped.kind)])
    }
}

fn words(attributes: Attributes) -> String {
    match attributes {
        Attributes::Pbmt(pbmt) => pbmt.name().to_owned(),
        Attributes::THead(bits) => bits.to_string(),
    }
}
