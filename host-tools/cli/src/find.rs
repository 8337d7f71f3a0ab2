//! `pagewalk find`: the virtual addresses of a physical one, or of a byte pattern.
//!
//! ```text
//! $ pagewalk find 0x80200000 --from vmcore --satp 0x8000000000081fca
//! satp 0x8000000000081fca: sv39, asid 0, root 0x81fca000
//! va                  pa                  size  perms    page
//! 0xffffffff80000000  0x0000000080200000    1B  r-x-gad  2MiB
//! 0xffffffd600000000  0x0000000080200000    1B  rw--gad  2MiB
//!
//! 0x80200000: 2 places in 1 root
//! ```

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::rc::Rc;

use anyhow::{Context, bail};
use link::memory::{Cached, MemorySource, PhysRange, ReadError};
use model::find::{Hit, Reaching, ScannedPiece, Search, reaching};
use model::space::MappedRange;
use pagetable::{PAGE_BYTES, PhysAddr, VirtAddr};
use view::find::FoundMappings;
use view::words::counted;

use crate::exit::UsageError;
use crate::filter::{FilterArgs, bounds};
use crate::format::Format;
use crate::tables::{Spaces, TablesArgs, number, read_on, span};

/// Find every virtual address that maps a physical one, or the places of a byte pattern.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk find 0x80200000 --from vmcore --satp 0x80033000000830ca,0x800000000008feee
  pagewalk find 0x50000000+2M --from tcp://localhost:3334 --all-roots
  pagewalk find --pattern '7f 45 4c 46' --from gdb://localhost:1234 --user
  pagewalk find --pattern 'Linux version' --from vmcore --satp 0x80033000000830ca")]
#[command(group = clap::ArgGroup::new("question").required(true).args(["pa", "pattern"]))]
pub struct FindArgs {
    /// The physical address in hexadecimal, or a range: 0x80000000+2M
    #[arg(value_name = "PA", value_parser = place)]
    pa: Option<PhysRange>,
    /// Search mapped memory for these bytes, in hexadecimal, or for this text; text that looks like
    /// hexadecimal as `text:cafe`
    #[arg(long, value_name = "HEX|TEXT", value_parser = pattern)]
    pattern: Option<BytePattern>,
    /// Maximum number of hits
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    most: usize,
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    within: SearchRange,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Which mappings are searched: the user's or the kernel's, by default both.
#[derive(clap::Args)]
struct SearchRange {
    /// Only pages accessible to user mode
    #[arg(long, conflicts_with = "kernel")]
    user: bool,
    /// Only pages of the supervisor
    #[arg(long)]
    kernel: bool,
    /// Only these virtual addresses, as 0x10000-0x20000 or 0x10000+64K; may be repeated
    #[arg(long, value_name = "START-END", value_parser = span)]
    range: Vec<PhysRange>,
}

/// A byte pattern to search for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BytePattern {
    bytes: Vec<u8>,
    /// Whether it was given as text.
    is_text: bool,
}

impl std::fmt::Display for BytePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits: Vec<String> = self.bytes.iter().map(|it| format!("{it:02x}")).collect();
        f.write_str(&digits.join(" "))?;
        match self.is_text {
            true => write!(f, " (text `{}`)", String::from_utf8_lossy(&self.bytes)),
            false => Ok(()),
        }
    }
}

/// Prefix for text that would parse as hexadecimal.
const TEXT: &str = "text:";

/// Parses pairs of hexadecimal digits, or text. An ambiguous pattern is bytes, unless it starts with `text:`.
fn pattern(text: &str) -> Result<BytePattern, String> {
    if let Some(bytes) = hexadecimal(text) {
        let is_text = false;
        return Ok(BytePattern { bytes, is_text });
    }
    let words = text.strip_prefix(TEXT).unwrap_or(text);
    // Digits and blanks alone are bytes with an error in them; a number is rejected, because its byte order
    // is not stated.
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_digit = |c: char| c.is_ascii_hexdigit() || c.is_whitespace();
    let is_named = words.len() < text.len();
    if words.is_empty() || !is_named && digits.chars().all(is_digit) {
        return Err(format!(
            "`{text}` is not a run of bytes, such as `13 00 00 00`; text that looks like one is \
             `{TEXT}{text}`"
        ));
    }
    Ok(BytePattern {
        bytes: words.as_bytes().to_vec(),
        is_text: true,
    })
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
        let is_hex = pair.bytes().all(|it| it.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(pair, 16).ok())?
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes.filter(|it| !it.is_empty())
}

/// Parses an address, or a range of addresses.
fn place(text: &str) -> Result<PhysRange, String> {
    match text.contains(['+', '-']) {
        true => span(text).map_err(|error| error.to_string()),
        false => number(text).map(|at| PhysRange {
            first: at,
            last: at,
        }),
    }
}

/// Writes each mapping that reaches the range; an error if none does.
pub fn write(args: &FindArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (mut spaces, mut memory) = read_on(args.tables.open()?);
    let filter = FilterArgs::only(args.within.user, args.within.kernel, &args.within.range);
    spaces.list.iter_mut().for_each(|space| space.only(&filter));
    let reached = |span: &PhysRange| {
        let Reaching { hits, is_cut } = reaching(&spaces.list, bounds(*span), args.most);
        (hits, is_cut)
    };
    let (question, (hits, is_cut)) = match (&args.pa, &args.pattern) {
        (Some(span), _) if span.first == span.last => (format!("{:#x}", span.first), reached(span)),
        (Some(span), _) => (span.to_string(), reached(span)),
        (None, Some(pattern)) => {
            let hits = search(&spaces, &mut memory, &pattern.bytes, args.most)?;
            spaces.note_staleness(&memory);
            (format!("bytes {pattern}"), hits)
        }
        (None, None) => {
            return Err(UsageError("what is to be found? An address or --pattern".into()).into());
        }
    };
    drop(memory);
    let found = FoundMappings {
        question,
        spaces: &spaces.list,
        hits,
        is_cut,
    };
    args.format.write(out, &found)?;
    match spaces.list.iter().find(|space| space.left_out > 0) {
        Some(space) if is_cut => bail!(
            "{} left out of root {}, behind tables that were searched already",
            counted(space.left_out, "entry was", "entries were"),
            space.root.table
        ),
        _ => spaces.end(),
    }
}

/// Reads all mapped memory page by page until one hit more than the limit. A page mapped by several roots is
/// read once.
fn search(
    spaces: &Spaces,
    memory: &mut Cached<Box<dyn MemorySource>>,
    pattern: &[u8],
    most: usize,
) -> anyhow::Result<(Vec<Hit>, bool)> {
    let mut hits = Vec::new();
    let mut pages = ScannedPages::new(pattern, memory, spaces.list.len() > 1);
    for (place, space) in spaces.list.iter().enumerate() {
        let mut search = Search::new(pattern);
        // Ranges in which a match may start.
        let mut near: VecDeque<MappedRange> = VecDeque::new();
        for range in space.each() {
            let begin = range.va.raw().saturating_sub(pattern.len() as u64);
            while near.front().is_some_and(|it| it.last_va().raw() < begin) {
                near.pop_front();
            }
            near.push_back(range);
            let mut into = 0;
            while into < range.bytes && hits.len() <= most {
                let count = PAGE_BYTES.min(range.bytes - into);
                let (va, pa) = (range.va.wrapping_add(into), range.pa.wrapping_add(into));
                into += count;
                let Some(page) = pages.at(pa, count)? else {
                    continue;
                };
                for va in search.take(va, &page) {
                    hits.extend(hit(place, near.make_contiguous(), va, pattern.len()));
                }
            }
        }
    }
    pages.note_missing();
    let is_more = hits.len() > most || spaces.list.iter().any(|space| space.left_out > 0);
    hits.truncate(most);
    Ok((hits, is_more))
}

/// Pages read so far, so that another root that maps them does not read them again.
struct ScannedPages<'a> {
    pattern: &'a [u8],
    memory: &'a mut Cached<Box<dyn MemorySource>>,
    /// By physical address and length; `None` where the memory lacks the page.
    known: HashMap<(u64, u64), Option<Rc<ScannedPiece>>>,
    /// Bytes that `known` may still use.
    room: usize,
    /// Number of mapped pages that were read, and that were missing.
    read: u64,
    missing: u64,
}

impl<'a> ScannedPages<'a> {
    /// Enough for 2 million pages of a short pattern: 8 GiB of memory.
    const ROOM: usize = 256 << 20;

    fn new(
        pattern: &'a [u8],
        memory: &'a mut Cached<Box<dyn MemorySource>>,
        are_mapped_again: bool,
    ) -> Self {
        ScannedPages {
            pattern,
            memory,
            known: HashMap::new(),
            room: if are_mapped_again { Self::ROOM } else { 0 },
            read: 0,
            missing: 0,
        }
    }

    fn at(&mut self, pa: PhysAddr, count: u64) -> anyhow::Result<Option<Rc<ScannedPiece>>> {
        let page = match self.known.get(&(pa.raw(), count)) {
            Some(known) => known.clone(),
            None => self.read(pa, count)?,
        };
        match page {
            Some(_) => self.read += 1,
            None => self.missing += 1,
        }
        Ok(page)
    }

    fn read(&mut self, pa: PhysAddr, count: u64) -> anyhow::Result<Option<Rc<ScannedPiece>>> {
        let mut bytes = vec![0; count as usize];
        let page = match self.memory.read_uncached(pa, &mut bytes) {
            Ok(()) => Some(Rc::new(ScannedPiece::new(self.pattern, &bytes))),
            Err(ReadError::Outside(_)) => None,
            Err(error) => {
                let after = || format!("after {}", counted(self.read, "page", "pages"));
                return Err(error).with_context(after);
            }
        };
        // The overhead of an entry in the map and the allocator.
        let cost = 64 + page.as_ref().map_or(0, |page| page.cost());
        if cost <= self.room {
            self.room -= cost;
            self.known.insert((pa.raw(), count), page.clone());
        }
        Ok(page)
    }

    fn note_missing(&self) {
        if self.missing > 0 {
            eprintln!(
                "note: {} of {} mapped pages are not in the memory given",
                self.missing,
                self.read + self.missing
            );
        }
    }
}

fn hit(place: usize, near: &[MappedRange], va: VirtAddr, bytes: usize) -> Option<Hit> {
    let before = near.partition_point(|range| range.va <= va);
    let range = near.get(before.checked_sub(1)?)?;
    Some(Hit {
        space: place,
        va,
        pa: range.at(va)?,
        bytes: bytes as u64,
        range: *range,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Memory of two pages that counts reads.
    struct CountingMemory(Rc<Cell<u32>>);

    impl MemorySource for CountingMemory {
        fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
            self.0.set(self.0.get() + 1);
            into.fill(at.frame() as u8);
            Ok(())
        }
    }

    #[test]
    fn a_page_that_a_hundred_roots_map_is_read_once() {
        let reads = Rc::new(Cell::new(0));
        let mut memory =
            Cached::new(Box::new(CountingMemory(Rc::clone(&reads))) as Box<dyn MemorySource>);
        let mut pages = ScannedPages::new(&[1, 1], &mut memory, true);
        let mut search = Search::new(&[1, 1]);
        for root in 0..100 {
            let page = pages
                .at(PhysAddr::new(0x1000), PAGE_BYTES)
                .expect("it is there");
            let found = search.take(VirtAddr::new(root << 20), &page.expect("it is there"));
            assert_eq!(found.len() as u64, PAGE_BYTES / 2);
        }
        assert_eq!(reads.get(), 1);
        pages
            .at(PhysAddr::new(0x2000), PAGE_BYTES)
            .expect("it is there");
        assert_eq!((reads.get(), pages.read), (2, 101));
    }
}
