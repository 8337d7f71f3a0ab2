//! `pagewalk find`: which virtual addresses lead to a physical one, or where bytes are mapped.
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

use std::io::Write;

use anyhow::Context;
use link::memory::{Cached, ReadError, Source, Span};
use model::Space;
use model::find::{Hit, Search, reaching};
use pagetable::{PAGE_BYTES, VirtAddr};
use view::find::FoundMappings;

use crate::exit::UsageError;
use crate::filter::{FilterArgs, bounds};
use crate::format::Format;
use crate::output;
use crate::tables::{Spaces, TablesArgs, number, read_on, span};

/// Find every virtual address that reaches a physical one, or where some bytes are mapped.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk find 0x80200000 --from vmcore --satp 0x80033000000830ca,0x800000000008feee
  pagewalk find 0x50000000+2M --from tcp://localhost:3334 --all-roots
  pagewalk find --pattern '7f 45 4c 46' --from gdb://localhost:1234 --user")]
#[command(group = clap::ArgGroup::new("question").required(true).args(["pa", "pattern"]))]
pub struct FindArgs {
    /// The physical address, hexadecimal, or a run of them: 0x80000000+2M
    #[arg(value_name = "PA", value_parser = place)]
    pa: Option<Span>,
    /// These bytes, in hexadecimal, in all memory that is mapped
    #[arg(long, value_name = "HEX", value_parser = pattern)]
    pattern: Option<BytePattern>,
    /// List so many hits at most
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    most: usize,
    #[command(flatten)]
    pub tables: TablesArgs,
    #[command(flatten)]
    within: SearchRange,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Where to look.
#[derive(clap::Args)]
struct SearchRange {
    /// Only pages of user mode
    #[arg(long, conflicts_with = "kernel")]
    user: bool,
    /// Only pages of the supervisor
    #[arg(long)]
    kernel: bool,
    /// Only these virtual addresses, as 0x10000-0x20000 or 0x10000+64K; may be repeated
    #[arg(long, value_name = "START-END", value_parser = span)]
    range: Vec<Span>,
}

/// Bytes to look for.
#[derive(Clone, Debug)]
struct BytePattern(Vec<u8>);

fn pattern(text: &str) -> Result<BytePattern, String> {
    let wrong = || format!("`{text}` is no run of bytes, as `13 00 00 00` is");
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
        let is_hex = pair.bytes().all(|it| it.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(pair, 16).ok())?
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes
        .filter(|it| !it.is_empty())
        .map(BytePattern)
        .ok_or_else(wrong)
}

/// An address, or a run of them.
fn place(text: &str) -> Result<Span, String> {
    match text.contains(['+', '-']) {
        true => span(text).map_err(|error| error.to_string()),
        false => number(text).map(|at| Span {
            first: at,
            last: at,
        }),
    }
}

/// Prints what is found.
pub fn run(args: FindArgs) -> anyhow::Result<()> {
    output::answer(|out| write(&args, out))
}

/// Writes what is found.
pub fn write(args: &FindArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (mut spaces, mut memory) = read_on(args.tables.open()?, false);
    let filter = FilterArgs::only(args.within.user, args.within.kernel, &args.within.range);
    spaces.list.iter_mut().for_each(|space| space.only(&filter));
    let (question, mut hits) = match (&args.pa, &args.pattern) {
        (Some(span), _) if span.first == span.last => (
            format!("{:#x}", span.first),
            reaching(&spaces.list, bounds(*span)),
        ),
        (Some(span), _) => (span.to_string(), reaching(&spaces.list, bounds(*span))),
        (None, Some(BytePattern(pattern))) => {
            let digits: Vec<String> = pattern.iter().map(|it| format!("{it:02x}")).collect();
            let question = format!("bytes {}", digits.join(" "));
            let hits = search(&spaces, &mut memory, pattern, args.most)?;
            spaces.note_staleness(&memory);
            (question, hits)
        }
        (None, None) => {
            return Err(UsageError("what is to be found? An address or --pattern".into()).into());
        }
    };
    drop(memory);
    let is_cut = hits.len() > args.most;
    hits.truncate(args.most);
    let found = FoundMappings {
        question,
        spaces: &spaces.list,
        hits,
        is_cut,
    };
    args.format.write(
        out,
        &found,
        view::find::table,
        view::find::json,
        view::find::csv,
    )?;
    spaces.end()
}

/// Reads all that is mapped, page by page, until there is one hit too many.
fn search(
    spaces: &Spaces,
    memory: &mut Cached<Box<dyn Source>>,
    pattern: &[u8],
    most: usize,
) -> anyhow::Result<Vec<Hit>> {
    let mut hits = Vec::new();
    let (mut read, mut missing) = (0_u64, 0_u64);
    for (place, space) in spaces.list.iter().enumerate() {
        let mut search = Search::new(pattern);
        for range in &space.ranges {
            let mut into = 0;
            while into < range.bytes && hits.len() <= most {
                let count = PAGE_BYTES.min(range.bytes - into);
                let (va, pa) = (range.va.wrapping_add(into), range.pa.wrapping_add(into));
                into += count;
                let mut bytes = vec![0; count as usize];
                match memory.read_uncached(pa, &mut bytes) {
                    Ok(()) => read += 1,
                    Err(ReadError::Outside(_)) => {
                        missing += 1;
                        continue;
                    }
                    Err(error) => return Err(error).with_context(|| format!("after {read} pages")),
                }
                for va in search.take(va, &bytes) {
                    hits.extend(hit(place, space, va, pattern.len()));
                }
            }
        }
    }
    if missing > 0 {
        eprintln!(
            "note: {missing} of {} mapped pages are not in the memory given",
            read + missing
        );
    }
    Ok(hits)
}

fn hit(place: usize, space: &Space, va: VirtAddr, bytes: usize) -> Option<Hit> {
    let before = space.ranges.partition_point(|range| range.va <= va);
    let range = space.ranges.get(before.checked_sub(1)?)?;
    Some(Hit {
        space: place,
        va,
        pa: range.at(va)?,
        bytes: bytes as u64,
        range: *range,
    })
}
