//! What physical memory protection makes of a walk, in words and as JSON.

use std::io::{self, Write};

use pagetable::{AccessType, PhysAddr, Pmp, PmpEntry, PmpMode, PmpVerdict, Walk};
use serde::Serialize;

use crate::json::Hex;

/// Bytes of the widest load or store of the base instruction sets.
const WIDEST: u64 = 8;

/// The word for an access.
const fn name(access: AccessType) -> &'static str {
    match access {
        AccessType::Read => "read",
        AccessType::Write => "write",
        AccessType::Execute => "execute",
    }
}

/// `scause` of the access fault.
const fn cause(access: AccessType) -> u8 {
    match access {
        AccessType::Read => 5,
        AccessType::Write => 7,
        AccessType::Execute => 1,
    }
}

/// An entry with its range and rights: `entry 3 (0x80000000-0x8003ffff, r-x, locked)`.
fn entry(pmp: &Pmp, number: u8) -> String {
    let Some(it) = pmp.entry(number) else {
        return format!("entry {number}");
    };
    let PmpEntry { first, last, .. } = it;
    let locked = if it.is_locked { ", locked" } else { "" };
    format!(
        "entry {number} ({first:#x}-{last:#x}, {}{locked})",
        rights(it)
    )
}

fn rights(entry: &PmpEntry) -> String {
    let letter = |is_set, letter| if is_set { letter } else { '-' };
    [
        letter(entry.read, 'r'),
        letter(entry.write, 'w'),
        letter(entry.execute, 'x'),
    ]
    .into_iter()
    .collect()
}

/// What decides, in words: `refused by PMP entry 3 (…)`.
pub fn decided(pmp: &Pmp, verdict: PmpVerdict) -> String {
    match verdict {
        PmpVerdict::Permitted(Some(number)) => format!("permitted by PMP {}", entry(pmp, number)),
        PmpVerdict::Permitted(None) => "permitted: no PMP entry matches".to_owned(),
        PmpVerdict::Refused(number) => format!("refused by PMP {}", entry(pmp, number)),
        PmpVerdict::Partial(number) => {
            format!("refused: PMP {} has a part of it only", entry(pmp, number))
        }
        PmpVerdict::NoMatch => {
            "refused: no PMP entry matches, and only machine mode goes through so".to_owned()
        }
    }
}

/// Whether the access goes through.
pub const fn is_permitted(verdict: PmpVerdict) -> bool {
    matches!(verdict, PmpVerdict::Permitted(_))
}

/// The first entry of a page table on the way that PMP does not let the walk read.
pub fn refused_table(pmp: &Pmp, walk: &Walk) -> Option<(PhysAddr, PmpVerdict)> {
    let verdicts = walk.steps().iter().map(|step| {
        let verdict = pmp.judge(step.at, 4, AccessType::Read, PmpMode::Lower);
        (step.at, verdict)
    });
    verdicts
        .into_iter()
        .find(|(_, verdict)| !is_permitted(*verdict))
}

/// What PMP makes of one access to `at`, in a sentence.
pub fn sentence(pmp: &Pmp, at: PhysAddr, access: AccessType, mode: PmpMode) -> String {
    let verdict = pmp.judge(at, 1, access, mode);
    let mut text = format!("{} of {at} is {}", name(access), decided(pmp, verdict));
    if is_permitted(verdict) {
        text += &edge(pmp, at, access, mode).unwrap_or_default();
    }
    text
}

/// What to know where the next entry is so near that an access may reach into it.
fn edge(pmp: &Pmp, at: PhysAddr, access: AccessType, mode: PmpMode) -> Option<String> {
    let end = pmp.end_of_piece(at);
    let is_near = end.raw() - at.raw() < WIDEST - 1;
    let wide = pmp.judge(at, WIDEST, access, mode);
    (is_near && !is_permitted(wide))
        .then(|| format!("; one that reaches beyond {end} is {}", decided(pmp, wide)))
}

/// Why PMP stops a translated access: at a table on the way, or at the page; `None` if it does not.
pub fn stops(pmp: &Pmp, walk: &Walk, access: AccessType) -> Option<String> {
    if let Some((at, verdict)) = refused_table(pmp, walk) {
        let by = decided(pmp, verdict);
        return Some(format!("the walk's read of the entry at {at} is {by}"));
    }
    let at = walk.address()?;
    let wide = pmp.judge(at, WIDEST, access, PmpMode::Lower);
    let is_whole = is_permitted(pmp.judge(at, 1, access, PmpMode::Lower)) && is_permitted(wide);
    (!is_whole).then(|| sentence(pmp, at, access, PmpMode::Lower))
}

/// Lines below a walk: what PMP makes of its tables and of each access.
pub(crate) fn lines(out: &mut dyn Write, pmp: &Pmp, walk: &Walk) -> io::Result<()> {
    if let Some((at, verdict)) = refused_table(pmp, walk) {
        let by = decided(pmp, verdict);
        writeln!(out, "PMP: the walk's read of the entry at {at} is {by}")?;
        return writeln!(
            out,
            "PMP: every access faults for it: read 5, write 7, execute 1 (scause)"
        );
    }
    let Some(at) = walk.address() else {
        return Ok(());
    };
    for access in AccessType::ALL {
        let sentence = sentence(pmp, at, access, PmpMode::Lower);
        let cause = match is_permitted(pmp.judge(at, 1, access, PmpMode::Lower)) {
            true => String::new(),
            false => format!(": fault {}", cause(access)),
        };
        writeln!(out, "PMP: {sentence}{cause}")?;
    }
    let by_machine = AccessType::ALL
        .map(|access| (access, pmp.judge(at, 1, access, PmpMode::Machine)))
        .into_iter()
        .find(|(_, verdict)| !is_permitted(*verdict));
    if let Some((access, verdict)) = by_machine {
        let by = decided(pmp, verdict);
        writeln!(out, "PMP: in machine mode too, {} is {by}", name(access))?;
    }
    Ok(())
}

/// The verdict of one access.
#[derive(Serialize)]
pub(crate) struct JsonPmp {
    access: &'static str,
    /// Address of the page-table entry or of the data.
    at: Hex<u64>,
    permitted: bool,
    /// The entry that decides; null where none matches.
    entry: Option<u8>,
    machine_permitted: bool,
    means: String,
}

/// One item for each access to the page, or one for the table that stops them all.
pub(crate) fn json(pmp: &Pmp, walk: &Walk) -> Vec<JsonPmp> {
    let item = |access, at: PhysAddr, verdict| JsonPmp {
        access,
        at: Hex(at.raw()),
        permitted: is_permitted(verdict),
        entry: match verdict {
            PmpVerdict::Permitted(entry) => entry,
            PmpVerdict::Refused(entry) | PmpVerdict::Partial(entry) => Some(entry),
            PmpVerdict::NoMatch => None,
        },
        machine_permitted: true,
        means: decided(pmp, verdict),
    };
    if let Some((at, verdict)) = refused_table(pmp, walk) {
        return vec![item("walk", at, verdict)];
    }
    let Some(at) = walk.address() else {
        return Vec::new();
    };
    let of = |access| JsonPmp {
        machine_permitted: is_permitted(pmp.judge(at, 1, access, PmpMode::Machine)),
        ..item(name(access), at, pmp.judge(at, 1, access, PmpMode::Lower))
    };
    AccessType::ALL.map(of).into_iter().collect()
}
