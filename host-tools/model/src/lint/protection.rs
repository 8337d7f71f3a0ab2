//! Rules on physical memory protection: pages and tables that it refuses.

use std::collections::HashSet;

use pagetable::{AccessType, PAGE_BYTES, PhysAddr, Pmp, PmpMode, PmpVerdict, Pte};

use super::{Lint, rules};
use crate::AddressSpace;
use crate::space::MappedRange;

/// Letters of the accesses that a page permits and PMP does not, at one address.
fn refused(pmp: &Pmp, at: PhysAddr, flags: Pte) -> (String, Option<PmpVerdict>) {
    let (mut letters, mut first) = (String::new(), None);
    for (access, flag, letter) in [
        (AccessType::Read, Pte::READ, 'r'),
        (AccessType::Write, Pte::WRITE, 'w'),
        (AccessType::Execute, Pte::EXEC, 'x'),
    ] {
        let verdict = pmp.judge(at, 1, access, PmpMode::Lower);
        if flags.has(flag) && !matches!(verdict, PmpVerdict::Permitted(_)) {
            letters.push(letter);
            first.get_or_insert(verdict);
        }
    }
    (letters, first)
}

/// What refuses, in words.
fn by(verdict: Option<PmpVerdict>) -> String {
    match verdict {
        Some(PmpVerdict::Refused(number) | PmpVerdict::Partial(number)) => {
            format!("PMP entry {number}")
        }
        _ => "PMP: no entry matches".to_owned(),
    }
}

/// Finds the parts of a range that PMP closes; a range has at most two parts for each entry, and one more.
pub(super) fn page(pmp: &Pmp, place: usize, range: &MappedRange, found: &mut Vec<Lint>) {
    let first = range.pa.raw();
    let last = first.saturating_add(range.bytes - 1);
    let mut at = first;
    loop {
        let end = pmp.end_of_piece(PhysAddr::new(at)).raw().min(last);
        let (letters, verdict) = refused(pmp, PhysAddr::new(at), range.flags());
        if !letters.is_empty() {
            let detail = format!(
                "{letters} of {} is refused by {}",
                range.flags().flags(),
                by(verdict)
            );
            found.push(Lint {
                pa: Some(PhysAddr::new(at)),
                bytes: end - at + 1,
                ..Lint::new(
                    &rules::PAGE_REFUSED_BY_PMP,
                    place,
                    range.va.wrapping_add(at - first),
                    detail,
                )
            });
        }
        if end == last {
            return;
        }
        at = end + 1;
    }
}

/// Finds the tables that PMP does not let a walk read; each once, however many roots share it.
pub(super) fn tables(
    pmp: &Pmp,
    spaces: &[AddressSpace],
    distinct: &[usize],
    found: &mut Vec<Lint>,
) {
    let mut seen = HashSet::new();
    for place in distinct {
        for table in spaces[*place].tables() {
            let verdict = pmp.judge(table.at, PAGE_BYTES, AccessType::Read, PmpMode::Lower);
            if matches!(verdict, PmpVerdict::Permitted(_)) || !seen.insert(table.at) {
                continue;
            }
            let (at, level) = (table.at, table.level);
            let detail = format!("the table at {at}, level {level}: {}", by(Some(verdict)));
            found.push(Lint {
                pa: Some(at),
                bytes: PAGE_BYTES,
                entry_at: table.pointer.map(|(at, _)| at),
                entry: table.pointer.map(|(_, pte)| pte),
                ..Lint::new(&rules::TABLE_REFUSED_BY_PMP, *place, table.va, detail)
            });
        }
    }
}
