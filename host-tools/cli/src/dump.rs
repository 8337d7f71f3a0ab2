//! `pagewalk dump`: all memory of a machine as an ELF core.
//!
//! ```text
//! $ pagewalk dump -o vmcore --from gdb://localhost:1234
//! vmcore: 128MiB of memory in 1 range, 41.2MiB of it not zero; registers of 1 hart
//! ```
//!
//! The file grows in the order of addresses under the name `vmcore.part`, and gets its own name when it is whole:
//! what was interrupted goes on with `--resume`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use link::memory::vmcore::{CoreRange, VmcoreHead};
use link::memory::{Cached, MemorySource, PhysRange, ReadError};
use pagetable::{Mode, PAGE_BYTES, PhysAddr};
use view::words::{RoundSize, counted};

use crate::exit::UsageError;
use crate::output;
use crate::progress;
use crate::roots::pages;
use crate::tables::{OpenTables, TablesArgs};

/// Write all memory of a machine, and its harts' registers, as an ELF core that gdb, drgn and this program open.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk dump -o vmcore --from gdb://localhost:1234
  pagewalk dump -o vmcore --from gdb://localhost:1234 --resume
  pagewalk dump -o vmcore --from probe --board ox64
  pagewalk dump -o vmcore --mem ram.bin@0x80000000")]
pub struct DumpArgs {
    /// The file to write; until it is whole, FILE.part
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Go on with FILE.part, where an earlier dump of the same machine was interrupted
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    tables: TablesArgs,
}

/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

/// Writes the core, and what is in it to stdout.
pub fn run(args: DumpArgs) -> anyhow::Result<()> {
    let output = replaced_by_whole(&args.output)?;
    let mut open = args.tables.open_whole()?;
    let head = head(&mut open, args.tables.os())?;
    let part = with_end(&output, ".part");
    let name = || part.display().to_string();
    let (mut file, done) = begin(&part, &head, args.resume).with_context(name)?;
    if done > 0 {
        eprintln!(
            "note: {} is there already; memory may have changed since",
            RoundSize(u128::from(done))
        );
    }
    let copied = progress::with("memory", |report| {
        let mut copy = Copying {
            memory: &mut open.memory,
            file: &mut file,
            at: head.data_at(),
            skip: done,
            filled: 0,
            missing: 0,
        };
        let total = head.file_bytes() - head.data_at();
        for range in &head.ranges {
            copy.range(range.range, &mut |done| report(done, total))?;
        }
        anyhow::Ok((copy.filled, copy.missing))
    });
    let (filled, missing) = copied
        .with_context(|| format!("{} has what was read until then: --resume goes on", name()))?;
    file.sync_all().with_context(name)?;
    fs::rename(&part, &output).with_context(name)?;
    if missing > 0 {
        eprintln!(
            "warning: {} could not be read, and are zeros in the dump",
            counted(missing, "page", "pages")
        );
    }
    let bytes: u64 = head
        .ranges
        .iter()
        .map(|it| it.range.last - it.range.first + 1)
        .sum();
    output::summary(&args.output, |out| -> anyhow::Result<()> {
        writeln!(
            out,
            "{}: {} of memory in {}{}; registers of {}",
            args.output.display(),
            RoundSize(u128::from(bytes)),
            counted(head.ranges.len(), "range", "ranges"),
            match done {
                0 => format!(", {} of it not zero", RoundSize(u128::from(filled))),
                _ => String::new(),
            },
            counted(head.harts.len(), "hart", "harts"),
        )?;
        Ok(())
    })
}

/// The file that takes the place of `path` once it is whole: of a link, what it leads to. A device or a pipe would be
/// lost, as the file gets its name.
fn replaced_by_whole(path: &Path) -> anyhow::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(real) if real.is_file() => Ok(real),
        Ok(_) => {
            let misuse = format!(
                "{}: is no regular file: a core is written in any order, and has its name once it is whole",
                path.display()
            );
            Err(UsageError(misuse).into())
        }
        Err(_) => Ok(path.to_owned()),
    }
}

/// What the core begins with: where a Linux is found, its own words and the addresses at which it maps memory.
fn head(open: &mut OpenTables, os: Option<&str>) -> anyhow::Result<VmcoreHead> {
    let known = match open.held.is_empty() {
        true => &open.ram,
        false => &open.held,
    };
    let ranges = pages(known);
    if ranges.is_empty() {
        let misuse =
            "what is memory there is not known: give --ram 0x80000000+128M, or --board NAME";
        return Err(UsageError(misuse.to_owned()).into());
    }
    let system = match open.system(os) {
        Ok(system) => Some(system),
        Err(error) if os.is_some() => return Err(error),
        Err(error) => {
            detail!("addresses are physical: {error:#}");
            None
        }
    };
    let va = |range: PhysRange| {
        let first = PhysAddr::new(range.first);
        let linear = system.as_ref().and_then(|system| system.linear(first));
        linear.unwrap_or(range.first)
    };
    let image = system.as_ref().and_then(|system| system.image());
    let mut notes = Vec::new();
    notes.extend(system.as_ref().and_then(|system| system.note()));
    // Which root was in use: for a kernel that has no words of its own.
    let satps = open
        .roots
        .iter()
        .filter(|root| root.satp.mode != Mode::Bare);
    let text: String = satps
        .take(1)
        .map(|root| format!("NUMBER(satp)={:#x}\n", root.satp.encode(open.xlen)))
        .collect();
    notes.push(("PAGEWALK", text.into_bytes()));
    let core_range = |range| CoreRange {
        range,
        va: va(range),
    };
    Ok(VmcoreHead {
        xlen: open.xlen,
        ranges: ranges.iter().copied().map(core_range).collect(),
        aliases: ranges
            .iter()
            .filter_map(|range| part_of(image?, *range))
            .collect(),
        harts: std::mem::take(&mut open.harts),
        notes,
    })
}

/// The part of an image that lies in a range: memory may have holes, where firmware is.
fn part_of(image: CoreRange, range: PhysRange) -> Option<CoreRange> {
    let first = image.range.first.max(range.first);
    let end = image.range.last.min(range.last).checked_add(1)?;
    Some(CoreRange {
        range: PhysRange::of(first, end.checked_sub(first)?)?,
        va: image.va.checked_add(first - image.range.first)?,
    })
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Opens the file, with its head; answers how many bytes of memory it has already.
fn begin(part: &Path, head: &VmcoreHead, resume: bool) -> anyhow::Result<(File, u64)> {
    let bytes = head.bytes();
    if !resume {
        let mut file = File::create(part)?;
        file.write_all(&bytes)?;
        return Ok((file, 0));
    }
    let mut file = OpenOptions::new().read(true).write(true).open(part)?;
    let mut before = vec![0; bytes.len()];
    let is_same = file.read_exact(&mut before).is_ok() && segments(&before) == segments(&bytes);
    if !is_same {
        bail!("it is of a machine with other memory; without --resume it begins again");
    }
    let length = file.metadata()?.len();
    // Registers are those of now: the last that were seen.
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&bytes)?;
    let done = (length - bytes.len() as u64).min(head.file_bytes() - bytes.len() as u64);
    Ok((file, done / PAGE_BYTES * PAGE_BYTES))
}

/// The part of a head that says which memory lies where: header and program headers.
fn segments(head: &[u8]) -> &[u8] {
    // e_phnum and e_phentsize of ELF64 and ELF32.
    let (at, begin) = if head.get(4) == Some(&1) {
        (42, 52)
    } else {
        (54, 64)
    };
    let number = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
    &head[..(begin + number(at) * number(at + 2)).min(head.len())]
}

/// Memory on its way into the file.
struct Copying<'a> {
    memory: &'a mut Cached<Box<dyn MemorySource>>,
    file: &'a mut File,
    /// Offset in the file of the next byte.
    at: u64,
    /// Bytes from here that the file has already.
    skip: u64,
    /// Bytes of pages that are not zero.
    filled: u64,
    missing: usize,
}

impl Copying<'_> {
    fn range(&mut self, range: PhysRange, report: &mut dyn FnMut(u64)) -> anyhow::Result<()> {
        let begin = self.at;
        let mut at = range.first;
        while at <= range.last {
            let bytes = PIECE.min(range.last - at + 1);
            let known = self.skip.min(bytes);
            self.skip -= known;
            self.at += known;
            if known < bytes {
                self.piece(PhysAddr::new(at + known), (bytes - known) as usize)?;
            }
            report(self.at - begin);
            match at.checked_add(bytes) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(())
    }

    fn piece(&mut self, at: PhysAddr, bytes: usize) -> anyhow::Result<()> {
        let mut buffer = vec![0; bytes];
        match self.memory.read_uncached(at, &mut buffer) {
            Ok(()) => {}
            Err(ReadError::Outside(_)) => self.by_pages(at, &mut buffer)?,
            Err(error) => bail!(error),
        }
        for page in buffer.chunks(PAGE_BYTES as usize) {
            // A hole reads as zeros, and takes no room.
            if page.iter().any(|byte| *byte != 0) {
                self.file.seek(SeekFrom::Start(self.at))?;
                self.file.write_all(page)?;
                self.filled += page.len() as u64;
            }
            self.at += page.len() as u64;
        }
        // The length says how far it got, also where the last pages are holes.
        self.file.set_len(self.at)?;
        Ok(())
    }

    fn by_pages(&mut self, at: PhysAddr, buffer: &mut [u8]) -> anyhow::Result<()> {
        for (place, page) in (0..).zip(buffer.chunks_mut(PAGE_BYTES as usize)) {
            match self
                .memory
                .read_uncached(at.wrapping_add(place * PAGE_BYTES), page)
            {
                Ok(()) => {}
                Err(ReadError::Outside(_)) => {
                    page.fill(0);
                    self.missing += 1;
                }
                Err(error) => bail!(error),
            }
        }
        Ok(())
    }
}
