//! `pagewalk bridge`: page tables for a program that can read memory.
//!
//! The program writes a request as a line, answers the reads that the bridge requests, and receives the
//! result as text. Lines that begin with `>` are sent by the program:
//!
//! ```text
//! > walk 0x10000 --satp 0x8000000000080120
//! memory
//! > data 466c617456696577…        a text that lists RAM: a memory map, QEMU's `info mtree -f`; or `all`
//! read 0x80120000 4096
//! > data 01f8060000…
//! text satp 0x8000000000080120: sv39, asid 0, root 0x80120000
//! end
//! ```

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser};
use link::memory::{PhysRange, Pipe};
use model::CrashRegisters;
use pagetable::{Memory, Mode, PhysAddr, Xlen};
use view::View;
use view::explain::Explained;
use view::fields;

use crate::settings::Settings;
use crate::tables::{PteArgs, SpaceArgs, TablesArgs, number, span};
use crate::tables_command::TablesCommand;
use crate::{common_options, walk};

/// Serve a debugger's plugin, which reads the memory.
///
/// Requests are lines on standard input: walk, map, find, diff, lint, stats, ws, chart, snapshot, satp,
/// explain, bytes and ram, each with the options listed by --help. The bridge asks for the memory map with `memory`; the
/// answer is `data HEX`, a text that lists RAM, or `all`. It asks for reads with `read ADDR LENGTH …`; the
/// answer is `data HEX …`, with `-` for what cannot be read. A result is lines of `text`, then `end`, or
/// `error` and the reason.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  echo 'satp 0x8000000000080120' | pagewalk bridge
In gdb:
  source gdb-plugin/pagewalk.py")]
pub struct BridgeArgs {}

/// A request of the plugin.
#[derive(Parser)]
#[command(no_binary_name = true, name = "", disable_help_subcommand = true)]
enum BridgeRequest {
    #[command(flatten)]
    Tables(TablesCommand),
    /// The physical address of a virtual one, or why it is not mapped
    Pa(At),
    /// The flags of an address: `rwxugad`
    Flags(At),
    /// Decode a value of satp
    Satp {
        /// The value, in hexadecimal, with or without 0x
        #[arg(value_parser = number)]
        value: u64,
        #[command(flatten)]
        writing: PteArgs,
    },
    /// Explain why a hart trapped, and how the address is translated
    Explain(Explain),
    /// Physical memory in hexadecimal
    Bytes {
        /// The physical address
        #[arg(value_parser = number)]
        pa: u64,
        /// How many bytes
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
        length: u32,
        #[command(flatten)]
        tables: TablesArgs,
    },
    /// Whether that can be memory, as `--ram` takes it
    Ram {
        /// Runs of addresses
        #[arg(value_parser = span)]
        spans: Vec<PhysRange>,
    },
}

/// A virtual address with the options of its tables.
#[derive(clap::Args)]
struct At {
    #[arg(value_parser = number)]
    va: u64,
    #[command(flatten)]
    tables: TablesArgs,
}

/// The registers of a trap.
#[derive(clap::Args)]
struct Explain {
    #[arg(long, value_parser = number)]
    scause: u64,
    #[arg(long, value_parser = number)]
    sepc: u64,
    #[arg(long, value_parser = number)]
    stval: u64,
    #[arg(long, value_parser = number)]
    sp: Option<u64>,
    #[arg(long, value_parser = number)]
    ra: Option<u64>,
    #[command(flatten)]
    tables: TablesArgs,
}

/// Requests that read no memory.
const WITHOUT: [&str; 3] = ["satp", "diff", "ram"];

impl BridgeRequest {
    /// Parses a request line, with the boards of the settings; memory is read through `pipe`.
    fn parse(
        line: &str,
        pipe: &Pipe,
        settings: &Arc<Settings>,
    ) -> Result<BridgeRequest, clap::Error> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let is_help = words.iter().any(|word| matches!(*word, "--help" | "-h"));
        if words.first().is_some_and(|word| !WITHOUT.contains(word)) && !is_help {
            words.extend(["--from", "pipe:"]);
        }
        let command = common_options::add_boards(BridgeRequest::command(), settings);
        let matches = command.try_get_matches_from(words)?;
        let mut request = BridgeRequest::from_arg_matches(&matches)?;
        if let Some(roots) = request.roots() {
            roots.pipe = Some(pipe.clone());
        }
        Ok(request)
    }

    fn roots(&mut self) -> Option<&mut SpaceArgs> {
        Some(match self {
            BridgeRequest::Tables(command) => command.space_args()?,
            BridgeRequest::Pa(at) | BridgeRequest::Flags(at) => &mut at.tables.roots,
            BridgeRequest::Explain(args) => &mut args.tables.roots,
            BridgeRequest::Bytes { tables, .. } => &mut tables.roots,
            BridgeRequest::Satp { .. } | BridgeRequest::Ram { .. } => return None,
        })
    }
}

/// Answers requests until the input ends.
pub fn run(_: BridgeArgs) -> anyhow::Result<()> {
    let pipe = Pipe::standard()?;
    let settings = Arc::new(Settings::read(std::iter::empty())?);
    while let Some(line) = pipe.line()? {
        if line.trim().is_empty() {
            continue;
        }
        let mut text = Vec::new();
        let answer = match BridgeRequest::parse(&line, &pipe, &settings) {
            Ok(request) => answer(request, &mut text).map_err(|error| format!("{error:#}")),
            // Help is a result too.
            Err(error) if !error.use_stderr() => {
                text.extend(error.to_string().bytes());
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        let last = match &answer {
            Ok(()) => "end".to_owned(),
            Err(error) => format!("error {}", one_line(error)),
        };
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().map(|line| format!("text {line}\n"));
        let all: String = lines.chain([last + "\n"]).collect();
        pipe.write(&all)?;
    }
    Ok(())
}

/// The first paragraph of an error, on one line.
fn one_line(error: &str) -> String {
    let first = error.split("\n\n").next().unwrap_or(error);
    let first = first.trim().trim_start_matches("error: ");
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn answer(request: BridgeRequest, out: &mut dyn Write) -> anyhow::Result<()> {
    match request {
        BridgeRequest::Tables(command) => command.write(out),
        BridgeRequest::Pa(at) => pa(&at, out),
        BridgeRequest::Flags(at) => flags(&at, out),
        BridgeRequest::Satp { value, writing } => {
            let xlen = writing.xlen()?.unwrap_or(Xlen::Rv64);
            Ok(fields::satp(value, xlen).table(out)?)
        }
        BridgeRequest::Explain(args) => explain(&args, out),
        BridgeRequest::Bytes { pa, length, tables } => bytes(pa, length, &tables, out),
        // What they are was read already, or refused.
        BridgeRequest::Ram { spans: _ } => Ok(()),
    }
}

fn pa(at: &At, out: &mut dyn Write) -> anyhow::Result<()> {
    let walked = walk::of(at.tables.open()?, at.va)?;
    match walked.walk.address() {
        Some(address) => Ok(writeln!(out, "{address}")?),
        None => anyhow::bail!("{}", view::walk::reason(&walked)),
    }
}

fn flags(at: &At, out: &mut dyn Write) -> anyhow::Result<()> {
    let walked = walk::of(at.tables.open()?, at.va)?;
    match walked.walk.outcome {
        pagetable::WalkOutcome::Mapped { leaf, .. } => Ok(writeln!(out, "{}", leaf.pte.flags())?),
        _ => anyhow::bail!("{}", view::walk::reason(&walked)),
    }
}

fn explain(args: &Explain, out: &mut dyn Write) -> anyhow::Result<()> {
    let open = args.tables.open()?;
    let (satp, xlen) = (open.single_root()?, open.xlen);
    let crash = CrashRegisters {
        scause: Some(args.scause),
        sepc: Some(args.sepc),
        stval: Some(args.stval),
        sp: args.sp,
        ra: args.ra,
        satp: Some(satp.encode(xlen)),
        ..CrashRegisters::default()
    };
    let walked = match crash.is_about_an_address(xlen) && satp.mode != Mode::Bare {
        true => Some(walk::of(open, args.stval)?),
        false => None,
    };
    let verdict = walked.as_ref().zip(crash.access(xlen));
    let explained = Explained {
        crash: &crash,
        xlen,
        names: &|_| None,
        sources: &|_| None,
        stopped: None,
        has_walk: verdict.is_some(),
    };
    view::explain::table(out, &explained)?;
    if let Some(walked) = walked {
        writeln!(out)?;
        walked.table(out)?;
        if let Some(access) = crash.access(xlen) {
            writeln!(out, "{}", view::walk::verdict(&walked, access, None))?;
        }
    }
    Ok(())
}

fn bytes(pa: u64, length: u32, tables: &TablesArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut memory = tables.open()?.memory;
    // Words that are aligned, as memory is read for tables; of the first and the last a part may be wanted.
    let skipped = (pa % 8) as usize;
    let mut read = Vec::new();
    let mut at = pa - skipped as u64;
    while read.len() < skipped + length as usize {
        read.extend(memory.read_word(PhysAddr::new(at), 8)?.to_le_bytes());
        at = at.checked_add(8).context("memory ends there")?;
    }
    let read = &read[skipped..skipped + length as usize];
    for line in read.chunks(64) {
        let digits: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{digits}")?;
    }
    Ok(())
}
