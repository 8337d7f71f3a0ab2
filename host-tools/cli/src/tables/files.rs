//! Memory in files: cores, raw dumps, text, snapshots, alone or combined.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use link::memory::listing::{self, Listing};
use link::memory::text::{self, Reading, TextDump, address};
use link::memory::vmcore::HartRegisters;
use link::memory::{
    MemorySource, MemorySpec, NotedRoot, Overlay, PhysRange, Snapshot, VmcoreInfo, open_physical,
    open_raw,
};
use pagetable::{Mode, PhysAddr, Xlen};
use view::words::counted;

use crate::exit::UsageError;

/// Open files, and facts from their headers.
pub struct Opened {
    /// Register width, if a file states it.
    pub xlen: Option<Xlen>,
    /// A snapshot's roots and dialect.
    pub snapshot: Option<Snapshot>,
    /// First address that a truncated core lacks.
    pub cut_at: Option<PhysAddr>,
    /// Ranges of cores and raw dumps.
    pub held: Vec<PhysRange>,
    /// The root of page tables that a dump knows.
    pub root: Option<NotedRoot>,
    /// What a dump came with of Linux's own words.
    pub info: VmcoreInfo,
    /// Registers of the harts, in the order of the cores.
    pub harts: Vec<HartRegisters>,
    /// Lists of mappings, with their names.
    pub listings: Vec<(String, Listing)>,
    sources: Vec<Box<dyn MemorySource>>,
    texts: Vec<NamedText>,
}

/// Most bytes of a compressed text.
const MOST_TEXT: u64 = 256 << 20;

/// A text, read and unpacked.
struct NamedText {
    name: String,
    /// Added to its addresses.
    base: u64,
    bytes: Vec<u8>,
}

/// Opens all files except text, which is parsed when the mode is known.
pub fn open(origins: Vec<MemorySpec>, asked: Option<Xlen>) -> anyhow::Result<Opened> {
    let mut opened = Opened {
        xlen: None,
        snapshot: None,
        cut_at: None,
        held: Vec::new(),
        root: None,
        info: VmcoreInfo::default(),
        harts: Vec::new(),
        listings: Vec::new(),
        sources: Vec::new(),
        texts: Vec::new(),
    };
    // Raw dumps form one memory: where they overlap, the first one counts.
    let mut places = Vec::new();
    for origin in origins {
        match origin {
            MemorySpec::Raw(place) => places.push(place),
            MemorySpec::Text(name) => {
                let text = read_text(&name)?;
                match listing::read(&text.bytes) {
                    Some(listing) => opened.listings.push((text.name, listing)),
                    None => opened.texts.push(text),
                }
            }
            MemorySpec::Core(path) => {
                let dump = open_physical(&path)?;
                let name = path.display();
                if let Some(xlen) = dump.xlen {
                    opened.narrow(xlen, asked, &format!("{name} is a core"))?;
                }
                for remark in &dump.remarks {
                    say_once(format!("{name}: {remark}"));
                }
                if let Some(at) = dump.cut_at {
                    eprintln!("warning: {name}: cut off; memory from {at} is missing");
                    opened.cut_at.get_or_insert(at);
                }
                opened.hold(&dump.ranges);
                opened.root = opened.root.or(dump.root);
                if opened.info.is_empty() {
                    opened.info = dump.info;
                }
                opened.harts.extend(dump.harts);
                opened.sources.push(dump.memory);
            }
            MemorySpec::Snapshot(path) => {
                let snapshot = Snapshot::open(&path)?;
                let name = format!("{} is a snapshot", path.display());
                opened.narrow(snapshot.xlen, asked, &name)?;
                opened.sources.push(Box::new(snapshot.clone()));
                opened.snapshot.get_or_insert(snapshot);
            }
            MemorySpec::Line(_) | MemorySpec::File(_) | MemorySpec::Pipe | MemorySpec::Planned => {}
        }
    }
    if !places.is_empty() {
        let raw = open_raw(&places)?;
        opened.hold(&raw.ranges().collect::<Vec<_>>());
        opened.sources.push(Box::new(raw));
    }
    Ok(opened)
}

impl Opened {
    fn hold(&mut self, ranges: &[(PhysAddr, PhysAddr)]) {
        let spans = ranges.iter().filter_map(|(from, end)| {
            let bytes = end.raw().checked_sub(from.raw())?;
            PhysRange::of(from.raw(), bytes)
        });
        self.held.extend(spans);
    }

    pub fn narrow(&mut self, xlen: Xlen, asked: Option<Xlen>, name: &str) -> anyhow::Result<()> {
        let wanted = asked.or(self.xlen);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != xlen) {
            let (bits, wanted) = (xlen.bits(), wanted.bits());
            return Err(UsageError(format!("{name} of {bits} bits, not {wanted}")).into());
        }
        self.xlen = Some(xlen);
        Ok(())
    }

    /// All files as one memory; text is parsed as tables of this mode.
    pub fn memory(self, mode: Mode) -> anyhow::Result<Box<dyn MemorySource>> {
        let mut sources = self.sources;
        for text in &self.texts {
            sources.push(Box::new(parsed(text, mode)?.memory));
        }
        Ok(Overlay::of(sources))
    }

    /// Adds memory to that of the files.
    pub fn add(&mut self, memory: impl MemorySource + 'static) {
        self.sources.push(Box::new(memory));
    }
}

/// Notes what a file lacks, however often it is opened.
fn say_once(remark: String) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if !said.contains(&remark) {
        eprintln!("note: {remark}");
        said.insert(remark);
    }
}

/// Reads a text dump from a file, `FILE@0xADDR` or, for `-`, from stdin.
pub fn read_dump(name: &OsStr, mode: Mode) -> anyhow::Result<TextDump> {
    parsed(&read_text(name)?, mode)
}

fn read_text(name: &OsStr) -> anyhow::Result<NamedText> {
    let lossy = name.to_string_lossy().into_owned();
    let based = lossy.rsplit_once("@0x");
    let (path, base) = match based.and_then(|(path, at)| Some((path, address(at)?))) {
        Some((path, base)) => (OsString::from(path), base),
        None => (name.to_owned(), 0),
    };
    let stdin = "stdin";
    let bytes = match path == "-" {
        true => container::read_from(std::io::stdin().lock(), Path::new(stdin), MOST_TEXT)?,
        false => {
            let path = Path::new(&path);
            if path.is_file() {
                text::refuse_foreign(&lossy, &container::head(path, 4096)?)?;
            }
            container::read(path, MOST_TEXT)?
        }
    };
    let name = if path == "-" { stdin.to_owned() } else { lossy };
    Ok(NamedText { name, base, bytes })
}

fn parsed(text: &NamedText, mode: Mode) -> anyhow::Result<TextDump> {
    let NamedText { name, base, bytes } = text;
    let reading = Reading { base: *base, mode };
    let dump = text::read(name, bytes, reading)?;
    if let Some((times, at)) = dump.memory.conflicts() {
        let rows = counted(times, "row has", "rows have");
        eprintln!(
            "warning: {name}: {rows} other bytes than an earlier one, first at {at}; the last counts"
        );
    }
    if let Some(bytes) = dump.numbers_of {
        eprintln!(
            "note: {name}: its words have no addresses: they are taken for numbers of {bytes} bytes, the lowest byte \
             first; bytes as they lie, as of xxd -p, become memory by xxd -r -p"
        );
    }
    if dump.noise > 0 {
        let (told, noise) = (dump.told, dump.noise);
        let told = counted(told, "line", "lines");
        eprintln!("note: {name}: {told} of memory, {noise} of something else");
    }
    Ok(dump)
}
