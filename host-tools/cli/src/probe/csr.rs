//! `pagewalk probe csr`: CSRs of a hart.

use model::csr;
use model::probe::{NamedRegister, RegisterDump};

use super::args::ProbeOptionArgs;

/// Parses a CSR by name or number.
fn number(text: &str) -> Result<u16, String> {
    csr::number(text)
        .ok_or_else(|| format!("no CSR `{text}`; satp, scause, 0x5c0 (up to 0xfff) would be some"))
}

/// Show control and status registers of a hart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe csr scause sepc stval
  pagewalk probe csr 0x5c0 --probe 0403:6010
  pagewalk probe csr satp --format json")]
pub struct ProbeCsrArgs {
    /// Names, or numbers from 0x0 to 0xfff
    #[arg(required = true, value_name = "CSR", value_parser = number)]
    registers: Vec<u16>,
    #[command(flatten)]
    hart: ProbeOptionArgs,
}

/// Prints the registers.
pub fn run(args: ProbeCsrArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    let xlen = hart.xlen()?;
    let mut found = RegisterDump {
        xlen,
        registers: Vec::new(),
    };
    for number in args.registers {
        let value = hart.target()?.csr(number)?;
        let name = csr::name(number).map(str::to_owned);
        found.registers.push(NamedRegister {
            name: name.unwrap_or_else(|| format!("{number:#05x}")),
            number,
            value,
        });
    }
    hart.close()?;
    let format = args.hart.format;
    format.answer(&found)
}
