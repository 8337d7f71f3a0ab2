//! The walk that a kernel printed itself, and where it stops.
//!
//! ```text
//! [ffffffd980000008] pgd=0000000021fff801, p4d=…, pud=…, pmd=0000000000000000
//! ```
//!
//! Linux names five levels; of those that the mode does not have it prints the entry above again.

use link::text::PrintedWalk;
use model::CrashRegisters;
use model::space::{AllBits, guess};
use pagetable::{AccessType, Entry, Mode, PhysAddr, Pte, Satp, Xlen};

/// The mode by the bits of an address.
fn mode(walk: &PrintedWalk) -> Option<Mode> {
    let bits = walk.va_bits?;
    Mode::ALL
        .into_iter()
        .find(|mode| *mode != Mode::Bare && mode.va_bits() == bits)
}

/// The register that leads to the root that was printed.
pub fn root(walk: &PrintedWalk) -> Option<Satp> {
    Some(Satp {
        mode: mode(walk)?,
        asid: 0,
        root: PhysAddr::new(walk.root?),
    })
}

/// Which of the printed entries stopped the access, and why.
pub fn stopped(walk: &PrintedWalk, crash: &CrashRegisters, xlen: Xlen) -> Option<String> {
    let mode = mode(walk)?;
    let (name, raw) = walk.entries.last().copied()?;
    let from_leaf = ["pte", "pmd", "pud", "p4d", "pgd"]
        .iter()
        .position(|it| *it == name)?;
    let level = u8::try_from(from_leaf).ok()?.min(mode.root_level());
    let pte = Pte::new(raw);
    let mut bits = AllBits::default();
    walk.entries
        .iter()
        .for_each(|(_, raw)| bits.note(Pte::new(*raw)));
    let what = match crash.access(xlen)? {
        AccessType::Read => "a load",
        AccessType::Write => "a store",
        AccessType::Execute => "a fetch",
    };
    let at = crash
        .stval
        .map(|at| format!(" of {at:#x}"))
        .unwrap_or_default();
    let place = format!("level {level} ({name}), entry {raw:#x}");
    Some(match pte.decode(mode, level, guess(bits)) {
        Entry::Refused(reason) => format!("{what}{at} stops at {place}: {}", reason.text()),
        Entry::Pointer(table) => {
            format!("{what}{at} came to {place}: table {table}; the kernel printed no further")
        }
        Entry::Leaf(leaf) => {
            let access = crash.access(xlen)?;
            let who = crash.asker()?;
            let why = view::walk::refusal(leaf.pte, access, who);
            format!(
                "{what}{at} came to the page of {place}, {}: {why}",
                leaf.pte.flags()
            )
        }
    })
}
