//! `pagewalk report`: one page about a recording, for a bug report.
//!
//! ```text
//! $ pagewalk report run.pwlog -o report.html
//! report.html: 10538 faults, 41234 bytes
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context;
use link::memory::Cached;
use link::recording::{Blocks, RecordedAnswers, RecordingSurvey, is_recording};
use link::session::{Decoder, LineEvent};
use link::symbols::build_id;
use model::Faults;
use model::ledger::LedgerRow;
use pagetable::{Dialect, Mode, Refusal, Satp, VirtAddr, WalkOutcome, Xlen, translate};
use view::View;
use view::chart::{self, FaultsOverTime, ImageKind};
use view::recorded_walk;
use view::report::ReportPage;
use view::walk::Walked;
use view::words::counted;

use crate::output;
use crate::recorded_faults::RecordedFaultArgs;
use crate::recording::unpacked;
use crate::symbols::Programs;

/// Intervals of the chart.
const STEPS: usize = 100;
/// Lines of the console that the page has.
const LINES: usize = 60;

/// Write one self-contained page about a recording, for a bug report.
///
/// It has the board, versions, a chart, totals, the faults, the walk of the one that ended it, and the last
/// lines of the console. It opens offline. Above 10,000 faults it has totals and the last faults.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk report run.pwlog -o report.html
  pagewalk report run.pwlog --elf target/board-side/riscv64gc-unknown-none-elf/board/kernel -o report.html
  pagewalk report serial.log -o report.html")]
pub struct ReportArgs {
    #[command(flatten)]
    source: RecordedFaultArgs,
    /// The page; an existing file is replaced
    #[arg(short, long = "output", value_name = "FILE")]
    output: PathBuf,
}

/// Reads the recording and writes the page.
pub fn run(args: ReportArgs) -> anyhow::Result<()> {
    let path = &args.source.file;
    let mut rows = Vec::new();
    let faults = args.source.read(&mut |fault| {
        rows.push(*fault.row);
        Ok(())
    })?;
    let faults = faults.with_rows(rows.clone());
    let programs = Programs::read(args.source.elf())?;
    let console = Console::read(path).with_context(|| path.display().to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lines: Vec<String> = console.lines.iter().cloned().collect();
    let page = ReportPage {
        title: &name,
        facts: &facts(&args.source, &faults, &console)?,
        chart: &chart(&faults, &name)?,
        fatal: fatal(path, &rows, &console),
        crash: &console.crash,
        console: &lines,
        names: &|epc| programs.name(epc),
        rows: &rows,
        faults: &faults,
    };
    let mut html = Vec::new();
    page.html(&mut html)?;
    pack::output::write(&args.output, &html)?;
    let count = counted(faults.count(), "fault", "faults");
    output::summary(&args.output, |out| {
        let (name, bytes) = (args.output.display(), html.len());
        Ok(writeln!(out, "{name}: {count}, {bytes} bytes")?)
    })
}

/// What the board said beside its faults.
#[derive(Default)]
struct Console {
    lines: VecDeque<String>,
    board: Option<(String, u32)>,
    /// The line in which the kernel names itself and its version.
    kernel: Option<String>,
    crash: Vec<(&'static str, u64)>,
}

impl Console {
    fn read(path: &Path) -> anyhow::Result<Console> {
        let mut from = crate::recording::open(path)?;
        let mut decoder = Decoder::new(None);
        let mut console = Console::default();
        let mut piece = vec![0; 1 << 16];
        loop {
            let length = from.read(&mut piece)?;
            if length == 0 {
                break;
            }
            decoder.receive(&piece[..length], &mut |event| console.take(event));
        }
        decoder.finish(&mut |event| console.take(event));
        Ok(console)
    }

    fn take(&mut self, event: LineEvent) {
        match event {
            LineEvent::Welcome { board, xlen, .. } => self.board = Some((board, xlen)),
            LineEvent::Crash(report) => self.crash = report.registers,
            LineEvent::Text(line) => {
                let names_itself = ["Pagewalk ", "Linux version ", "NuttX", "Zephyr"];
                if names_itself.iter().any(|name| line.contains(name)) && self.kernel.is_none() {
                    self.kernel = Some(line.clone());
                }
                if self.lines.len() == LINES {
                    self.lines.pop_front();
                }
                self.lines.push_back(line);
            }
            _ => {}
        }
    }
}

fn facts(
    source: &RecordedFaultArgs,
    faults: &Faults,
    console: &Console,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    match &console.board {
        Some((board, xlen)) => add("Board", format!("{board}, {xlen} bits")),
        None => add("Board", "did not say its name".to_owned()),
    }
    add(
        "Kernel",
        console
            .kernel
            .clone()
            .unwrap_or_else(|| "did not say its version".to_owned()),
    );
    add(
        "Tool",
        format!("pagewalk {}", crate::version::long().replace('\n', "; ")),
    );
    let mut file = unpacked(Box::new(File::open(&source.file)?))?;
    if is_recording(file.fill_buf()?) {
        let survey = RecordingSurvey::read(Blocks::open(&source.file)?)?;
        if let Some((first, last)) = survey.span_us {
            let day = view::export::partition("", Some(first));
            let day = day.rsplit('=').next().unwrap_or_default();
            let (of_day, lasts) = (first / 1_000_000 % 86_400, (last - first) / 1_000_000);
            let time = format!(
                "{:02}:{:02}:{:02}",
                of_day / 3600,
                of_day / 60 % 60,
                of_day % 60
            );
            add(
                "Recorded",
                format!("{day} {time} UTC, {}", counted(lasts, "second", "seconds")),
            );
        }
        if let Some(at) = survey.cut_at {
            add(
                "Cut off",
                format!("at byte {at}; what follows cannot be read"),
            );
        }
    }
    add("Faults", faults.count().to_string());
    add("Boots", faults.boots().to_string());
    add(
        "Missing",
        format!(
            "{} never arrived, {} overwritten on the board",
            faults.missing(),
            faults.overwritten()
        ),
    );
    for elf in source.elf() {
        let bytes = std::fs::read(elf).with_context(|| elf.display().to_string())?;
        let id = build_id(&bytes).map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
        let id: String = id.unwrap_or_else(|| "no build id".to_owned());
        let name = elf.file_name().unwrap_or_default().to_string_lossy();
        add(&format!("Program {name}"), id);
    }
    Ok(facts)
}

fn chart(faults: &Faults, origin: &str) -> anyhow::Result<String> {
    let Some(timeline) = faults.timeline(STEPS) else {
        return Ok(String::new());
    };
    let picture = FaultsOverTime {
        timeline: &timeline,
        origin,
    };
    let mut svg = Vec::new();
    chart::write(&picture, ImageKind::Svg, &mut svg)?;
    Ok(String::from_utf8_lossy(&svg).into_owned())
}

/// The last fault that was refused, and its walk: as its record has it, and through the tables that the board sent
/// last, if those are in the recording.
fn fatal(path: &Path, rows: &[LedgerRow], console: &Console) -> Option<(LedgerRow, String)> {
    let is_fatal = |row: &&LedgerRow| row.sighting.fault.outcome().is_refusal();
    let row = *rows.iter().rev().find(is_fatal)?;
    let recorded = recorded_walk::lines(&row.sighting.fault);
    if recorded.is_empty() {
        return Some((row, "No table was walked.".to_owned()));
    }
    let recorded = format!("At the fault:\n\n{}", recorded.join("\n"));
    let xlen = console.board.as_ref().map_or(64, |(_, xlen)| *xlen);
    let later = match tables(path, &row, if xlen == 32 { Xlen::Rv32 } else { Xlen::Rv64 }) {
        Ok(Some(walk)) => format!("\n\nThe tables as the board last sent them:\n\n{walk}"),
        Ok(None) => "\n\nThe recording does not have these tables.".to_owned(),
        Err(error) => format!("\n\nThese tables cannot be read: {error:#}."),
    };
    Some((row, recorded + &later))
}

/// The walk of a fault's address through the tables that the recording has; `None` if it lacks one of them.
fn tables(path: &Path, row: &LedgerRow, xlen: Xlen) -> anyhow::Result<Option<String>> {
    let fault = &row.sighting.fault;
    let mut answers = RecordedAnswers::read(unpacked(Box::new(File::open(path)?))?)?;
    let satp = Satp::decode(fault.satp, xlen)?;
    if satp.mode == Mode::Bare {
        return Ok(None);
    }
    let dialect: Dialect = answers.dialect();
    let mut memory = Cached::new(&mut answers);
    let root = satp.tree(dialect);
    let va = VirtAddr::new(fault.va);
    let walk = translate(&mut memory, root, va);
    let is_unread = matches!(walk.outcome, WalkOutcome::Refused(Refusal::NoMemory));
    if memory.take_failure().is_some() || is_unread {
        return Ok(None);
    }
    let walked = Walked {
        satp,
        root,
        va,
        walk,
        is_possibly_stale: false,
        pmp: None,
        name: String::new(),
    };
    let mut text = Vec::new();
    walked.table(&mut text)?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}
