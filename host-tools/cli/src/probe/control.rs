//! `pagewalk probe halt|resume|reset`: the run state of a hart.

use std::time::Duration;

use anyhow::bail;
use model::probe::{Left, mode};

use super::args::ProbeFirstArgs;
use crate::hart::ProbedHart;
use crate::tables::number;

/// CSRs of Debug Mode: Debug spec, §4.8.
const DCSR: u16 = 0x7b0;
const DPC: u16 = 0x7b1;

/// Halt a hart, now or at an instruction, and leave it halted.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe halt
  pagewalk probe halt --at 0xffffffff80001000 --patience 30")]
pub struct HaltArgs {
    #[command(flatten)]
    hart: ProbeFirstArgs,
    /// Run until it reaches this instruction, in any mode
    #[arg(long, value_name = "ADDR", value_parser = number)]
    at: Option<u64>,
    /// Time limit for reaching it, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    patience: u32,
}

/// Resume a halted hart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe resume
  pagewalk probe resume --hart 1")]
pub struct ResumeArgs {
    #[command(flatten)]
    hart: ProbeFirstArgs,
}

/// Reset a board; afterwards the hart runs, or is halted at its first instruction.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe reset
  pagewalk probe reset --halt")]
pub struct ResetArgs {
    #[command(flatten)]
    hart: ProbeFirstArgs,
    /// Halt at the first instruction
    #[arg(long)]
    halt: bool,
}

/// Halts the hart and reports its state.
pub fn halt(args: HaltArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    match args.at {
        None => hart.target()?.halt()?,
        Some(address) => {
            let patience = Duration::from_secs(args.patience.into());
            if !hart.target()?.halt_at(address, patience)? {
                hart.close()?;
                let seconds = args.patience;
                bail!("the hart did not come to {address:#x} in {seconds} s; it runs on");
            }
        }
    }
    write(hart, &args.hart, true)
}

/// Resumes the hart and reports its state.
pub fn resume(args: ResumeArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    hart.target()?.resume()?;
    write(hart, &args.hart, false)
}

/// Resets the board and reports the hart's state.
pub fn reset(args: ResetArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    hart.target()?.reset(args.halt)?;
    write(hart, &args.hart, args.halt)
}

/// Reports the state in which the hart is left.
fn write(mut hart: ProbedHart, args: &ProbeFirstArgs, is_halted: bool) -> anyhow::Result<()> {
    let halted = match is_halted {
        true => {
            let target = hart.target()?;
            let (pc, dcsr) = (target.csr(DPC)?, target.csr(DCSR)?);
            Some((pc, mode(dcsr)))
        }
        false => None,
    };
    hart.close()?;
    let answer = Left {
        hart: args.wiring.number(),
        halted,
    };
    let format = args.format;
    format.answer(&answer)
}
