//! `pagewalk probe satp`: the active page tables of a hart.

use view::fields;

use super::args::ProbeFirstArgs;

/// Show the root of the page tables that a hart uses.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe satp
  pagewalk probe satp 0403:6010 --board ox64 --format json")]
pub struct ProbeSatpArgs {
    #[command(flatten)]
    hart: ProbeFirstArgs,
}

/// Prints the decoded register.
pub fn run(args: ProbeSatpArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    let (satp, xlen) = (hart.target()?.satp()?, hart.xlen()?);
    hart.close()?;
    let value = fields::satp(satp, xlen);
    let format = args.hart.format;
    format.answer(&value)
}
