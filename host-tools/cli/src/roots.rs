//! `pagewalk roots`: every root of page tables that is in memory, without any symbol.
//!
//! ```text
//! $ pagewalk roots --mem ram.bin@0x80000000
//! root                satp                mode     own  tables   shared  tables  state
//! 0x00000000814cb000  0x80000000000814cb  sv39      0B       1  129GiB      76  kernel's own
//! 0x0000000083069000  0x8000000000083069  sv39  156KiB       6  129GiB      76
//! ```
//!
//! Files are read as a whole. Of a running target, which is stopped as long as that takes, each page is asked for one
//! word: that of an entry which the active root shares with its kin. The pages that have it are read.

use std::io::Write;

use anyhow::bail;
use link::memory::{Cached, MemorySource, PhysRange};
use model::roots::{RootList, RootScan};
use pagetable::{Memory, PhysAddr, Satp};

use crate::exit::UsageError;
use crate::format::Format;
use crate::progress;
use crate::tables::{OpenTables, TablesArgs};

/// Find the root tables in memory, without symbols: what each maps alone and shares, and which are stale.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk roots --mem ram.bin@0x80000000
  pagewalk roots --from vmcore --format json
  pagewalk roots --from gdb://localhost:1234 --ram 0x80000000+128M
  pagewalk map --from vmcore --satp 0x8000000000083069")]
pub struct RootsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    /// On a running target, read every page as a whole: also roots that share nothing with the active one
    #[arg(long)]
    all_pages: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Bytes that are asked for at a time: a line or stub answers them in one go.
const PIECE: u64 = 1 << 20;
const PAGE: u64 = pagetable::PAGE_BYTES;

/// Writes the roots.
pub fn write(args: &RootsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut open = args.tables.open_rootless()?;
    let mut list = search(&mut open, args.all_pages)?;
    // Names are worth reading in a file; on a line, they take longer than all else.
    if !open.held.is_empty() || args.tables.os().is_some() {
        name(&mut list, &mut open, args.tables.os())?;
    }
    args.format.write(out, &list)?;
    match open.memory.take_failure() {
        Some(failure) => Err(anyhow::anyhow!(failure).context("not all could be read")),
        None => Ok(()),
    }
}

/// Names the roots of tasks, if the system that is asked for, or any, is in the memory.
fn name(list: &mut RootList, open: &mut OpenTables, os: Option<&str>) -> anyhow::Result<()> {
    let tasks = open.system(os).and_then(|system| {
        let tasks = open.tasks(system.as_ref())?;
        Ok((system.kernel(), tasks))
    });
    let (kernel, tasks) = match tasks {
        Ok(known) => known,
        Err(error) if os.is_some() => return Err(error),
        Err(error) => {
            detail!("no names: {error:#}");
            return Ok(());
        }
    };
    for root in &mut list.roots {
        let at = root.satp.root;
        let owners = tasks
            .iter()
            .filter(|task| task.satp.is_some_and(|satp| satp.root == at));
        let owners: Vec<String> = owners
            .map(|task| format!("{} {}", task.pid, task.name))
            .collect();
        root.name = owners.join(", ");
        if kernel.root == at && owners.is_empty() {
            root.name = "kernel".to_owned();
        }
    }
    Ok(())
}

/// Every root in the memory of open tables; those that are open are active.
pub fn search(open: &mut OpenTables, all_pages: bool) -> anyhow::Result<RootList> {
    let known = match open.held.is_empty() {
        true => &open.ram,
        false => &open.held,
    };
    let ranges = pages(known);
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
        let misuse =
            "what is memory there is not known: give --ram 0x80000000+128M, or --board NAME";
        return Err(UsageError(misuse.to_owned()).into());
    };
    let (first, last) = (PhysAddr::new(first.first), PhysAddr::new(last.last));
    let mut scan = RootScan::new(open.xlen, first, last);
    let total: u64 = ranges.iter().map(|it| it.last - it.first + 1).sum();
    let is_live = open.held.is_empty();
    let active: Vec<Satp> = open.roots.iter().map(|root| root.satp).collect();
    let sieve = match active.first() {
        Some(satp) if is_live && !all_pages => shared_entry(&mut open.memory, *satp),
        _ => None,
    };
    if let Some(sieve) = &sieve {
        eprintln!(
            "note: only roots with the entry {:#x} at index {} of the active one; --all-pages reads all of memory",
            sieve.raw, sieve.index
        );
    }
    progress::with("roots", |report| -> anyhow::Result<()> {
        let mut done = 0;
        for range in &ranges {
            for at in (range.first..=range.last).step_by(PIECE as usize) {
                let bytes = PIECE.min(range.last - at + 1);
                match &sieve {
                    Some(sieve) => sieve.piece(&mut open.memory, at, bytes, &mut scan)?,
                    None => piece(&mut open.memory, at, bytes as usize, &mut scan)?,
                }
                done += bytes;
                report(done, total);
            }
        }
        Ok(())
    })?;
    detail!("{} pages have the form of a root", scan.candidates());
    Ok(scan.finish(&mut open.memory, &active))
}

/// An entry that all roots of one kernel have.
struct Sieve {
    index: usize,
    bytes: usize,
    raw: u64,
}

/// The last entry of a root that points to a table: kernels lie in the upper half, and share it.
fn shared_entry(memory: &mut Cached<Box<dyn MemorySource>>, satp: Satp) -> Option<Sieve> {
    let bytes = satp.mode.entry_bytes();
    (0..satp.mode.entries()).rev().find_map(|index| {
        let at = satp.root.wrapping_add((index * bytes) as u64);
        let raw = memory.read_word(at, bytes).ok()?;
        let is_pointer = pagetable::Pte::new(raw).is_pointer();
        is_pointer.then_some(Sieve { index, bytes, raw })
    })
}

impl Sieve {
    /// Asks each page of a piece for the entry, and reads those that have it.
    fn piece(
        &self,
        memory: &mut Cached<Box<dyn MemorySource>>,
        at: u64,
        bytes: u64,
        scan: &mut RootScan,
    ) -> anyhow::Result<()> {
        for at in (at..at + bytes).step_by(PAGE as usize).map(PhysAddr::new) {
            let mut word = [0; 8];
            let entry = at.wrapping_add((self.index * self.bytes) as u64);
            let read = memory.read_uncached(entry, &mut word[..self.bytes]);
            match read {
                Ok(()) if u64::from_le_bytes(word) == self.raw => {
                    piece(memory, at.raw(), PAGE as usize, scan)?;
                }
                Ok(()) => scan.skip(),
                Err(link::memory::ReadError::Outside(_)) => {}
                Err(error) => bail!(error),
            }
        }
        Ok(())
    }
}

/// Looks at the pages of one piece; a piece with a hole is read page by page.
fn piece(
    memory: &mut Cached<Box<dyn MemorySource>>,
    at: u64,
    bytes: usize,
    scan: &mut RootScan,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; bytes];
    let at = PhysAddr::new(at);
    match memory.read_uncached(at, &mut buffer) {
        Ok(()) => {
            for (place, page) in (0..).zip(buffer.as_chunks::<4096>().0) {
                scan.page(at.wrapping_add(place * PAGE), page);
            }
        }
        Err(link::memory::ReadError::Outside(_)) => {
            for place in (0..bytes as u64).step_by(PAGE as usize) {
                let at = at.wrapping_add(place);
                let mut page = [0; 4096];
                match memory.read_uncached(at, &mut page) {
                    Ok(()) => scan.page(at, &page),
                    Err(link::memory::ReadError::Outside(_)) => {}
                    Err(error) => bail!(error),
                }
            }
        }
        Err(error) => bail!(error),
    }
    Ok(())
}

/// Whole pages of ranges, sorted and without overlaps.
pub fn pages(ranges: &[PhysRange]) -> Vec<PhysRange> {
    let mut whole: Vec<PhysRange> = ranges
        .iter()
        .filter_map(|range| {
            let first = range.first.checked_next_multiple_of(PAGE)?;
            // The end is excluded, and does not fit where it is the end of all addresses.
            let end = (range.last / PAGE) * PAGE + u64::from(range.last % PAGE == PAGE - 1) * PAGE;
            PhysRange::of(first, end.checked_sub(first)?)
        })
        .collect();
    whole.sort_unstable();
    whole.dedup_by(|next, before| {
        let meets = next.first <= before.last.saturating_add(1);
        if meets {
            before.last = before.last.max(next.last);
        }
        meets
    });
    whole
}
