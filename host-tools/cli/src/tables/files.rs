//! Memory in files: cores, raw dumps, text, snapshots, alone or combined.

use std::ffi::OsString;
use std::io::Read;

use anyhow::Context;
use link::memory::text::{self, Reading, TextDump, address};
use link::memory::{
    Files, MemorySource, MemorySpec, Overlay, PhysRange, Snapshot, open_core, open_raw,
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
    sources: Vec<Box<dyn MemorySource>>,
    texts: Vec<OsString>,
}

/// Opens all files except text, which is parsed when the mode is known.
pub fn open(origins: Vec<MemorySpec>, asked: Option<Xlen>) -> anyhow::Result<Opened> {
    let mut opened = Opened {
        xlen: None,
        snapshot: None,
        cut_at: None,
        held: Vec::new(),
        sources: Vec::new(),
        texts: Vec::new(),
    };
    // Raw dumps form one memory: where they overlap, the first one counts.
    let mut places = Vec::new();
    for origin in origins {
        match origin {
            MemorySpec::Raw(place) => places.push(place),
            MemorySpec::Text(name) => opened.texts.push(name),
            MemorySpec::Core(path) => {
                let core = open_core(&path)?;
                opened.narrow(core.xlen, asked, &format!("{} is a core", path.display()))?;
                if let Some(at) = core.cut_at {
                    let name = path.display();
                    eprintln!("warning: {name}: cut off; memory from {at} is missing");
                    opened.cut_at.get_or_insert(at);
                }
                opened.hold(&core.memory);
                opened.sources.push(Box::new(core.memory));
            }
            MemorySpec::Snapshot(path) => {
                let snapshot = Snapshot::open(&path)?;
                let name = format!("{} is a snapshot", path.display());
                opened.narrow(snapshot.xlen, asked, &name)?;
                opened.sources.push(Box::new(snapshot.clone()));
                opened.snapshot.get_or_insert(snapshot);
            }
            MemorySpec::Line(_) | MemorySpec::File(_) | MemorySpec::Pipe => {}
        }
    }
    if !places.is_empty() {
        let raw = open_raw(&places)?;
        opened.hold(&raw);
        opened.sources.push(Box::new(raw));
    }
    Ok(opened)
}

impl Opened {
    fn hold(&mut self, files: &Files) {
        let spans = files.ranges().filter_map(|(from, end)| {
            let bytes = end.raw().checked_sub(from.raw())?;
            PhysRange::of(from.raw(), bytes)
        });
        self.held.extend(spans);
    }

    fn narrow(&mut self, xlen: Xlen, asked: Option<Xlen>, name: &str) -> anyhow::Result<()> {
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
        for name in &self.texts {
            sources.push(Box::new(read_dump(name, mode)?.memory));
        }
        Ok(Overlay::of(sources))
    }
}

/// Reads a text dump from a file, `FILE@0xADDR` or, for `-`, from stdin.
pub fn read_dump(name: &OsString, mode: Mode) -> anyhow::Result<TextDump> {
    let lossy = name.to_string_lossy().into_owned();
    let based = lossy.rsplit_once("@0x");
    let (path, base) = match based.and_then(|(path, at)| Some((path, address(at)?))) {
        Some((path, base)) => (OsString::from(path), base),
        None => (name.clone(), 0),
    };
    let mut bytes = Vec::new();
    if path == "-" {
        let stdin = std::io::stdin().lock().read_to_end(&mut bytes);
        stdin.context("stdin")?;
    } else {
        bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    }
    let name = if path == "-" { "stdin" } else { &lossy };
    let dump = text::read(name, &bytes, Reading { base, mode })?;
    if let Some((times, at)) = dump.memory.conflicts() {
        let rows = counted(times, "row has", "rows have");
        eprintln!(
            "warning: {name}: {rows} other bytes than an earlier one, first at {at}; the last counts"
        );
    }
    if dump.noise > 0 {
        let (told, noise) = (dump.told, dump.noise);
        let told = counted(told, "line", "lines");
        eprintln!("note: {name}: {told} of memory, {noise} of something else");
    }
    Ok(dump)
}
