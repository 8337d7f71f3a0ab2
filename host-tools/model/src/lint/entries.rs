//! Entries that the MMU rejects, and pointers to tables that are not in memory.

use std::collections::{HashMap, HashSet};

use pagetable::{Dialect, PhysAddr, Problem, Refusal, Trouble, VirtAddr};

use super::extent::Extent;
use super::{Lint, LintMachine, Mmu, Rule, rules};
use crate::AddressSpace;
use crate::counted;
use crate::space::Finding;

/// The rule for a problem; `None` if the entry is not at fault.
fn broken(trouble: Trouble) -> Option<&'static Rule> {
    Some(match trouble {
        Trouble::SelfReference => &rules::SELF_REFERENCE,
        Trouble::OutOfBudget => &rules::CUT_SHORT,
        Trouble::Refused(refusal) => match refusal {
            Refusal::WriteWithoutRead => &rules::WRITE_WITHOUT_READ,
            Refusal::ReservedBits => &rules::RESERVED_BITS,
            Refusal::PbmtReserved => &rules::PBMT_RESERVED,
            Refusal::PointerWithUad | Refusal::NapotOnPointer | Refusal::PbmtOnPointer => {
                &rules::POINTER_BITS
            }
            Refusal::PointerAtLevelZero => &rules::POINTER_AT_LEVEL_0,
            Refusal::MisalignedSuperpage => &rules::MISALIGNED_SUPERPAGE,
            Refusal::NapotSuperpage | Refusal::NapotEncoding => &rules::NAPOT_ENCODING,
            Refusal::NoMemory => &rules::NOT_SEEN,
            Refusal::NotValid | Refusal::NonCanonical => return None,
        },
    })
}

/// Tables that were read above level 0 in a space with a recursive mapping: there, pointers at level 0 are
/// intended.
fn tables_above(space: &AddressSpace) -> HashSet<PhysAddr> {
    let is_self = |it: &Finding| it.problem.trouble == Trouble::SelfReference;
    match space.problems.iter().any(is_self) {
        true => {
            let tables = space.tables().into_iter().filter(|table| table.level > 0);
            tables.map(|table| table.at).collect()
        }
        false => HashSet::new(),
    }
}

/// Problem and entry: equal in several roots, they are one finding.
type Key = (Problem, Dialect);

pub(super) fn judge(
    spaces: &[AddressSpace],
    distinct: &[usize],
    machine: &LintMachine,
    extent: &Extent,
    found: &mut Vec<Lint>,
) {
    let mut told: HashMap<Key, (usize, u64)> = HashMap::new();
    for place in distinct {
        let space = &spaces[*place];
        let above = tables_above(space);
        let is_echo = |it: &&Finding| {
            it.problem.trouble == Trouble::Refused(Refusal::PointerAtLevelZero)
                && above.contains(&it.problem.table)
        };
        for finding in space.problems.iter().filter(|it| !is_echo(it)) {
            let key = (finding.problem, space.root.dialect);
            match told.get_mut(&key) {
                Some((_, roots)) => *roots += 1,
                None => {
                    let lint = one(*place, space, finding, machine, extent);
                    if let Some(lint) = lint {
                        told.insert(key, (found.len(), 1));
                        found.push(lint);
                    }
                }
            }
        }
        cut_short(*place, space, found);
    }
    for (place, roots) in told.into_values() {
        found[place].in_roots(roots);
    }
}

fn one(
    place: usize,
    space: &AddressSpace,
    finding: &Finding,
    machine: &LintMachine,
    extent: &Extent,
) -> Option<Lint> {
    let problem = &finding.problem;
    let mut rule = broken(problem.trouble)?;
    let target = problem.entry.map(|pte| pte.target(space.mode()));
    if let (true, Some(at)) = (rule == &rules::NOT_SEEN, target) {
        match machine.is_ram(at) {
            Some(false) => rule = &rules::TABLE_OUTSIDE_RAM,
            None if extent.is_beyond(at) => rule = &rules::TABLE_BEYOND_MEMORY,
            _ => {}
        }
    }
    let bytes = space.mode().entry_bytes() as u64 * u64::from(problem.index);
    let mut lint = Lint {
        pa: target,
        entry_at: Some(problem.table.wrapping_add(bytes)),
        entry: problem.entry,
        ..Lint::new(rule, place, problem.va, words(finding, target))
    };
    // The pointer is followed; where no page is below it, the MMU rejects every address.
    if problem.trouble == Trouble::SelfReference && finding.below == 0 {
        lint.mmu = Mmu::Refuses;
    }
    Some(lint)
}

/// Reports that some tables were not read.
fn cut_short(place: usize, space: &AddressSpace, found: &mut Vec<Lint>) {
    let mut note = |words: String| {
        let va = space
            .problems
            .first()
            .map_or(VirtAddr::new(0), |it| it.problem.va);
        found.push(Lint::new(&rules::CUT_SHORT, place, va, words));
    };
    if space.lost_problems > 0 {
        note(format!(
            "{} too many to keep",
            counted(space.lost_problems, "problem was", "problems were")
        ));
    }
    if space.left_out > 0 {
        note(format!(
            "{} on ways to tables that were judged on others",
            counted(space.left_out, "entry is", "entries are")
        ));
    }
}

fn words(finding: &Finding, target: Option<PhysAddr>) -> String {
    let problem = &finding.problem;
    let mut words = match (problem.trouble, target) {
        (Trouble::Refused(Refusal::NoMemory), Some(at)) => format!("points to {at}"),
        (Trouble::Refused(Refusal::NoMemory), None) => {
            counted(problem.count, "entry is not known", "entries are not known")
        }
        (Trouble::SelfReference, _) => match finding.below {
            0 => "nothing is mapped through it".to_owned(),
            some => counted(
                some,
                "entry that stands higher is a page of a lower level there",
                "entries that stand higher are pages of a lower level there",
            ),
        },
        _ => problem.text().to_owned(),
    };
    if finding.times > 1 {
        words += &format!(", met on {} ways", finding.times);
    }
    words
}
