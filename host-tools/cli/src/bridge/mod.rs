//! `pagewalk bridge`: page tables for a program that can read memory and knows nothing of them.
//!
//! The program writes a request, a line; reads are asked of it; the answer comes as text. Each
//! line below that begins with `>` is written to us:
//!
//! ```text
//! > walk 0x10000 --satp 0x8000000000080120
//! memory
//! > data 466c617456696577…        what tells RAM: a memory map, QEMU's `info mtree -f`; or `all`
//! read 0x80120000 4096
//! > data 01f8060000…
//! text satp 0x8000000000080120: sv39, asid 0, root 0x80120000
//! end
//! ```

use std::io::Write;

use clap::Parser;
use link::memory::Pipe;
use model::CrashRegisters;
use pagetable::{Mode, Xlen};
use view::View;
use view::explain::Explained;
use view::fields;

use crate::tables::{PteArgs, SpaceArgs, TablesArgs, number};
use crate::tables_command::TablesCommand;
use crate::walk;

/// Serve a debugger's plugin: it reads the memory, this knows what page tables mean.
///
/// Requests are lines on standard input: walk, map, find, diff, lint, stats, ws, chart, snapshot,
/// satp and explain, each with the options that it lists with --help. What is memory is asked for
/// with `memory`, and answered with `data HEX`, a text that tells it, or `all`; what is to be read
/// with `read ADDR LENGTH …`, and answered with `data HEX …`, a `-` for what cannot be read. An
/// answer is lines of `text`, then `end`, or `error` and why.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  echo 'satp 0x8000000000080120' | pagewalk bridge
In gdb:
  source gdb-plugin/pagewalk.py")]
pub struct BridgeArgs {}

/// What can be asked for.
#[derive(Parser)]
#[command(no_binary_name = true, name = "", disable_help_subcommand = true)]
enum BridgeRequest {
    #[command(flatten)]
    Tables(TablesCommand),
    /// The physical address of a virtual one, or why there is none
    Pa(At),
    /// What an address is mapped as: `rwxugad`
    Flags(At),
    /// Take a value of satp apart
    Satp {
        /// The value, hexadecimal
        #[arg(value_parser = number)]
        value: u64,
        #[command(flatten)]
        writing: PteArgs,
    },
    /// Say why a hart trapped, and how the address is translated
    Explain(Explain),
}

/// One address.
#[derive(clap::Args)]
struct At {
    #[arg(value_parser = number)]
    va: u64,
    #[command(flatten)]
    tables: TablesArgs,
}

/// A trap, as its registers tell it.
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
const WITHOUT: [&str; 2] = ["satp", "diff"];

impl BridgeRequest {
    /// Reads the words of a line; whoever asks is where memory is.
    fn parse(line: &str, pipe: &Pipe) -> Result<BridgeRequest, clap::Error> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let is_help = words.iter().any(|word| matches!(*word, "--help" | "-h"));
        if words.first().is_some_and(|word| !WITHOUT.contains(word)) && !is_help {
            words.extend(["--from", "pipe:"]);
        }
        let mut request = BridgeRequest::try_parse_from(words)?;
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
            BridgeRequest::Satp { .. } => return None,
        })
    }
}

/// Answers requests until the input ends.
pub fn run(_: BridgeArgs) -> anyhow::Result<()> {
    let pipe = Pipe::standard()?;
    while let Some(line) = pipe.line()? {
        if line.trim().is_empty() {
            continue;
        }
        let mut text = Vec::new();
        let answer = match BridgeRequest::parse(&line, &pipe) {
            Ok(request) => answer(request, &mut text).map_err(|error| format!("{error:#}")),
            // Help is an answer too.
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

/// An error's first paragraph, in one line.
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
