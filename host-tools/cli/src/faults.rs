//! `pagewalk faults`: the page faults of a recording.
//!
//! ```text
//! $ pagewalk faults stack_test.txt
//! seconds   cause                 access  address     epc
//! 0.015000  Store/AMO page fault  write   0xc0001000  0x8000eb08
//! 0.016000  Store/AMO page fault  write   0xc0002000  0x8000eb08
//! ```
//!
//! Columns: time, cause, access, address, and the instruction that made the access. A Pagewalk board also
//! reports task, region and outcome. Columns without any value are left out. Totals by cause, task and page
//! follow.

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
/// Decodes the output of a Pagewalk board (frames, or lines of text) and NuttX's `riscv_fillpage: EXCEPTION:
/// …` lines, between boot messages, prompts and other output.
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
    /// Symbolize instructions with this program; may be repeated, the first match counts
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// Table: totals only
    #[arg(long)]
    totals: bool,
    /// Table: maximum number of rows in each total
    #[arg(long, value_name = "ROWS", default_value_t = 10)]
    top: usize,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the faults to stdout.
pub fn run(args: FaultsArgs) -> anyhow::Result<()> {
    output::answer(|out| write(&args, out))
}

/// Writes the faults: one by one where the format permits it.
fn write(args: &FaultsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let programs = Programs::read(&args.elf)?;
    let names = |epc: u64| programs.name(epc);
    let names: Names<'_> = &names;
    // A file without a fault has no output: the header is written with the first fault, or at the end.
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
