//! Entries that the MMU refuses, and tables that lead nowhere.

use std::collections::HashSet;

use pagetable::{PhysAddr, Refusal, Trouble};

use super::{Lint, LintMachine, rule};
use crate::Space;
use crate::space::Finding;

/// The rule that a trouble breaks; nothing for what is no entry's fault.
fn broken(trouble: Trouble) -> Option<&'static str> {
    Some(match trouble {
        Trouble::SelfReference => "self-reference",
        Trouble::OutOfBudget => "cut-short",
        Trouble::Refused(refusal) => match refusal {
            Refusal::WriteWithoutRead => "write-without-read",
            Refusal::ReservedBits => "reserved-bits",
            Refusal::PbmtReserved => "pbmt-reserved",
            Refusal::PointerWithUad | Refusal::NapotOnPointer | Refusal::PbmtOnPointer => {
                "pointer-bits"
            }
            Refusal::PointerAtLevelZero => "pointer-at-level-0",
            Refusal::MisalignedSuperpage => "misaligned-superpage",
            Refusal::NapotSuperpage | Refusal::NapotEncoding => "napot-encoding",
            Refusal::NoMemory => "not-seen",
            Refusal::NotValid | Refusal::NonCanonical => return None,
        },
    })
}

/// Tables that were read at a level above the last one, if any is reached through itself: then
/// its pointers stand at level 0 too, which is no mistake of theirs.
fn tables_above(space: &Space) -> HashSet<PhysAddr> {
    let is_self = |it: &Finding| it.problem.trouble == Trouble::SelfReference;
    let tables = space.tables.iter().filter(|table| table.level > 0);
    match space.problems.iter().any(is_self) {
        true => tables.map(|table| table.at).collect(),
        false => HashSet::new(),
    }
}

pub(super) fn judge(place: usize, space: &Space, machine: &LintMachine, found: &mut Vec<Lint>) {
    let above = tables_above(space);
    let is_echo = |it: &&Finding| {
        it.problem.trouble == Trouble::Refused(Refusal::PointerAtLevelZero)
            && above.contains(&it.problem.table)
    };
    for finding in space.problems.iter().filter(|it| !is_echo(it)) {
        let problem = &finding.problem;
        let Some(mut name) = broken(problem.trouble) else {
            continue;
        };
        let target = problem.entry.map(|pte| pte.target(space.mode()));
        if name == "not-seen" && target.is_some_and(|at| machine.is_ram(at) == Some(false)) {
            name = "table-outside-ram";
        }
        let bytes = space.mode().entry_bytes() as u64 * u64::from(problem.index);
        found.push(Lint {
            pa: target,
            entry_at: Some(problem.table.wrapping_add(bytes)),
            entry: problem.entry,
            ..Lint::new(rule(name), place, problem.va, words(finding, target))
        });
    }
    if space.lost_ranges + space.lost_problems > 0 {
        let lost = space.lost_ranges + space.lost_problems;
        let va = space
            .ranges
            .first()
            .map_or(pagetable::VirtAddr::new(0), |it| it.va);
        let words = format!("{lost} ranges and problems were too many to keep");
        found.push(Lint::new(rule("cut-short"), place, va, words));
    }
}

fn words(finding: &Finding, target: Option<PhysAddr>) -> String {
    let problem = &finding.problem;
    let mut words = match (problem.trouble, target) {
        (Trouble::Refused(Refusal::NoMemory), Some(at)) => format!("points to {at}"),
        (Trouble::Refused(Refusal::NoMemory), None) => {
            format!("{} entries are not known", problem.count)
        }
        _ => problem.text().to_owned(),
    };
    if finding.times > 1 {
        words += &format!(", met on {} ways", finding.times);
    }
    words
}
