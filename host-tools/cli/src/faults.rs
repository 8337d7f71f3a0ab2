//! `pagewalk faults`: the page faults of a recording.
//!
//! ```text
//! $ pagewalk faults stack_test.txt
//! seconds   cause                 access  address     epc
//! 0.015000  Store/AMO page fault  write   0xc0001000  0x8000eb08
//! 0.016000  Store/AMO page fault  write   0xc0002000  0x8000eb08
//! ```
//!
//! Read it from the left: when, why the hart trapped, what it wanted of which
//! address, and the instruction that wanted it. A board of ours also tells which
//! task, which region the address lies in, and how the fault ended. Columns of
//! which nothing is known are left out. Totals by cause, task and page follow.

use std::io::Write;
use std::path::PathBuf;

use model::Faults;
use model::faults::KEPT;
use view::faults::{CsvStream, FaultReport, JsonStream, Names};

use crate::format::Format;
use crate::output;
use crate::recording::FaultSourceArgs;
use crate::symbols::Programs;

/// Show the page faults of a recorded serial stream or a text log.
///
/// Understands what a board of ours sends (frames, or its lines of text) and
/// NuttX's `riscv_fillpage: EXCEPTION: …` lines, wherever they stand between boot
/// messages, prompts and other output.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk faults serial.log
  pagewalk faults serial.log --task 3 --elf target/board-side/…/board/touch_test
  pagewalk faults serial.log --totals --top 5
  pagewalk faults serial.log --format json | jq '.causes'
  picocom -b 2000000 /dev/ttyUSB0 | tee serial.log; pagewalk faults - < serial.log")]
pub struct FaultsArgs {
    #[command(flatten)]
    source: FaultSourceArgs,
    /// Name the instructions by the functions of this program; may be repeated,
    /// the first that knows an address names it
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// In the table, only the totals
    #[arg(long)]
    totals: bool,
    /// In the table, rows of each total at most
    #[arg(long, value_name = "ROWS", default_value_t = 10)]
    top: usize,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints them.
pub fn run(args: FaultsArgs) -> anyhow::Result<()> {
    output::answer(|out| write(&args, out))
}

/// Writes them: as they are read, where the form lets it.
fn write(args: &FaultsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let programs = Programs::read(&args.elf)?;
    let names = |epc: u64| programs.name(epc);
    let names: Names<'_> = &names;
    // The beginning belongs to an answer, and a file without a fault has none: it is written with
    // the first fault, or when all are known.
    match args.format {
        Format::Table => {
            let faults = args.source.stream(&mut |_| Ok(()))?;
            if faults.is_long() && !args.totals {
                eprintln!(
                    "note: more than {KEPT} faults: these are their totals; --format csv and json \
                     list each"
                );
            }
            args.format.write(out, &args.report(&faults, names))
        }
        Format::Csv => {
            let (mut free, mut lines) = (Some(out), None);
            let faults = args.source.stream(&mut |row| {
                if let Some(out) = free.take() {
                    lines = Some(CsvStream::begin(out, names)?);
                }
                lines.as_mut().map_or(Ok(()), |lines| lines.row(row))
            })?;
            match (lines, free) {
                (Some(lines), _) => Ok(lines.end()?),
                (None, Some(out)) => args.format.write(out, &args.report(&faults, names)),
                (None, None) => Ok(()),
            }
        }
        Format::Json => {
            let (mut free, mut object) = (Some(out), None);
            let faults = args.source.stream(&mut |row| {
                if let Some(out) = free.take() {
                    object = Some(JsonStream::begin(out, names)?);
                }
                object.as_mut().map_or(Ok(()), |object| object.row(row))
            })?;
            match (object, free) {
                (Some(object), _) => Ok(object.end(&faults)?),
                (None, Some(out)) => args.format.write(out, &args.report(&faults, names)),
                (None, None) => Ok(()),
            }
        }
    }
}

impl FaultsArgs {
    fn report<'a>(&self, faults: &'a Faults, names: Names<'a>) -> FaultReport<'a> {
        FaultReport {
            faults,
            names,
            each: !self.totals,
            top: self.top,
        }
    }
}
