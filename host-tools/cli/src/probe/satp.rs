//! `pagewalk probe satp`: which page tables are in force.

use view::fields;

use crate::format::Format;
use crate::hart::{ProbeBoardArgs, ProbedHart};

/// Show the root of the page tables that a hart uses.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe satp
  pagewalk probe satp 0403:6010 --board ox64 --format json")]
pub struct ProbeSatpArgs {
    /// The probe: VENDOR:PRODUCT, VENDOR:PRODUCT:SERIAL, bitbang://HOST:PORT; else the only one
    #[arg(default_value = "", hide_default_value = true)]
    probe: String,
    #[command(flatten)]
    wiring: ProbeBoardArgs,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints it, field by field.
pub fn run(args: ProbeSatpArgs) -> anyhow::Result<()> {
    let mut hart = ProbedHart::open(&args.probe, &args.wiring)?;
    let (satp, xlen) = (hart.target()?.satp()?, hart.xlen()?);
    hart.close()?;
    let value = fields::satp(satp, xlen);
    let format = args.format;
    format.answer(&value)
}
