//! Address spaces from open tables, and errors while they were read.

use anyhow::anyhow;
use link::memory::{Cached, MemorySource, PhysRange};
use model::AddressSpace;
use model::space::{AllBits, guess};
use pagetable::{Dialect, Mode, Refusal, Satp, Trouble};

use super::{NamesWanted, OpenTables, TablesArgs, note_dialect};
use view::words::counted;

use crate::exit::UsageError;

/// Suffix in a chart's heading for possibly stale memory.
pub const STALE: &str = ", possibly stale";

/// Address spaces, one per root.
pub struct Spaces {
    /// At least one.
    pub list: Vec<AddressSpace>,
    /// RAM of the machine; empty if not known.
    pub ram: Vec<PhysRange>,
    /// Whether A and D are set by software, if known.
    pub svade: Option<bool>,
    /// The error that stopped reading; spaces read before are kept.
    failure: Option<anyhow::Error>,
}

impl Spaces {
    /// The only space; an error for several, for commands that show one.
    pub fn one(&self) -> anyhow::Result<&AddressSpace> {
        match &self.list[..] {
            [only] => Ok(only),
            many => {
                let misuse = format!("expected one root, found {}", many.len());
                Err(UsageError(misuse).into())
            }
        }
    }

    /// Marks the spaces if some memory read so far may be stale.
    pub fn note_staleness(&mut self, memory: &Cached<Box<dyn MemorySource>>) {
        for space in &mut self.list {
            space.is_possibly_stale = memory.is_possibly_stale();
        }
    }

    /// The source of the data for a chart's heading.
    pub fn origin(&self, mut name: String) -> String {
        if self.list.iter().any(|space| space.is_possibly_stale) {
            name += STALE;
        }
        name
    }

    /// Returns the error that stopped reading, after the output.
    pub fn end(self) -> anyhow::Result<()> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match self.list.iter().find(|space| space.is_list_cut()) {
            Some(space) => Err(anyhow!(
                "{} and {} of root {} were left out: they are more than is kept; --range asks for \
                 a part",
                counted(space.lost_ranges(), "range", "ranges"),
                counted(space.left_out, "repeated entry", "repeated entries"),
                space.root.table
            )),
            None => Ok(()),
        }
    }
}

impl TablesArgs {
    /// Reads the address spaces of the options.
    pub fn spaces(&self) -> anyhow::Result<Spaces> {
        Ok(read(self.open()?))
    }

    /// The same, with names of virtual addresses: where the system is known, or `always`.
    pub fn spaces_named(&self, always: bool) -> anyhow::Result<Spaces> {
        let names = match always {
            true => NamesWanted::Yes,
            false => NamesWanted::IfKnown,
        };
        Ok(read(self.open_named(names)?))
    }
}

/// Reads the address spaces of open tables. The memory is closed, so that a halted hart does not wait for the
/// output.
pub fn read(open: OpenTables) -> Spaces {
    read_on(open).0
}

/// Reads the address spaces, and returns the memory for further reads.
pub fn read_on(open: OpenTables) -> (Spaces, Cached<Box<dyn MemorySource>>) {
    let areas: Vec<_> = open.roots.iter().map(|root| open.areas_of(root)).collect();
    let mut memory = open.memory;
    let given = open.dialect;
    let mut all = |dialect| -> Vec<AddressSpace> {
        let satps: Vec<Satp> = open.roots.iter().map(|root| root.satp).collect();
        let mut spaces = AddressSpace::read_all(&mut memory, &satps, dialect);
        for ((space, root), areas) in spaces.iter_mut().zip(&open.roots).zip(&areas) {
            space.name.clone_from(&root.name);
            space.areas.clone_from(areas);
        }
        spaces
    };
    let mut dialect = given.unwrap_or(Dialect::None);
    let mut list = all(dialect);
    if given.is_none() {
        let bits = high_bits(&list);
        if bits.entries > 0 {
            dialect = guess(bits);
            note_dialect(bits.entries, dialect);
            list = all(dialect);
        }
    }
    let failure = match memory.take_failure() {
        Some(failure) => {
            let seen: u64 = list.iter().map(|space| space.leaves).sum();
            let pages = counted(memory.pages(), "page", "pages");
            let told = format!("{pages}, {}", counted(seen, "entry", "entries"));
            Some(anyhow!(failure).context(format!("not all could be read; until then: {told}")))
        }
        None => missing(&list, open.cut_at).or_else(|| unread(&list)),
    };
    let mut spaces = Spaces {
        list,
        ram: open.ram,
        svade: open.svade,
        failure,
    };
    spaces.note_staleness(&memory);
    (spaces, memory)
}

/// The error for tables that the budget left unread.
fn unread(list: &[AddressSpace]) -> Option<anyhow::Error> {
    let cut = list.iter().find(|space| space.is_cut())?;
    Some(anyhow!(
        "stopped after {}: root {} has more than any machine, and what is behind them was left out",
        counted(cut.tables().len(), "table", "tables"),
        cut.root.table
    ))
}

/// The error for missing memory: a whole root, or what a truncated core lacks.
fn missing(list: &[AddressSpace], cut_at: Option<pagetable::PhysAddr>) -> Option<anyhow::Error> {
    let is_missing =
        |problem: &pagetable::Problem| problem.trouble == Trouble::Refused(Refusal::NoMemory);
    for space in list.iter().filter(|space| space.mode() != Mode::Bare) {
        let gone = space.problems.iter().find(|it| is_missing(&it.problem));
        let Some(gone) = gone.map(|finding| finding.problem) else {
            continue;
        };
        let is_root = gone.table == space.root.table
            && gone.entry.is_none()
            && usize::from(gone.count) == space.mode().entries();
        if is_root {
            return Some(anyhow!(
                "the root table at {} is not in the memory given",
                gone.table
            ));
        }
        if let Some(at) = cut_at {
            return Some(anyhow!(
                "the core ends at {at}: tables behind it are missing, the first at {}",
                gone.entry
                    .map_or(gone.table, |pte| pte.target(space.mode()))
            ));
        }
    }
    None
}

/// Counts of bits 59–63 in entries that were rejected without a dialect.
fn high_bits(list: &[AddressSpace]) -> AllBits {
    let mut bits = AllBits::default();
    let refused = Trouble::Refused(Refusal::ReservedBits);
    let problems = list.iter().flat_map(|space| &space.problems);
    for problem in problems
        .map(|it| it.problem)
        .filter(|it| it.trouble == refused)
    {
        bits.note(problem.entry.unwrap_or_default());
    }
    bits
}
