//! Address spaces out of tables that are open, and what went wrong while they were read.

use anyhow::anyhow;
use link::memory::{Cached, MemorySource, PhysRange};
use model::AddressSpace;
use model::space::{AllBits, guess};
use pagetable::{Dialect, Mode, Refusal, Satp, Trouble};

use super::{OpenTables, TablesArgs, note_dialect};
use view::words::counted;

use crate::exit::UsageError;

/// What a picture says behind the name of memory that may be older than what the hart sees.
pub const STALE: &str = ", possibly stale";

/// Address spaces, one for each root.
pub struct Spaces {
    /// At least one.
    pub list: Vec<AddressSpace>,
    /// What is memory on the machine; nothing if nobody says so.
    pub ram: Vec<PhysRange>,
    /// Whether the hart leaves A and D to software, where that is known.
    pub svade: Option<bool>,
    /// Why not all could be read; what could be is here.
    failure: Option<anyhow::Error>,
}

impl Spaces {
    /// The one space; several are too many for a command that shows one.
    pub fn one(&self) -> anyhow::Result<&AddressSpace> {
        match &self.list[..] {
            [only] => Ok(only),
            many => {
                let misuse = format!("one root is needed, and there are {}", many.len());
                Err(UsageError(misuse).into())
            }
        }
    }

    /// Marks them if some of what was read until now may be older than what the hart sees.
    pub fn note_staleness(&mut self, memory: &Cached<Box<dyn MemorySource>>) {
        for space in &mut self.list {
            space.is_possibly_stale = memory.is_possibly_stale();
        }
    }

    /// What a picture of them says that it is drawn from.
    pub fn origin(&self, mut name: String) -> String {
        if self.list.iter().any(|space| space.is_possibly_stale) {
            name += STALE;
        }
        name
    }

    /// Says why the answer is not about all, after what could be said was.
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
    /// The address spaces that the options name.
    pub fn spaces(&self) -> anyhow::Result<Spaces> {
        Ok(read(self.open()?))
    }
}

/// The address spaces of tables that are open. The memory is let go: a hart that was halted for
/// this does not wait for who reads the answer.
pub fn read(open: OpenTables) -> Spaces {
    read_on(open).0
}

/// The same, with the memory for more to be read of it.
pub fn read_on(open: OpenTables) -> (Spaces, Cached<Box<dyn MemorySource>>) {
    let mut memory = open.memory;
    let given = open.dialect;
    let mut all = |dialect| -> Vec<AddressSpace> {
        let satps: Vec<Satp> = open.roots.iter().map(|root| root.satp).collect();
        let mut spaces = AddressSpace::read_all(&mut memory, &satps, dialect);
        for (space, root) in spaces.iter_mut().zip(&open.roots) {
            space.name.clone_from(&root.name);
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

/// Tables that nobody looked at.
fn unread(list: &[AddressSpace]) -> Option<anyhow::Error> {
    let cut = list.iter().find(|space| space.is_cut())?;
    Some(anyhow!(
        "stopped after {}: root {} has more than any machine, and what is behind them was left out",
        counted(cut.tables().len(), "table", "tables"),
        cut.root.table
    ))
}

/// Memory that should be there: of a root all, of a core what it promises.
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

/// What a reading without any dialect refused for its upper bits.
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
